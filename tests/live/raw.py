"""A bare socket that speaks HTTP and WebSocket bytes: what no client of today sends, what the drafts' did.

Imports nothing of wsapp, so that a mistake of ours cannot hide itself.  Framing is RFC 6455 section 5.2.
"""

from __future__ import annotations

import socket
import ssl
import struct
from types import TracebackType
from typing import TYPE_CHECKING

from tests.live.server import LIMIT

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CLOSE", "KEY", "PING", "PONG", "TEXT", "Raw", "frame"]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

#: RFC 6455 section 1.3's key, and the accept value that it calls for.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, mask: bytes = b"\x37\xfa\x21\x3d"
) -> bytes:
    """:return: A client's frame, masked."""
    size = len(payload)
    if size < 126:
        head = bytes([opcode | 0x80 * final, 0x80 | size])
    elif size < 65536:
        head = bytes([opcode | 0x80 * final, 0x80 | 126]) + struct.pack(">H", size)
    else:
        head = bytes([opcode | 0x80 * final, 0x80 | 127]) + struct.pack(">Q", size)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


class Raw:
    """A blocking connection to the loopback; a context manager that closes it.

    :param where: A TCP port, or the path of a UNIX socket.
    :param context: Speak TLS.
    """

    def __init__(self, where: int | str, *, context: ssl.SSLContext | None = None) -> None:
        self.buffer = b""
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(LIMIT)
            self.socket.connect(where)
        else:
            self.socket = socket.create_connection(("127.0.0.1", where), LIMIT)
        self.host = f"127.0.0.1:{where}" if isinstance(where, int) else "localhost"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def request(self, path: str = "/", headers: str = "", *, method: str = "GET") -> None:
        """Send a request head; ``headers`` are whole lines, parted by ``\\n``."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", *headers.split("\n")]
        self.send(
            "".join(line.strip() + "\r\n" for line in lines if line.strip()).encode("latin-1") + b"\r\n"
        )

    def upgrade(self, path: str = "/", headers: str = "", *, version: int | str = 13) -> str:
        """Shake hands as hybi clients do.

        :return: The response's head, as :meth:`head` does.
        """
        self.request(
            path,
            "Upgrade: websocket\nConnection: Upgrade\n"
            f"Sec-WebSocket-Key: {KEY}\nSec-WebSocket-Version: {version}\n{headers}",
        )
        return self.head()

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        self.buffer += data
        return bool(data)

    def until(self, end: bytes) -> bytes:
        """:return: All up to and with ``end``.
        :raises EOFError: The connection ended before; the message has what came."""
        while end not in self.buffer:
            if not self._more():
                raise EOFError(f"ended, with {self.buffer!r}, before {end!r} came")
        found, _, self.buffer = self.buffer.partition(end)
        return found + end

    def exactly(self, size: int) -> bytes:
        """:return: So many bytes.
        :raises EOFError: The connection ended before; the message has what came."""
        while len(self.buffer) < size:
            if not self._more():
                raise EOFError(f"ended, with {self.buffer!r}, before {size} bytes came")
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def rest(self) -> bytes:
        """:return: All that comes until the server ends the connection."""
        while self._more():
            pass
        found, self.buffer = self.buffer, b""
        return found

    def head(self) -> str:
        """:return: A response's head, up to and with the blank line."""
        return self.until(b"\r\n\r\n").decode("latin-1")

    def response(self) -> tuple[str, bytes]:
        """:return: A response's head, and the body that its Content-Length or chunks give."""
        head = self.head()
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n"))
        }
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size)
                self.exactly(2)
            self.exactly(2)
            return head, body
        return head, self.exactly(int(fields.get("content-length", 0)))

    def frame(self) -> tuple[int, bytes]:
        """:return: Opcode (with FIN and RSV bits, as the first byte on the wire has them) and payload of the
        next frame, which must not be masked."""
        first, size = self.exactly(2)
        assert not size & 0x80, "a server's frames are never masked (RFC 6455 5.1)"
        if size == 126:
            (size,) = struct.unpack(">H", self.exactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.exactly(8))
        return first, self.exactly(size)
