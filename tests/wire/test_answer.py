"""Tests of `wsapp.wire.answer`: however it is cut, an answer is the same answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.wire.case import Case
from tests.wire.machines import cut
from tests.wire.profile import STABLE
from wsapp.errors import BadResponse, ConnectFailed, HandshakeRefused
from wsapp.limits import Limits
from wsapp.wire.answer import Answer
from wsapp.wire.asking import Asking
from wsapp.wire.deflate import Compression
from wsapp.wire.events import Event
from wsapp.wire.selection import HeadReader
from wsapp.wire.url import parseURL
from wsapp.wire.versions import HIXIE_76, VERSIONS, Version, negotiate

URL = parseURL("ws://example.com/demo")
LIMITS = Limits(maxHead=2000, maxLine=1000, maxMessage=3000)


def conversation(version: Version, messages: list[str]) -> tuple[Asking, bytes]:
    """A request, and everything that our own server then sends."""
    asking = Asking(URL, version, ["x"])
    reader = HeadReader(LIMITS)
    head = reader.receive(asking.request)
    assert head is not None
    opening = negotiate(head, frozenset(VERSIONS))
    accepted = opening.accept("x", [], "ws://example.com/demo", Compression.TAKEOVER)
    challenge = accepted.challenge(reader.rest) if accepted.challenge else b""
    _, sender = opening.framing(accepted, LIMITS)
    frames = b"".join(sender.encode(message) for message in messages) + sender.close(1000, "bye")
    return asking, accepted.head + challenge + frames


def outcome(asking: Asking, pieces: list[bytes]) -> tuple[object, ...]:
    """What a client makes of the bytes: an agreement and events, or an error."""
    answer = Answer(asking, LIMITS)
    receiver = None
    events: list[Event] = []
    agreement = None
    try:
        for piece in pieces:
            if receiver is None:
                agreement = answer.receive(piece)
                if agreement is None:
                    continue
                receiver, _ = asking.framing(agreement, LIMITS)
                piece = answer.rest
            receiver.receive(piece)
            while not receiver.hungry:
                events += receiver.next(3, 500)
    except ConnectFailed as error:
        return type(error), str(error), getattr(error, "body", None)
    if agreement is None:
        ended = answer.end()
        return type(ended), str(ended), getattr(ended, "body", None)
    return agreement.subprotocol, agreement.deflation, list(agreement.headers), events


PLACES = st.lists(st.integers(0, 1500), max_size=8)


class ChunkingTests(Case):
    """The central property, for a client, from the first byte of the answer to the last frame."""

    @STABLE
    @given(
        st.sampled_from(VERSIONS),
        st.lists(st.sampled_from(["", "Hello", "é" * 200, "x" * 2000, "y" * 4000]), max_size=4),
        PLACES,
    )
    def test_accepted(self, version: Version, messages: list[str], places: list[int]) -> None:
        """A handshake and what follows."""
        asking, data = conversation(version, messages)
        atOnce = outcome(asking, [data])
        self.assertEqual(atOnce[0], "x")
        self.assertEqual(outcome(asking, list(cut(data, places))), atOnce)

    def test_everyByte(self) -> None:
        """Byte by byte, and cut once at every place."""
        for version in VERSIONS:
            asking, data = conversation(version, ["Hello", "x" * 300])
            atOnce = outcome(asking, [data])
            self.assertEqual(outcome(asking, [data[n : n + 1] for n in range(len(data))]), atOnce)
            for place in range(len(data)):
                self.assertEqual(outcome(asking, [data[:place], data[place:]]), atOnce)

    @STABLE
    @given(st.sampled_from(VERSIONS), PLACES, st.integers(0, 400), st.binary(min_size=1, max_size=3))
    def test_damaged(self, version: Version, places: list[int], place: int, damage: bytes) -> None:
        """Whatever is wrong with it."""
        asking, data = conversation(version, ["Hello"])
        data = data[:place] + damage + data[place + len(damage) :]
        self.assertEqual(outcome(asking, list(cut(data, places))), outcome(asking, [data]))

    @STABLE
    @given(
        st.sampled_from(
            [
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nsorry and more",
                b"HTTP/1.1 500 Oh\r\n\r\nuntil the end",
                b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsorry\r\n0\r\n\r\n",
                b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\n" * 9,
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
                b"HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n",
                b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1200,
                b"SSH-2.0-OpenSSH_9\r\n",
                b"",
            ]
        ),
        PLACES,
    )
    def test_refused(self, data: bytes, places: list[int]) -> None:
        """Refusals, and what is no answer."""
        asking = Asking(URL)
        found = outcome(asking, list(cut(data, places)))
        self.assertEqual(found, outcome(asking, [data]))


class RefusalTests(Case):
    """What a refusal carries."""

    def test_carries(self) -> None:
        """Status, headers and body."""
        error = self.raised(
            HandshakeRefused,
            Answer(Asking(URL), LIMITS).receive,
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nwho",
        )
        self.assertEqual((error.status, error.body), (401, b"who"))
        self.assertEqual(error.headers.get("www-authenticate"), "Basic")
        self.assertEqual(str(error), "the server has answered 401 Unauthorized")

    def test_interim(self) -> None:
        """A few interim responses may come first."""
        asking, data = conversation(VERSIONS[0], [])
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        self.assertIsNotNone(Answer(asking, LIMITS).receive(hints * 8 + data))
        error = self.raised(BadResponse, Answer(asking, LIMITS).receive, hints * 9 + data)
        self.assertIn("interim", str(error))

    def test_ended(self) -> None:
        """What the connection's end makes of what has come."""
        for data, kind in (
            (b"HTTP/1.1 2", BadResponse),
            (b"HTTP/1.1 500 Oh\r\nContent-Length: 10\r\n\r\nsor", HandshakeRefused),
            (conversation(VERSIONS[0], [])[1][:60], BadResponse),
        ):
            answer = Answer(Asking(URL), LIMITS)
            self.assertIsNone(answer.receive(data))
            self.assertIs(type(answer.end()), kind)
        self.assertIsNone(Answer(Asking(URL), LIMITS).end())

    def test_endedBeforeTheDigest(self) -> None:
        """hixie-76's 101 is not all of its answer."""
        asking, data = conversation(HIXIE_76, [])
        answer = Answer(asking, LIMITS)
        self.assertIsNone(answer.receive(data[: data.index(b"\r\n\r\n") + 19]))
        self.assertIsInstance(answer.end(), BadResponse)
