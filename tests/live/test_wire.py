"""Each version, plain HTTP and the Flash policy on the wire of a real server, byte by byte."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import struct
import time

from tests.live.case import LiveTestCase
from tests.live.raw import ACCEPT, CLOSE, PING, PONG, TEXT, Raw, frame

#: draft-ietf-hybi-thewebsocketprotocol-00, section 1.3: keys, key3 and the digest that they call for.
HIXIE_KEYS = (
    "Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8\n"
    "Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0"
)
HIXIE_KEY3, HIXIE_DIGEST = b"Tm[K T2u", b"fQJ,fN/4F4!~K~MH"


class HixieTests(LiveTestCase):
    """hixie-75 and hixie-76."""

    def test_draft76(self) -> None:
        """The draft's own example, a message, the closing handshake."""
        _, port = self.serve()
        with Raw(port) as client:
            client.request(
                "/",
                f"Connection: Upgrade\n{HIXIE_KEYS}\nUpgrade: WebSocket\nOrigin: http://{client.host}",
            )
            # Proxies buffer: the head has to come before key3 is sent.
            head = client.head()
            self.assertTrue(
                head.startswith(
                    "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"
                    "Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
                ),
                head,
            )
            self.assertIn(f"\r\nSec-WebSocket-Origin: http://{client.host}\r\n", head)
            self.assertIn(f"\r\nSec-WebSocket-Location: ws://{client.host}/\r\n", head)
            client.send(HIXIE_KEY3)
            self.assertEqual(HIXIE_DIGEST, client.exactly(16))
            client.send(b"\x00Gr\xc3\xbc\xc3\x9fe\xff")
            self.assertEqual(b"\x00Gr\xc3\xbc\xc3\x9fe\xff", client.until(b"\xff"))
            client.send(b"\xff\x00")
            self.assertEqual(b"\xff\x00", client.exactly(2))
            self.assertEqual(b"", client.rest())

    def test_draft76InOneSegment(self) -> None:
        """Head, key3 and a frame in one segment; and all of it byte by byte."""
        for cut in (False, True):
            _, port = self.serve()
            with Raw(port) as client:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                text = (
                    f"GET / HTTP/1.1\r\nHost: {client.host}\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
                    + HIXIE_KEYS.replace("\n", "\r\n")
                    + f"\r\nOrigin: http://{client.host}\r\n\r\n"
                )
                data = text.encode() + HIXIE_KEY3 + b"\x00hi\xff"
                for part in [data[at : at + 1] for at in range(len(data))] if cut else [data]:
                    client.send(part)
                client.head()
                self.assertEqual(HIXIE_DIGEST + b"\x00hi\xff", client.exactly(20))

    def test_draft75(self) -> None:
        """No keys: the older handshake, byte for byte, and a message."""
        _, port = self.serve()
        with Raw(port) as client:
            client.request("/", f"Upgrade: WebSocket\nConnection: Upgrade\nOrigin: http://{client.host}")
            head = client.head()
            self.assertTrue(
                head.startswith(
                    "HTTP/1.1 101 Web Socket Protocol Handshake\r\n"
                    "Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
                ),
                head,
            )
            self.assertIn(f"\r\nWebSocket-Origin: http://{client.host}\r\n", head)
            self.assertIn(f"\r\nWebSocket-Location: ws://{client.host}/\r\n", head)
            client.send(b"\x00hello\xff")
            self.assertEqual(b"\x00hello\xff", client.exactly(7))

    def test_endlessLength(self) -> None:
        """A length that never ends is cut off."""
        _, port = self.serve()
        with Raw(port) as client:
            client.request("/", f"Upgrade: WebSocket\nConnection: Upgrade\nOrigin: http://{client.host}")
            client.head()
            client.send(b"\x80" + b"\xff" * 64)
            client.rest()


