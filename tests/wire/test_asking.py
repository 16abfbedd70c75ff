"""Tests of `wsapp.wire.asking`: what a client asks, and what it takes for an answer."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from tests.wire.case import Case
from tests.wire.vectors import HANDSHAKES, KEYS
from wsapp.errors import BadResponse
from wsapp.limits import Limits
from wsapp.wire import asking
from wsapp.wire.asking import Asking, checkFields
from wsapp.wire.deflate import Compression, Deflation
from wsapp.wire.handshake import keyNumber
from wsapp.wire.response import ResponseHead, ResponseReader
from wsapp.wire.selection import HeadReader
from wsapp.wire.url import parseURL
from wsapp.wire.versions import HIXIE_75, HIXIE_76, HYBI_07, HYBI_08, RFC_6455, VERSIONS, Version, negotiate

URL = parseURL("ws://example.com/demo")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
RIGHT = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ACCEPT]
EVERY = frozenset(VERSIONS)


def head(fields: Sequence[tuple[str, str]], start: str = "HTTP/1.1 101 Switching Protocols") -> ResponseHead:
    """A response's head, read as it would be."""
    lines = [start, *(f"{name}: {value}" for name, value in fields), "", ""]
    found = ResponseReader(Limits()).receive("\r\n".join(lines).encode("latin-1"))
    assert found is not None
    return found


class AskingCase(Case):
    """Handshakes whose secrets are those of the specifications."""

    def setUp(self) -> None:
        self.put(os, "urandom", {16: b"the sample nonce", 8: b"^n:ds[4U"}.__getitem__)
        keys = [KEYS[0][0], KEYS[1][0]] * 100
        self.put(asking, "_hixieKey", lambda: keys.pop(0))


class VectorTests(AskingCase):
    """The answers that stand in the specifications."""

    def test_answers(self) -> None:
        """Each version takes its example's answer, and no other's version's."""
        self.put(os, "urandom", {16: b"the sample nonce", 8: b"^n:ds[4U"}.__getitem__)
        for version, name in zip(
            VERSIONS, ["RFC 6455", "hybi-08", "hybi-07", "hixie-76", "hixie-75"], strict=True
        ):
            vector = next(one for one in HANDSHAKES if one.name.startswith(name))
            asked = Asking(URL, version, ["sample"], origin="http://example.com")
            reader = ResponseReader(Limits())
            found = reader.receive(vector.response)
            assert found is not None
            self.assertEqual(asked.check(found).subprotocol, "sample", name)
            self.assertEqual(len(reader.rest), asked.trailing, name)
            if asked.trailing:
                asked.checkDigest(reader.rest)
                self.raised(BadResponse, asked.checkDigest, reader.rest[:-1] + b"!")


