"""Tests of `wsapp.plainhttp`: what a port answers besides, and how it gets back to WebSockets."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import _producer_helpers
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.task import Cooperator
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http import Request as HTTPRequest
from twisted.web.server import Request, Site
from zope.interface import directlyProvides, implementer, providedBy

from tests.peers import Pages, Peer, Recorder, ServedCase, World, head, opening
from tests.wire.machines import cut
from tests.wire.profile import STABLE
from wsapp.origins import Origins
from wsapp.wire.selection import HybiSender

CLIENT = HybiSender(masked=True)


def get(path: str = "/", *lines: str, method: str = "GET") -> bytes:
    """A plain request."""
    return head(*lines, target=path, method=method)


def post(path: str, body: bytes, *lines: str) -> bytes:
    """A plain request with a body of a declared length."""
    return head(f"Content-Length: {len(body)}", *lines, target=path, method="POST") + body


def chunked(path: str, *chunks: bytes) -> bytes:
    """The same in chunks."""
    coded = b"".join(b"%x;a=b\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return head("Transfer-Encoding: chunked", target=path, method="POST") + coded


def statuses(data: bytes) -> list[int]:
    """The status codes in an answer."""
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d\d\d)", data)]


class HTTPCase(ServedCase):
    """A server with pages."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World(Recorder(onMessage=lambda client, message: client.send(message)))
        self.pages = self.world.pages

    def answered(self, peer: Peer, *pieces: bytes) -> bytes:
        """What a peer is answered, without the parts that change."""
        for piece in pieces:
            peer.feed(piece)
        return re.sub(rb"(Date|Server): .*?\r\n", b"", peer.take())

    def ended(self) -> None:
        """All that is open ends, and nothing is left."""
        for peer in self.world.peers:
            peer.lose()
        self.world.nothingLeft(self)
        self.assertEqual(self.flushLoggedErrors(), [])