class HybiTests(LiveTestCase):
    """hybi-07, hybi-08 and RFC 6455."""

    def test_versions(self) -> None:
        """Handshake with the RFC's vector, echo, ping, close, for each version number."""
        _, port = self.serve()
        for version in (7, 8, 13):
            with Raw(port) as client:
                header = "Origin" if version == 13 else "Sec-WebSocket-Origin"
                head = client.upgrade("/", f"{header}: http://{client.host}", version=version)
                self.assertTrue(head.startswith("HTTP/1.1 101 Switching Protocols\r\n"), head)
                self.assertIn(f"\r\nsec-websocket-accept: {ACCEPT}\r\n".lower(), head.lower())
                client.send(frame(TEXT, b"Hel", final=False) + frame(PING, b"?") + frame(0, b"lo"))
                self.assertEqual(
                    [(0x80 | PONG, b"?"), (0x80 | TEXT, b"Hello")], [client.frame(), client.frame()]
                )
                client.send(frame(CLOSE, struct.pack(">H", 1000) + b"bye"))
                opcode, payload = client.frame()
                self.assertEqual((0x80 | CLOSE, struct.pack(">H", 1000)), (opcode, payload[:2]))
                self.assertEqual(b"", client.rest())

    def test_unknownVersion(self) -> None:
        """426, with the list."""
        _, port = self.serve()
        for version in ("9", "6", "14", "x"):
            with Raw(port) as client:
                head = client.upgrade(version=version)
                self.assertIn(" 426 ", head)
                self.assertIn("\r\nsec-websocket-version: 13, 8, 7\r\n", head.lower())

    def test_narrowedVersions(self) -> None:
        """``--versions 13``: hybi-08 gets 426 with the shorter list, hixie is no WebSocket any more."""
        _, port = self.serve("--versions", "13")
        with Raw(port) as client:
            head = client.upgrade(version=8)
            self.assertIn(" 426 ", head)
            self.assertIn("\r\nsec-websocket-version: 13\r\n", head.lower())
        with Raw(port) as client:
            client.request("/", f"Upgrade: WebSocket\nConnection: Upgrade\nOrigin: http://{client.host}")
            self.assertNotIn(" 101 ", client.head())

    def test_crossOrigin(self) -> None:
        """Another site's page gets 403 in every version; the log has a line that names the option."""
        server, port = self.serve()
        for version, header in (
            (7, "Sec-WebSocket-Origin"),
            (8, "Sec-WebSocket-Origin"),
            (8, "Origin"),
            (13, "Origin"),
        ):
            with Raw(port) as client:
                self.assertIn(" 403 ", client.upgrade("/", f"{header}: http://evil.example", version=version))
        with Raw(port) as client:
            client.request("/", "Upgrade: WebSocket\nConnection: Upgrade\nOrigin: http://evil.example")
            self.assertIn(" 403 ", client.head())
        self.assertIn("--allow-origin", server.log)

    def test_rebinding(self) -> None:
        """A loopback listener answers to no name but its own."""
        _, port = self.serve()
        with Raw(port) as client:
            client.host = f"evil.example:{port}"
            self.assertIn(" 403 ", client.upgrade())

    def test_violations(self) -> None:
        """What may not be sent, and the close code that it gets."""
        server, port = self.serve("--max-message", "1K")
        for code, data in (
            (1002, b"\x81\x02hi"),
            (1002, b"\xc1\x80\x00\x00\x00\x00"),
            (1002, frame(3)),
            (1002, frame(0, b"x")),
            (1002, frame(PING, b"x", final=False)),
            (1002, frame(CLOSE, b"x")),
            (1002, frame(CLOSE, struct.pack(">H", 1005))),
            (1007, frame(TEXT, b"\xff", final=False)),
            (1007, frame(TEXT, b"\xed\xa0\x80")),
            # The size alone is enough: the payload is not waited for.
            (1009, b"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00"),
            (1002, b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"),
        ):
            with Raw(port) as client:
                client.upgrade()
                client.send(data)
                opcode, payload = client.frame()
                self.assertEqual((0x80 | CLOSE, code), (opcode, *struct.unpack(">H", payload[:2])), data)
                client.send(frame(CLOSE, payload[:2]))
                self.assertEqual(b"", client.rest())
        self.assertNotIn("Traceback", server.log)

    def test_deadClient(self) -> None:
        """One that never answers a ping is dropped; one that does stays."""
        _, port = self.serve("--ping-interval", "0.5", "--ping-timeout", "2")
        with Raw(port) as dead, Raw(port) as living:
            dead.upgrade()
            living.upgrade()
            end = time.monotonic() + 4
            while time.monotonic() < end:
                opcode, payload = living.frame()
                self.assertEqual(0x80 | PING, opcode)
                living.send(frame(PONG, payload))
            self.assertIn(b"\x89", dead.rest())

    def test_handshakeTimeout(self) -> None:
        """Half a head holds no connection for ever."""
        _, port = self.serve("--handshake-timeout", "1")
        with Raw(port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost:")
            began = time.monotonic()
            client.rest()
            self.assertLess(time.monotonic() - began, 10)


class HttpTests(LiveTestCase):
    """The same port speaks HTTP."""

    def test_keptAlive(self) -> None:
        """Requests one after another, then an Upgrade, on one connection."""
        _, port = self.serve("--app", "chat")
        with Raw(port) as client:
            for path, status in (("/", 302), ("/chat/", 200), ("/no-such-page", 404), ("/chat/", 200)):
                client.request(path)
                head, body = client.response()
                self.assertIn(f" {status} ", head.partition("\r\n")[0], path)
                self.assertTrue(body, path)
            self.assertIn(" 101 ", client.upgrade("/chat"))
            client.send(frame(PING, b"there?"))
            while (received := client.frame())[0] == 0x80 | TEXT:
                pass
            self.assertEqual((0x80 | PONG, b"there?"), received)

    def test_pipelined(self) -> None:
        """Requests, an Upgrade and a frame in one segment: each is answered, in order."""
        _, port = self.serve()
        with Raw(port) as client:
            plain = f"GET /echo/ HTTP/1.1\r\nHost: {client.host}\r\n\r\n".encode()
            post = f"POST /echo/ HTTP/1.1\r\nHost: {client.host}\r\nContent-Length: 5\r\n\r\nGET /".encode()
            upgrade = (
                f"GET / HTTP/1.1\r\nHost: {client.host}\r\n"
                "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ).encode()
            client.send(plain + plain + post + upgrade + frame(TEXT, b"glued"))
            self.assertIn(" 200 ", client.response()[0])
            self.assertIn(" 200 ", client.response()[0])
            self.assertIn(" 405 ", client.response()[0])
            self.assertIn(" 101 ", client.head())
            self.assertEqual((0x80 | TEXT, b"glued"), client.frame())

    def test_head(self) -> None:
        """HEAD has no body, and the next request on the connection is answered."""
        _, port = self.serve()
        with Raw(port) as client:
            client.request("/echo/", method="HEAD")
            self.assertIn(" 200 ", client.head())
            client.request("/echo/")
            self.assertIn(" 200 ", client.response()[0])

    def test_rubbish(self) -> None:
        """What is not HTTP ends without a traceback."""
        _, port = self.serve()
        for data in (
            b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
            b"\r\n\r\n\r\n\r\n",
            b"GET\r\n\r\n",
            b"\x00" * 20_000,
        ):
            with Raw(port) as client:
                client.send(data)
                client.socket.shutdown(socket.SHUT_WR)
                self.assertNotIn(b" 101 ", client.rest())

    def test_largeHead(self) -> None:
        """A head past its limit: 431."""
        _, port = self.serve("--max-head", "2K")
        with Raw(port) as client:
            client.request("/", "\n".join(f"X-{number}: {'x' * 100}" for number in range(40)))
            self.assertIn(" 431 ", client.head())


class FlashTests(LiveTestCase):
    """``<policy-file-request/>``."""

    def test_policy(self) -> None:
        """The policy and a NUL, then the end; cut in two as well; it grants what ``--allow-origin`` does."""
        _, port = self.serve("--allow-origin", "http://friend.example")
        for parts in ([b"<policy-file-request/>\0"], [b"<policy-", b"file-request/>\0"]):
            with Raw(port) as client:
                for part in parts:
                    client.send(part)
                    time.sleep(0.05)
                answer = client.rest()
                self.assertTrue(answer.startswith((b"<?xml", b"<cross-domain-policy")), answer)
                self.assertTrue(answer.endswith(b"</cross-domain-policy>\0"), answer)
                self.assertIn(b"friend.example", answer)

    def test_policyThatGrantsNothing(self) -> None:
        """Without ``--allow-origin``."""
        _, port = self.serve()
        with Raw(port) as client:
            client.send(b"<policy-file-request/>\0")
            answer = client.rest()
            self.assertTrue(answer.endswith(b"</cross-domain-policy>\0"), answer)
            self.assertNotIn(b"allow-access-from", answer)