class RequestTests(AskingCase):
    """The bytes that go out."""

    def test_rfc(self) -> None:
        """All that a request may say."""
        url = parseURL("wss://ann:p%C3%A4ss@example.com:8443/chat?a=b")
        asked = Asking(url, RFC_6455, ["a", "b"], [("X-One", "1"), ("Cookie", "c=d")], "https://example.com")
        self.assertEqual(
            asked.request.decode().split("\r\n"),
            [
                "GET /chat?a=b HTTP/1.1",
                "Host: example.com:8443",
                "Upgrade: websocket",
                "Connection: Upgrade",
                f"Sec-WebSocket-Key: {KEY}",
                "Sec-WebSocket-Version: 13",
                "Origin: https://example.com",
                "Sec-WebSocket-Protocol: a, b",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
                "Authorization: Basic YW5uOnDDpHNz",
                "X-One: 1",
                "Cookie: c=d",
                "",
                "",
            ],
        )
        self.assertEqual(asked.head.raw, asked.request)

    def test_offers(self) -> None:
        """What each degree of compression offers; older versions know none."""
        offers = {
            Compression.OFF: None,
            Compression.TAKEOVER: "permessage-deflate; client_max_window_bits",
            Compression.SHARED: "permessage-deflate; client_max_window_bits; server_no_context_takeover; "
            "client_no_context_takeover",
        }
        for compression, offered in offers.items():
            for version in VERSIONS:
                asked = Asking(URL, version, compression=compression)
                self.assertEqual(
                    asked.head.headers.get("Sec-WebSocket-Extensions"),
                    offered if version is RFC_6455 else None,
                )

    def test_ownAuthorization(self) -> None:
        """A header of the program's own goes before the URL's credentials."""
        asked = Asking(parseURL("ws://a:b@h/"), headers=[("authorization", "Bearer x")])
        self.assertEqual(asked.head.headers.getAll("Authorization"), ["Bearer x"])

    def test_oldOrigin(self) -> None:
        """hybi-07 and -08 have a name of their own for it; hixie must have one."""
        for version in (HYBI_07, HYBI_08):
            headers = Asking(URL, version, origin="http://o").head.headers
            self.assertEqual((headers.get("Origin"), headers.get("Sec-WebSocket-Origin")), (None, "http://o"))
        for version in (HIXIE_75, HIXIE_76):
            self.assertEqual(Asking(URL, version).head.headers.get("Origin"), "http://example.com")

    def test_ourServerReadsIt(self) -> None:
        """The server's half recognises every version, with what it asks for, and its answer is taken."""
        for version in VERSIONS:
            for number, url in enumerate(["ws://example.com:81/a?b", "ws://[::1]/", "wss://h/"]):
                asked = Asking(parseURL(url), version, ["x"], [("X-A", "b")])
                reader = HeadReader(Limits())
                found = reader.receive(asked.request)
                assert found is not None
                opening = negotiate(found, EVERY)
                self.assertEqual((opening.version, opening.subprotocols), (version, ("x",)))
                self.assertEqual(found.headers.get("X-A"), "b")
                accepted = opening.accept("x", [], url, Compression.SHARED)
                answer = ResponseReader(Limits())
                response = answer.receive(accepted.head)
                assert response is not None
                self.assertEqual(asked.check(response).subprotocol, "x", (version, number))
                if accepted.challenge is not None:
                    asked.checkDigest(accepted.challenge(reader.rest))
                else:
                    self.assertEqual(reader.rest, b"")

    def test_cannotBeAsked(self) -> None:
        """Arguments that would break the request, or that are not this handshake's to say."""
        for version, arguments in (
            (RFC_6455, {"subprotocols": ["a b"]}),
            (RFC_6455, {"subprotocols": ["a,b"]}),
            (RFC_6455, {"subprotocols": [""]}),
            (RFC_6455, {"subprotocols": ["a\r\nX: y"]}),
            (RFC_6455, {"subprotocols": ["a", "b", "a"]}),
            (HIXIE_76, {"subprotocols": ["a", "b"]}),
            (RFC_6455, {"origin": "http://a b"}),
            (RFC_6455, {"origin": "http://a\r\nX: y"}),
            (RFC_6455, {"headers": [("X", "a\r\nY: b")]}),
        ):
            self.raised(ValueError, lambda v=version, a=arguments: Asking(URL, v, **a))

    def test_fields(self) -> None:
        """Headers of a program's own: what can be one, and what may not."""
        self.assertEqual(
            checkFields([("A", "b c"), ("B", "é")]),
            [("A", "b c"), ("B", "é")],
        )
        for name, value in (
            ("A B", "c"),
            ("", "c"),
            ("A:", "c"),
            ("A", "b\nc"),
            ("A", "b\rc"),
            ("A", "b\x00c"),
            ("A", "b\x7f"),
            ("A", "€"),
            ("A", " b"),
            ("Host", "evil"),
            ("sec-websocket-KEY", "x"),
            ("Upgrade", "h2c"),
            ("Connection", "close"),
            ("Content-Length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("Origin", "x"),
        ):
            error = self.raised(ValueError, checkFields, [(name, value)])
            self.assertNotIn("evil", str(error))


class HixieKeyTests(Case):
    """hixie-76's keys, as the specification has them made (4.1)."""

    def test_keys(self) -> None:
        """1 to 12 spaces, not at the ends; other characters between; a number that divides."""
        numbers = set()
        for _ in range(300):
            key = asking._hixieKey()
            self.assertRegex(key, r"\A[\x21-\x7e][\x20-\x7e]*[\x21-\x7e]\Z")
            self.assertIn(key.count(" "), range(1, 13))
            self.assertTrue(re.search("[^0-9 ]", key))
            numbers.add(keyNumber(key))
        self.assertGreater(len(numbers), 295)

    def test_secretsDiffer(self) -> None:
        """Each request has its own."""
        for version in (RFC_6455, HIXIE_76):
            self.assertEqual(len({Asking(URL, version).request for _ in range(50)}), 50)


class CheckTests(AskingCase):
    """Answers that must not be taken (RFC 6455 4.1)."""

    def refused(
        self, fields: Sequence[tuple[str, str]], why: str, version: Version = RFC_6455, **asked: object
    ) -> None:
        """Assert that this 101 is none, and for that reason."""
        error = self.raised(BadResponse, Asking(URL, version, **asked).check, head(fields))  # type: ignore[arg-type]
        self.assertIn(why, str(error))

    def test_right(self) -> None:
        """What is needed; case does not matter where it must not."""
        agreement = Asking(URL).check(head(RIGHT))
        self.assertEqual(agreement[:2], (None, None))
        Asking(URL).check(head([("uPgrade", "WebSocket"), ("Connection", "keep-alive, UPGRADE"), ACCEPT]))

    def test_missing(self) -> None:
        """Each of them is needed, and once."""
        for number, name in enumerate(["Upgrade", "Connection", "Sec-WebSocket-Accept"]):
            self.refused([*RIGHT[:number], *RIGHT[number + 1 :]], name)
        for field in (RIGHT[0], ACCEPT):
            self.refused([*RIGHT, field], f"more than one {field[0]}")

    def test_wrong(self) -> None:
        """Wrong values, which are shown in part only."""
        self.refused([("Upgrade", "h2c"), *RIGHT[1:]], "'h2c'")
        self.refused([RIGHT[0], ("Connection", "close"), ACCEPT], "Connection")
        self.refused([*RIGHT[:2], (ACCEPT[0], ACCEPT[1].upper())], "Accept")
        error = self.raised(BadResponse, Asking(URL).check, head([*RIGHT[:2], (ACCEPT[0], "x" * 5000)]))
        self.assertLess(len(str(error)), 400)
        self.raised(BadResponse, Asking(URL).check, head(RIGHT, "HTTP/1.0 101 x"))

    def test_subprotocol(self) -> None:
        """One that was offered, or none."""
        name = "Sec-WebSocket-Protocol"
        self.assertEqual(Asking(URL, subprotocols=["a", "b"]).check(head([*RIGHT, (name, "b")]))[0], "b")
        self.assertIsNone(Asking(URL, subprotocols=["a"]).check(head(RIGHT)).subprotocol)
        self.refused([*RIGHT, (name, "a")], "not offered")
        for said in ("c", "A", "a, b", ""):
            self.refused([*RIGHT, (name, said)], "not offered", subprotocols=["a", "b"])
        self.refused([*RIGHT, (name, "a"), (name, "a")], "more than one", subprotocols=["a"])

    def test_extensions(self) -> None:
        """Agreed to in a way that was offered."""
        name = "Sec-WebSocket-Extensions"
        for said, deflation in {
            "": None,
            "permessage-deflate": Deflation(False, False),
            "permessage-deflate; server_no_context_takeover": Deflation(True, False),
            "permessage-deflate; client_no_context_takeover": Deflation(False, True),
            "permessage-deflate; server_max_window_bits=8": Deflation(False, False, 8),
            'permessage-deflate; client_max_window_bits="9"': Deflation(False, False, 15, 9),
        }.items():
            self.assertEqual(Asking(URL).check(head([*RIGHT, (name, said)])).deflation, deflation, said)
        for said in (
            "x-webkit-deflate-frame",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate, x",
            "permessage-deflate, @",
            "permessage-deflate; unknown",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate=1",
            "@",
        ):
            self.refused([*RIGHT, (name, said)], "the server")
        self.refused([*RIGHT, (name, "permessage-deflate")], "not offered", compression=Compression.OFF)
        self.refused([*RIGHT, (name, "permessage-deflate")], "not offered", HYBI_08)
        self.refused(
            [*RIGHT, (name, "permessage-deflate")],
            "server_no_context_takeover",
            compression=Compression.SHARED,
        )
        agreement = Asking(URL, compression=Compression.SHARED).check(
            head([*RIGHT, (name, "permessage-deflate; server_no_context_takeover")])
        )
        self.assertEqual(agreement.deflation, Deflation(True, True))

    def test_hixie(self) -> None:
        """Origin, Location and subprotocol are said again; none may differ."""
        for version, prefix in ((HIXIE_75, ""), (HIXIE_76, "Sec-")):
            fields = [
                *RIGHT[:2],
                (f"{prefix}WebSocket-Origin", "http://example.com"),
                (f"{prefix}WebSocket-Location", "ws://example.com/demo"),
            ]
            Asking(URL, version).check(head(fields))
            self.refused(fields[:3], "Location", version)
            self.refused([*fields[:2], fields[3]], "Origin", version)
            self.refused([*fields[:3], (fields[3][0], "ws://example.com/other")], "Location", version)
            self.refused([*fields[:2], (fields[2][0], "null"), fields[3]], "Origin", version)
            self.refused(fields, "without the subprotocol", version, subprotocols=["a"])
            self.refused([*fields, (f"{prefix}WebSocket-Protocol", "a")], "not offered", version)


class FramingTests(Case):
    """Both halves, against a server's halves."""

    def test_roundTrips(self) -> None:
        """Every version, and every agreement about compression, both ways."""
        from wsapp.wire.deflate import Deflater, Inflater
        from wsapp.wire.hixie import HixieReceiver, HixieSender
        from wsapp.wire.selection import HybiReceiver, HybiSender

        limits = Limits()
        agreements = [
            Deflation(server, client, bits, other)
            for server in (True, False)
            for client in (True, False)
            for bits, other in ((15, 15), (9, 12), (12, 8))
        ]
        for version in VERSIONS:
            for deflation in [None, *(agreements if version is RFC_6455 else [])]:
                receiver, sender = asking.framing(version, deflation, limits)
                if version.number is None:
                    theirs = HixieReceiver(limits, version.hasClose), HixieSender(version.hasClose)
                elif deflation is None:
                    theirs = HybiReceiver(limits, version.number), HybiSender(version.number)  # type: ignore[assignment]
                else:
                    inflater = Inflater(deflation.clientMaxWindowBits, deflation.clientNoContextTakeover)
                    deflater = (
                        Deflater(deflation.serverMaxWindowBits, deflation.serverNoContextTakeover)
                        if deflation.serverMaxWindowBits > 8
                        else None
                    )
                    theirs = HybiReceiver(limits, 13, inflater), HybiSender(13, deflater)  # type: ignore[assignment]
                for message in ("hello " * 100, "hello " * 100, "é"):
                    for one, other in ((sender, theirs[0]), (theirs[1], receiver)):
                        other.receive(one.encode(message))
                        self.assertEqual(other.next(10, 10**6), [message], (version, deflation))