class RequestTests(HTTPCase):
    """One request, one response."""

    def test_plain(self) -> None:
        """The site is handed the request, and the connection stays."""
        peer = self.world.peer()
        answer = self.answered(peer, get("/a?b"))
        self.assertEqual(statuses(answer), [200])
        self.assertTrue(answer.endswith(b"\r\n\r\nGET /a "), answer)
        self.assertIsNone(peer.transport.ended)
        self.ended()

    def test_kept(self) -> None:
        """Many, one after the other."""
        peer = self.world.peer()
        for number in range(300):
            self.assertTrue(self.answered(peer, get(f"/{number}")).endswith(b"GET /%d " % number))
        self.ended()

    def test_pipelined(self) -> None:
        """Many in one piece, answered in order."""
        answer = self.answered(self.world.peer(), b"".join(get(f"/{n}") for n in range(50)))
        self.assertEqual(re.findall(rb"GET /(\d+)", answer), [b"%d" % n for n in range(50)])
        self.ended()

    def test_thousandsInOneRead(self) -> None:
        """As many small requests as a read can hold: no depth is reached, no traceback made."""
        count = 65536 // 27
        peer = self.world.peer(bufferSize=1 << 30)
        peer.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * count)
        self.assertEqual(len(self.pages.asked), count)
        self.ended()

    def test_freed(self) -> None:
        """A request is freed once it is answered; of one that is cut off amid its body, that body."""
        made: list[weakref.ref[Any]] = []
        site = self.world.terms.site
        assert site is not None
        build = site.buildProtocol

        def watched(address: Any) -> Any:
            channel = build(address)
            make = channel.requestFactory

            def remembered(*arguments: Any, **keywords: Any) -> Any:
                request = make(*arguments, **keywords)
                made.append(weakref.ref(request))
                return request

            directlyProvides(remembered, providedBy(make))
            channel.requestFactory = remembered
            return channel

        self.patch(site, "buildProtocol", watched)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        peer = self.world.peer()
        self.answered(peer, post("/a", b"x" * 1000), get("/b"))
        peer.feed(post("/c", b"x" * 1000)[:-1])
        peer.lose()
        first, second, cutOff = (reference() for reference in made)
        self.assertEqual((first, second), (None, None))
        self.assertTrue(cutOff is None or cutOff.content.closed)
        self.ended()

    def test_head(self) -> None:
        """HEAD has no body, and the next request is not taken for one."""
        answer = self.answered(self.world.peer(), get("/a", method="HEAD") + get("/b"))
        self.assertEqual(statuses(answer), [200, 200])
        self.assertNotIn(b"HEAD", answer)
        self.assertTrue(answer.endswith(b"GET /b "))
        self.ended()

    def test_http10(self) -> None:
        """Its connection ends behind the response; what comes behind the request is not read."""
        peer = self.world.peer()
        answer = self.answered(peer, b"GET /old HTTP/1.0\r\n\r\n" + get("/new"))
        self.assertEqual(statuses(answer), [200])
        self.assertEqual((len(self.pages.asked), peer.transport.ended), (1, "lose"))
        self.world.settle()
        self.ended()

    def test_connectionClose(self) -> None:
        """The client says that this is the last."""
        peer = self.world.peer()
        answer = self.answered(peer, get("/a", "Connection: close") + get("/b"))
        self.assertEqual((statuses(answer), peer.transport.ended), ([200], "lose"))
        self.assertTrue(peer.transport.reading)
        self.world.settle()
        self.ended()

    def test_closeIsBounded(self) -> None:
        """A peer that does not take its last response is not waited for without end."""
        peer = self.world.peer()
        peer.feed(get("/big100000", "Connection: close"))
        self.world.advance(59, settle=False)
        self.assertIsNone(peer.transport.ended)
        self.world.advance(2, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.ended()

    def test_bodies(self) -> None:
        """By length, in chunks, empty: the site gets exactly the body."""
        peer = self.world.peer()
        data = post("/a", b"hello") + chunked("/b", b"hel", b"lo") + post("/c", b"") + get("/d")
        self.answered(peer, data)
        expected = [(b"POST", b"/a", b"hello"), (b"POST", b"/b", b"hello"), (b"POST", b"/c", b"")]
        self.assertEqual(self.pages.asked, [*expected, (b"GET", b"/d", b"")])
        self.pages.asked.clear()
        peer.drip(data)
        self.assertEqual(self.pages.asked, [*expected, (b"GET", b"/d", b"")])
        self.ended()

    def test_expectContinue(self) -> None:
        """Who asks whether to go on is told so before the body."""
        peer = self.world.peer()
        request = post("/a", b"hello", "Expect: 100-continue")
        self.assertEqual(self.answered(peer, request[:-5]), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertTrue(self.answered(peer, request[-5:]).endswith(b"POST /a hello"))
        self.ended()

    def test_tooLarge(self) -> None:
        """A body over the limit is 413, said or counted, and what follows is not read."""
        size = 1024 * 1024
        said = head(f"Content-Length: {size + 1}", method="POST")
        counted = [head("Transfer-Encoding: chunked", method="POST")]
        counted += [b"40000\r\n" + b"x" * 0x40000 + b"\r\n"] * 5
        for pieces in ([said + get("/secret")], [*counted, get("/secret")]):
            peer = self.world.peer()
            answer = self.answered(peer, *pieces)
            self.assertEqual((statuses(answer), peer.transport.ended), ([413], "half"))
        self.assertEqual(self.pages.asked, [])
        self.world.settle()
        self.ended()

    def test_largest(self) -> None:
        """One of just the limit is served."""
        self.answered(self.world.peer(), post("/a", b"x" * 1024 * 1024))
        self.assertEqual(len(self.pages.asked[0][2]), 1024 * 1024)
        self.ended()

    def test_ambiguous(self) -> None:
        """A body whose length two readers could see differently is 400, closed, and never a request."""
        smuggled = get("/secret")
        for lines in (
            ["Content-Length: 5", "Transfer-Encoding: chunked"],
            ["Content-Length: 5", "Content-Length: 5"],
            ["Content-Length: 5, 5"],
            ["Content-Length: +5"],
            ["Content-Length: 0x5"],
            ["Transfer-Encoding: chunked, chunked"],
            ["Transfer-Encoding: identity"],
            ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ):
            peer = self.world.peer()
            data = head(*lines, method="POST") + b"0\r\n\r\n" + smuggled
            self.assertEqual(statuses(self.answered(peer, data)), [400], lines)
            self.assertEqual(peer.transport.ended, "half")
        for chunks in (
            b"5\nhello\n0\n\n",
            b"-5\r\n",
            b"5 x\r\nhello",
            b"2\r\nhello\r\n0\r\n\r\n",
            b"x" * 5000,
        ):
            peer = self.world.peer()
            data = head("Transfer-Encoding: chunked", method="POST") + chunks + smuggled
            self.assertEqual(statuses(self.answered(peer, data)), [400], chunks)
        self.assertEqual(self.pages.asked, [])
        self.world.settle()
        self.ended()

    def test_refusedHead(self) -> None:
        """A response to HEAD has no body, a refusal neither."""
        self.world = World(origins=Origins(hosts=["other.example"]))
        answer = self.answered(self.world.peer(), get(method="HEAD"))
        self.assertEqual(statuses(answer), [403])
        self.assertTrue(answer.endswith(b"\r\n\r\n"))
        answer = self.answered(self.world.peer(), get())
        self.assertTrue(answer.endswith(b"this server does not answer to that Host\n"))

    def test_host(self) -> None:
        """A request names one host, and that is one of ours; HTTP/1.0 need not where none is demanded."""
        right, wrong = "Host: test.example", "Host: evil.example"
        for hosts, loopback, host, bare in (
            (["test.example"], False, right, 403),
            ([], True, "Host: localhost:80", 200),
            ([], False, right, 200),
        ):
            self.world = World(origins=Origins(hosts=hosts))
            self.world.factory.listener.loopback = loopback
            for version, lines, status in (
                (11, [host], 200),
                (11, [wrong], 403 if hosts or loopback else 200),
                (11, [], 400),
                (11, [host, wrong], 400),
                (11, [host, host], 400),
                (11, [f"{host}, evil.example"], 400),
                (11, ["Host:"], 400),
                (10, [host], 200),
                (10, [host, wrong], 400),
                (10, ["Host:"], 400),
                (10, [], bare),
            ):
                data = "\r\n".join([f"GET / HTTP/{version / 10}", *lines, "", ""]).encode()
                answer = self.answered(self.world.peer(), data)
                self.assertEqual(statuses(answer), [status], (hosts, loopback, version, lines))

    def test_noSite(self) -> None:
        """Where there is none: 404."""
        self.world.terms.site = None
        self.assertEqual(statuses(self.answered(self.world.peer(), get())), [404])

    def test_lost(self) -> None:
        """The connection ends amid a request."""
        for data in (get()[:-2], post("/a", b"hello")[:-1], get("/wait")):
            peer = self.world.peer()
            peer.feed(data)
            peer.reset()
        self.assertEqual(len(self.pages.waiting), 1)
        self.ended()


class DeferredTests(HTTPCase):
    """Responses that take their time."""

    def finish(self, text: bytes) -> None:
        """Answer the oldest that waits."""
        request = self.pages.waiting.pop(0)
        request.write(text)
        request.finish()
        self.world.clock.advance(0)

    def test_moreWaits(self) -> None:
        """Input behind it waits, unread past one piece; then it is served in order."""
        peer = self.world.peer()
        peer.feed(get("/wait"))
        self.assertTrue(peer.transport.reading)
        peer.feed(get("/b") + get("/wait2") + get("/d"))
        self.assertFalse(peer.transport.reading)
        channel: Any = self.pages.waiting[0].channel
        channel.transport.resumeProducing()
        self.assertFalse(peer.transport.reading)
        self.assertEqual((self.answered(peer), len(self.pages.asked)), (b"", 1))
        self.finish(b"first")
        answer = self.answered(peer)
        self.assertIn(b"first", answer)
        self.assertIn(b"GET /b ", answer)
        self.assertEqual(len(self.pages.asked), 3)
        self.assertFalse(peer.transport.reading)
        self.finish(b"second")
        self.assertTrue(peer.transport.reading)
        self.assertIn(b"GET /d ", self.answered(peer))
        self.ended()

    def test_upgradeWaits(self) -> None:
        """An Upgrade and a frame behind it too."""
        peer = self.world.peer()
        peer.feed(get("/wait"))
        peer.feed(opening() + CLIENT.encode("glued"))
        self.assertEqual(self.world.app.told, [])  # type: ignore[attr-defined]
        self.finish(b"first")
        answer = peer.take()
        self.assertEqual(statuses(answer), [200, 101])
        self.assertTrue(answer.endswith(b"\x81\x05glued"), answer)
        self.ended()

    def test_noDeadline(self) -> None:
        """A response may take longer than a handshake."""
        peer = self.world.peer()
        peer.feed(get("/wait"))
        self.world.advance(50)
        self.assertIsNone(peer.transport.ended)
        self.finish(b"late")
        self.assertIn(b"late", peer.take())
        self.ended()

    def test_lostMeanwhile(self) -> None:
        """The site is told by ``notifyFinish``, as it is used to."""
        peer = self.world.peer()
        peer.feed(get("/wait"))
        gone = self.pages.waiting[0].notifyFinish()
        peer.reset()
        self.failureResultOf(gone)
        self.ended()

    def test_lastWithMoreWaiting(self) -> None:
        """Where the connection is to end behind it, the peer's end is looked for again."""
        peer = self.world.peer()
        peer.feed(get("/wait", "Connection: close"))
        peer.feed(get("/never"))
        self.assertFalse(peer.transport.reading)
        self.finish(b"last")
        self.assertEqual((peer.transport.ended, peer.transport.reading), ("lose", True))
        self.assertTrue(peer.take().endswith(b"last\r\n0\r\n\r\n"))
        self.world.settle()
        self.ended()

    def test_stop(self) -> None:
        """At the server's end the response that is under way is the last, and is not cut."""
        peer = self.world.peer()
        peer.feed(get("/wait") + get("/never"))
        stopped = self.world.server.stopService()
        self.world.advance(1)
        self.assertNoResult(stopped)
        self.finish(b"in time")
        self.assertTrue(peer.take().endswith(b"in time\r\n0\r\n\r\n"))
        self.assertEqual((peer.transport.ended, len(self.pages.asked)), ("lose", 1))
        self.world.advance(1)
        self.successResultOf(stopped)
        self.ended()

    def test_stopBounded(self) -> None:
        """One that takes too long is."""
        peer = self.world.peer()
        peer.feed(get("/wait"))
        stopped = self.world.server.stopService()
        self.world.advance(7)
        self.assertEqual(peer.transport.ended, "abort")
        self.successResultOf(stopped)
        self.ended()


@implementer(IPushProducer)
class Push:
    """Produces while it may."""

    def __init__(self, request: Request, pieces: int) -> None:
        self.request = request
        self.pieces = pieces
        self.paused = False
        self.stopped = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        while self.pieces and not self.paused:
            self.pieces -= 1
            self.request.write(b"p" * 1000)
        if not self.pieces and not self.paused:
            self.request.unregisterProducer()
            self.request.finish()

    def stopProducing(self) -> None:
        self.stopped = True


@implementer(IPullProducer)
class Pull:
    """Produces when asked."""

    def __init__(self, request: Request, pieces: int) -> None:
        self.request = request
        self.pieces = pieces

    def resumeProducing(self) -> None:
        self.pieces -= 1
        self.request.write(b"p" * 1000)
        if not self.pieces:
            self.request.unregisterProducer()
            self.request.finish()

    def stopProducing(self) -> None:
        pass


class PressureTests(HTTPCase):
    """Who does not read gets no more."""

    def test_pushProducer(self) -> None:
        """A streamed response pauses and goes on, and the next request is served behind it."""
        peer = self.world.peer(bufferSize=10_000)
        peer.feed(get("/wait") + get("/next"))
        request = self.pages.waiting[0]
        producer = Push(request, 100)
        request.registerProducer(producer, True)
        producer.resumeProducing()
        self.assertTrue(producer.paused)
        self.assertLess(len(peer.transport.written), 20_000)
        answer = peer.take()
        self.world.clock.advance(0)
        answer += peer.take()
        self.assertEqual(answer.count(b"p" * 1000), 100)
        self.assertTrue(answer.endswith(b"GET /next "))
        self.ended()

    def test_producerStopped(self) -> None:
        """At the connection's end it is told to stop."""
        peer = self.world.peer(bufferSize=10_000)
        peer.feed(get("/wait"))
        request = self.pages.waiting[0]
        producer = Push(request, 100)
        request.registerProducer(producer, True)
        producer.resumeProducing()
        outlet: Any = peer.transport._producer
        outlet.stopProducing()
        peer.reset()
        self.assertTrue(producer.stopped)
        self.ended()

    def test_pullProducer(self) -> None:
        """One that is asked for each piece is asked as the peer reads."""
        peer = self.world.peer(bufferSize=10_000)
        peer.feed(get("/wait") + get("/next"))
        request = self.pages.waiting[0]
        self.patch(_producer_helpers, "cooperate", Cooperator(scheduler=self.later).cooperate)
        request.registerProducer(Pull(request, 100), False)
        answer = b""
        for _ in range(200):
            self.world.clock.advance(0)
            self.assertLess(len(peer.transport.written), 20_000)
            answer += peer.take()
        self.assertEqual(answer.count(b"p" * 1000), 100)
        self.assertTrue(answer.endswith(b"GET /next "))
        self.ended()

    def later(self, call: Callable[[], object]) -> Any:
        """Twisted's cooperative tasks, in virtual time."""
        return self.world.clock.callLater(0, call)

    def test_asksAndNeverReads(self) -> None:
        """One who asks and asks and reads nothing has a bounded number of answers kept for him."""
        peer = self.world.peer(bufferSize=10_000)
        asked = 0
        for _ in range(1000):
            if not peer.transport.reading:
                break
            peer.feed(get("/big5000") * 10)
            asked += 10
        self.assertFalse(peer.transport.reading)
        self.assertEqual(len(self.pages.asked), 2)
        self.assertLess(len(peer.transport.written), 20_000)
        answer = b""
        while piece := peer.take():
            answer += piece
            self.world.clock.advance(0)
        self.assertEqual(statuses(answer), [200] * asked)
        self.assertTrue(peer.transport.reading)
        self.ended()

    def test_neverReadsIsDropped(self) -> None:
        """By time alone."""
        peer = self.world.peer(bufferSize=10_000)
        peer.feed(get("/big50000") * 2)
        self.world.advance(77, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.ended()

    def test_stopWhileLeaving(self) -> None:
        """The server's end does not cut what is on its way, and reads no more requests."""
        peer = self.world.peer(bufferSize=10_000)
        peer.feed(get("/big50000") * 2)
        stopped = self.world.server.stopService()
        self.world.clock.advance(0)
        self.assertIsNone(peer.transport.ended)
        self.assertTrue(peer.take().endswith(b"\r\n\r\n" + b"x" * 50_000))
        self.assertEqual(peer.transport.ended, "lose")
        self.world.advance(1)
        self.successResultOf(stopped)
        self.assertEqual(len(self.pages.asked), 1)
        self.ended()

    def test_moreWhileLeaving(self) -> None:
        """What still comes then waits."""
        peer = self.world.peer(bufferSize=10_000)
        peer.feed(get("/big50000"))
        peer.feed(get("/b"))
        self.assertEqual(len(self.pages.asked), 1)
        answer = peer.take()
        self.world.clock.advance(0)
        self.assertTrue((answer + peer.take()).endswith(b"GET /b "))
        self.ended()

    def test_upgradeBehindALargeAnswer(self) -> None:
        """The WebSocket begins with a transport that takes data."""
        peer = self.world.peer(bufferSize=10_000)
        peer.feed(get("/big50000") + opening() + CLIENT.encode("hi"))
        answer = peer.take()
        self.world.clock.advance(0)
        answer += peer.take()
        self.assertEqual(statuses(answer), [200, 101])
        self.assertTrue(answer.endswith(b"\x81\x02hi"))
        self.ended()


class FairTests(HTTPCase):
    """One peer's requests do not keep the others waiting."""

    def send(self, *data: bytes) -> list[Peer]:
        """Bytes of several peers come in one turn; the next ones have not come yet."""
        peers = [self.world.peer(bufferSize=1 << 30) for _ in data]
        for peer, piece in zip(peers, data, strict=True):
            peer.connection.dataReceived(piece)
        return peers

    def paths(self) -> list[bytes]:
        return [path for _, path, _ in self.pages.asked]

    def test_pipelined(self) -> None:
        """One request a turn, of each; nothing more is read until the last of them."""
        peers = self.send(*(b"".join(get(f"/{name}{n}") for n in range(3)) for name in "ab"))
        self.assertEqual(self.paths(), [b"/a0", b"/b0"])
        self.assertEqual([peer.transport.reading for peer in peers], [False, False])
        self.world.clock.advance(0)
        self.assertEqual(self.paths(), [b"/a0", b"/b0", b"/a1", b"/b1", b"/a2", b"/b2"])
        self.assertEqual([peer.transport.reading for peer in peers], [True, True])
        self.ended()

    def test_manyChunks(self) -> None:
        """So many chunks a turn; what is behind the body waits."""
        body = chunked("/chunks", *[b"x"] * 200)
        chunky, other = self.send(body + get("/behind"), b"".join(get(f"/{n}") for n in range(5)))
        self.assertEqual((self.paths(), chunky.transport.reading), ([b"/0"], False))
        self.world.clock.advance(0)
        paths = self.paths()
        self.assertEqual(paths, [b"/0", b"/1", b"/2", b"/3", b"/4", b"/chunks", b"/behind"])
        self.assertEqual(self.pages.asked[5][2], b"x" * 200)
        self.assertTrue(chunky.transport.reading)
        self.assertEqual(statuses(other.take()), [200] * 5)
        self.ended()

    def test_moreMeanwhile(self) -> None:
        """What comes all the same while it waits is not lost, and in order."""
        data = chunked("/a", *[b"x"] * 200) + get("/b") + get("/c") + chunked("/d", *[b"y"] * 200)
        for place in range(0, len(data), 97):
            (peer,) = self.send(data[:place])
            peer.feed(data[place:])
            self.assertEqual(self.pages.asked[0][1:], (b"/a", b"x" * 200))
            self.assertEqual(self.pages.asked[3][1:], (b"/d", b"y" * 200))
            self.assertEqual(self.paths()[1:3], [b"/b", b"/c"])
            self.pages.asked.clear()
        self.ended()

    def test_moreMeanwhileAtOnce(self) -> None:
        """The same within one turn."""
        data = get("/a") + get("/b") + get("/c") + chunked("/d", *[b"y"] * 200)
        for size in (10, 100):
            (peer,) = self.send(b"")
            for place in range(0, len(data), size):
                peer.connection.dataReceived(data[place : place + size])
            self.world.clock.advance(0)
            self.assertEqual(self.paths(), [b"/a", b"/b", b"/c", b"/d"])
            self.pages.asked.clear()
        self.ended()

    def test_largeReads(self) -> None:
        """Where this turn has had enough of large reads, a body's next one waits, whole."""
        self.patch(self.world.terms.fairness, "seconds", iter(range(1 << 30)).__next__)
        first, second = self.send(*[post("/x", b"x" * 600_000)[:-400_000]] * 2)
        for peer in (first, second):
            peer.connection.dataReceived(b"x" * 200_000)
        self.assertEqual([peer.transport.reading for peer in (first, second)], [True, False])
        for peer in (first, second):
            peer.feed(b"x" * 200_000)
        self.assertEqual([len(body) for _, _, body in self.pages.asked], [600_000] * 2)
        self.assertEqual([peer.transport.reading for peer in (first, second)], [True, True])
        self.ended()

    def test_lostMeanwhile(self) -> None:
        """Nobody is asked for who has gone."""
        peers = self.send(get("/a") * 2, chunked("/b", *[b"x"] * 200))
        for peer in peers:
            peer.gone = True
            peer.connection.connectionLost(Failure(ConnectionLost()))
        self.world.clock.advance(0)
        self.assertEqual(self.paths(), [b"/a"])
        self.ended()

    def test_stopMeanwhile(self) -> None:
        """The server's end does not wait for requests of which nobody has heard."""
        (peer,) = self.send(get("/a") * 2)
        stopped = self.world.server.stopService()
        self.assertEqual((peer.transport.ended, peer.transport.reading), ("lose", True))
        self.assertEqual(statuses(peer.take()), [200])
        self.world.advance(1)
        self.successResultOf(stopped)
        self.assertEqual(self.paths(), [b"/a"])
        self.ended()

    def test_answeredMeanwhile(self) -> None:
        """A page that answers before the body is whole ends the connection."""
        site = self.world.terms.site
        assert site is not None
        waiting: list[HTTPRequest] = []

        class Later(HTTPRequest):
            def gotLength(self, length: int | None) -> None:
                super().gotLength(length)
                waiting.append(self)

        self.patch(site, "requestFactory", Later)
        (peer,) = self.send(chunked("/b", *[b"x"] * 200))
        waiting[0].setResponseCode(200)
        waiting[0].clientproto, waiting[0].method = b"HTTP/1.1", b"POST"
        waiting[0].finish()
        self.assertEqual((peer.transport.ended, peer.transport.reading), ("lose", True))
        self.world.settle()
        self.ended()

    def test_work(self) -> None:
        """What is behind a request is not copied for each: the work is linear."""
        (peer,) = self.send(b"")
        copied = 0

        class Counted(bytes):
            def __getitem__(self, place: Any) -> Any:
                nonlocal copied
                piece = super().__getitem__(place)
                copied += len(piece) if isinstance(place, slice) else 1
                return piece

        data = Counted(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 10_000)
        peer.connection.dataReceived(data)
        self.world.clock.advance(0)
        self.assertEqual(len(self.pages.asked), 10_000)
        self.assertLess(copied, 10_000 * 17_000)
        self.ended()


class Hasty(HTTPRequest):
    """A person's own request class, which answers before the body has come."""

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length:
            self.setResponseCode(200)
            self.write(b"hasty")
            self.finish()


class SiteTests(HTTPCase):
    """A person's own site."""

    def test_own(self) -> None:
        """It is asked as on a port of its own: its resources, its log, its time-outs."""
        pages = Pages()
        site = Site(pages, reactor=self.world.clock, timeout=7)
        self.world = World(site=site)
        lines: list[HTTPRequest] = []
        self.patch(site, "log", lines.append)
        peer = self.world.peer()
        self.answered(peer, get("/x") + get("/y"))
        self.assertEqual([request.uri for request in lines], [b"/x", b"/y"])
        self.assertEqual(len(pages.asked), 2)

    def test_clientAddress(self) -> None:
        """It sees who asks."""
        seen: list[object] = []
        self.pages.render = (  # type: ignore[method-assign]
            lambda request: seen.append((request.getClientAddress().host, request.isSecure())) or b""  # type: ignore[func-returns-value]
        )
        self.answered(self.world.peer("192.0.2.7"), get())
        self.answered(self.world.peer("192.0.2.8", secure=True), get())
        self.assertEqual(seen, [("192.0.2.7", False), ("192.0.2.8", True)])
        self.ended()

    def test_answersBeforeTheBody(self) -> None:
        """What is left of a body is not read as the next request, whoever answers early."""
        site = self.world.terms.site
        assert site is not None
        self.patch(site, "requestFactory", Hasty)
        for pieces in (1, 2):
            peer = self.world.peer()
            data = post("/a", get("/secret"))
            head, _, body = data.partition(b"\r\n\r\n")
            self.answered(peer, *([data] if pieces == 1 else [head + b"\r\n\r\n", body]))
            self.assertEqual(peer.transport.ended, "lose")
        self.assertEqual(self.pages.asked, [])
        self.world.settle()
        self.ended()

    def test_raises(self) -> None:
        """A page that raises is 500, logged, and the connection goes on."""

        def render(request: Request) -> bytes:
            raise ZeroDivisionError

        self.patch(self.pages, "render", render)
        site = self.world.terms.site
        assert site is not None
        site.displayTracebacks = False
        answer = self.answered(self.world.peer(), get() * 2)
        self.assertEqual(statuses(answer), [500, 500])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.ended()

    def test_silentAmidAResponse(self) -> None:
        """Who does not go on with a body is dropped; Twisted's own channel, which would log it, sleeps."""
        peer = self.world.peer()
        peer.feed(post("/a", b"hello")[:-1])
        self.world.advance(59, settle=False)
        self.assertIsNone(peer.transport.ended)
        self.world.advance(2, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.assertEqual([event for event in self.logged if "lient" in str(event)], [])
        self.ended()


class PaceTests(HTTPCase):
    """A peer has to move: 64 KiB of its body, or of the response, in each keep-alive time-out."""

    def test_drippedBody(self) -> None:
        """A body that comes byte by byte, for ever, gets one time-out; each 64 KiB of it gets one more."""
        peer = self.world.peer()
        peer.feed(post("/a", b"x" * 500_000)[:-500_000])
        for _ in range(59):
            self.world.advance(1)
            peer.feed(b"x")
        self.assertIsNone(peer.transport.ended)
        peer.feed(b"x" * 65536)
        for _ in range(59):
            self.world.advance(1)
            peer.feed(b"x")
        self.assertIsNone(peer.transport.ended)
        self.world.advance(2)
        self.assertEqual(peer.transport.ended, "abort")
        self.assertEqual(self.pages.asked, [])
        self.ended()

    def test_slowBody(self) -> None:
        """A slow, honest one comes to its end, and the page may think about it as long as it likes."""
        peer = self.world.peer()
        body = b"x" * 655_360
        data = post("/wait", body)
        peer.feed(data[: -len(body)])
        for _ in range(20):
            self.world.advance(25)
            peer.feed(body[:32768])
        self.world.advance(1000)
        self.assertIsNone(peer.transport.ended)
        self.pages.waiting[0].finish()
        self.assertEqual(self.pages.asked[0][2], body)
        self.assertEqual(statuses(peer.take()), [200])
        self.ended()

    def test_slowDownload(self) -> None:
        """A response that leaves slowly, but does leave, is not cut, be it the last or not."""
        for lines in ([], ["Connection: close"]):
            peer = self.world.peer()
            peer.feed(get("/big1000000", *lines))
            taken = b""
            while len(taken) < 1_000_000:
                self.world.advance(50, settle=False)
                piece = self.some(peer)
                self.assertTrue(piece)
                taken += piece
            self.world.advance(5, settle=False)
            self.assertEqual(taken[-1_000_000:], b"x" * 1_000_000)
            self.assertEqual(peer.transport.ended, "lose" if lines else None)
        self.world.settle()
        self.ended()

    def some(self, peer: Peer) -> bytes:
        """What the transport holds leaves, once."""
        transport = peer.transport
        taken = bytes(transport.written)
        transport.written.clear()
        if transport._paused:
            transport._paused = False
            assert transport._producer is not None
            transport._producer.resumeProducing()
        return taken

    def test_stalledDownload(self) -> None:
        """One that stands still is, also while the page has not come to its end."""
        for path in ("/big1000000", "/wait"):
            peer = self.world.peer()
            peer.feed(get(path))
            if self.pages.waiting:
                self.pages.waiting[0].write(b"x" * 1_000_000)
            self.world.advance(50, settle=False)
            self.some(peer)
            self.world.advance(59, settle=False)
            self.assertIsNone(peer.transport.ended)
            self.world.advance(2, settle=False)
            self.assertEqual(peer.transport.ended, "abort")
        self.ended()

    def test_largeResponseStaysHere(self) -> None:
        """What the transport was not handed yet is let go of when the connection ends."""
        peer = self.world.peer()
        peer.feed(get("/big1000000"))
        self.assertLess(len(peer.transport.written), 200_000)
        outlet: Any = peer.transport._producer
        outlet.stopProducing()
        self.assertEqual(outlet._waiting, [])
        self.ended()

    def test_brokenBodyBehindAnAnswer(self) -> None:
        """Where an answer has begun, a body that cannot be read ends the connection without a second one."""
        site = self.world.terms.site
        assert site is not None
        peer = self.world.peer()

        class Early(HTTPRequest):
            def gotLength(self, length: int | None) -> None:
                super().gotLength(length)
                self.clientproto = b"HTTP/1.1"
                self.method = b"POST"
                self.setResponseCode(200)
                self.write(b"begun")

        self.patch(site, "requestFactory", Early)
        peer.feed(post("/a", b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"zz\r\n")
        self.assertEqual(statuses(peer.take()), [200])
        self.assertEqual(peer.transport.ended, "lose")
        self.world.settle()
        self.ended()


class ChannelTests(HTTPCase):
    """What the channel sees of the transport."""

    def test_stopProducing(self) -> None:
        """A channel that gives up ends the connection."""
        peer = self.world.peer()
        peer.feed(get("/wait"))
        channel: HTTPChannel = self.pages.waiting[0].channel
        transport: Any = channel.transport
        self.assertFalse(transport.disconnecting)
        transport.pauseProducing()
        self.assertFalse(peer.transport.reading)
        transport.resumeProducing()
        self.assertTrue(peer.transport.reading)
        transport.stopProducing()
        self.assertTrue(transport.disconnecting)
        self.assertEqual(peer.transport.ended, "lose")
        peer.feed(get("/more"))
        self.world.settle()
        self.ended()

    def test_parted(self) -> None:
        """What is left of a channel whose request is answered has no hold on the connection."""
        peer = self.world.peer()
        peer.feed(get("/wait"))
        transport: Any = self.pages.waiting[0].channel.transport
        outlet: Any = peer.transport._producer
        outlet.pauseProducing()
        self.pages.waiting[0].finish()
        outlet.pauseProducing()
        outlet.stopProducing()
        outlet.resumeProducing()
        self.assertFalse(outlet.full)
        outlet.resumeProducing()
        transport.loseConnection()
        self.assertIsNone(peer.transport.ended)
        peer.take()
        self.assertTrue(self.answered(peer, get("/b")).endswith(b"GET /b "))
        self.ended()


class UpgradeTests(HTTPCase):
    """Upgrade on a connection that has served plain requests, as a reverse proxy's pool does."""

    def test_everyVersionAfterPlain(self) -> None:
        """With a frame glued on."""
        frames = {"RFC 6455": CLIENT.encode("hi"), "hixie-76": b"\x00hi\xff", "hixie-75": b"\x00hi\xff"}
        for version, frame in frames.items():
            peer = self.world.peer()
            answer = self.answered(peer, get("/a") + get("/b"), get("/c") + opening(version) + frame)
            self.assertEqual(statuses(answer), [200, 200, 200, 101])
            self.assertTrue(answer.endswith(b"\x81\x02hi" if version == "RFC 6455" else frame), answer)
        self.ended()

    def test_refusedAfterPlain(self) -> None:
        """A refusal ends the connection, as on a fresh one."""
        peer = self.world.peer()
        answer = self.answered(peer, get("/a") + head("Upgrade: websocket") + get("/b"))
        self.assertEqual((statuses(answer), peer.transport.ended), ([200, 400], "half"))
        self.world.settle()
        self.ended()

    def test_otherUpgrades(self) -> None:
        """What does not ask for a WebSocket is the site's affair."""
        answer = self.answered(self.world.peer(), get("/a", "Upgrade: h2c", "Connection: Upgrade"))
        self.assertEqual(statuses(answer), [200])
        self.ended()


CONVERSATION = (
    get("/a")
    + post("/b", b"hello\r\n\r\nGET /c HTTP/1.1\r\n\r\n")
    + get("/d", method="HEAD")
    + b"\r\n"
    + chunked("/e", b"one", b"two\r\n" * 50)
    + get("/stream")
    + opening("RFC 6455")
    + CLIENT.encode("first")
    + CLIENT.encode("x" * 300)
    + CLIENT.encode(b"last")
    + CLIENT.close(1000, "bye")
    + b"what is behind a Close is not read"
)


class CutTests(HTTPCase):
    """Which bytes come out depends on the bytes that went in alone."""

    def converse(self, pieces: list[bytes]) -> tuple[bytes, str | None]:
        """All that the server says to the conversation, and how it ends."""
        self.setUp()
        peer = self.world.peer()
        for piece in pieces:
            peer.connection.dataReceived(piece)
        self.world.clock.advance(0)
        answer = self.answered(peer)
        ended = peer.transport.ended
        self.ended()
        return answer, ended

    def test_whole(self) -> None:
        """The conversation in one piece is what it is thought to be."""
        answer, ended = self.converse([CONVERSATION])
        self.assertEqual(statuses(answer), [200] * 5 + [101])
        self.assertTrue(answer.endswith(b"\x82\x04last\x88\x02\x03\xe8"), answer[-50:])
        self.assertEqual(ended, "lose")

    def test_everyByte(self) -> None:
        """Byte by byte."""
        self.assertEqual(
            self.converse(cut(CONVERSATION, range(len(CONVERSATION)))), self.converse([CONVERSATION])
        )

    def test_everyPlace(self) -> None:
        """Cut in two anywhere."""
        whole = self.converse([CONVERSATION])
        for place in range(1, len(CONVERSATION)):
            self.assertEqual(self.converse(cut(CONVERSATION, [place])), whole, place)

    @STABLE
    @given(st.lists(st.integers(0, len(CONVERSATION)), max_size=12))
    def test_anyCut(self, places: list[int]) -> None:
        """Cut into any pieces."""
        self.assertEqual(self.converse(cut(CONVERSATION, places)), self.converse([CONVERSATION]))


class HeadlessTests(HTTPCase):
    """Time around plain requests."""

    def test_idle(self) -> None:
        """A kept-alive connection may be silent for so long between requests, and no longer."""
        peer = self.world.peer()
        for _ in range(3):
            peer.feed(get())
            peer.take()
            self.world.advance(59)
        self.assertIsNone(peer.transport.ended)
        self.world.advance(2, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.ended()

    def test_dripped(self) -> None:
        """The head of a later request has the handshake's time too, from its first byte."""
        peer = self.world.peer()
        peer.feed(get())
        peer.take()
        self.world.advance(5)
        for byte in get("/" + "x" * 100):
            if peer.transport.ended:
                break
            peer.connection.dataReceived(bytes([byte]))
            self.world.advance(1, settle=False)
        self.assertEqual(peer.transport.ended, "abort")
        self.assertEqual(len(self.pages.asked), 1)
        self.assertLess(self.world.clock.seconds(), 17)
        self.ended()

    def test_stopIdle(self) -> None:
        """The server's end ends idle ones at once."""
        peer = self.world.peer()
        peer.feed(get())
        peer.take()
        stopped = self.world.server.stopService()
        self.world.advance(0.25)
        self.assertEqual(peer.transport.ended, "lose")
        self.successResultOf(stopped)
        self.ended()
