"""Bytes in and out of OpenSSL, by pyOpenSSL's public methods; ``_c.engine`` does the same in C.

May import ``records``.
"""

from __future__ import annotations

__all__ = ["PIECE", "Engine"]

from OpenSSL.SSL import Connection, Error, WantReadError

from wsapp.loop.records import complete

PIECE = 16384
"""Bytes that are handed to OpenSSL, or asked of it, at once: its buffers keep the size that they once had.
It is also the most that one record holds."""

ROOM = 512
"""How much longer than what is written its records may be, to be fetched with one call."""


class Engine:
    """Decrypts and encrypts for one connection whose handshake is over; during it, see :meth:`feed`.

    It knows from the headers of the records how many can be decrypted, so that mostly OpenSSL is asked for
    nothing that it does not have.

    :ivar refused: why the last :meth:`receive` or :meth:`drain` got nothing for a record: ``WantReadError``
        where it was one of TLS's own, which it may want to answer; ``ZeroReturnError`` for the farewell;
        another for what is no good TLS; None where every record had data
    """

    __slots__ = ("_bioRead", "_bioWrite", "_head", "_recv", "_rest", "_send", "refused")

    def __init__(self, connection: Connection) -> None:
        """
        :param connection: one with memory BIOs
        """
        self._bioRead = connection.bio_read
        self._bioWrite = connection.bio_write
        self._recv = connection.recv
        self._send = connection.send
        self._rest, self._head = 0, b""
        self.refused: Error | None = None

    def feed(self, data: bytes) -> None:
        """Take what arrived, for the handshake.

        :param data: at most :data:`PIECE` bytes
        """
        self._bioWrite(data)
        _, self._rest, self._head = complete(data, self._rest, self._head)

    def receive(self, data: bytes) -> bytes:
        """Take what arrived.

        :returns: what was in the records that are complete with it; see :attr:`refused`
        """
        self.refused = None
        parts: list[bytes] = []
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self._bioWrite(piece)
            count, self._rest, self._head = complete(piece, self._rest, self._head)
            try:
                while count:
                    parts.append(self._recv(PIECE))
                    count -= 1
            except Error as error:
                # Without its traceback, which would keep what was read.
                self.refused = error.with_traceback(None)
                if not isinstance(error, WantReadError):
                    break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def drain(self) -> bytes:
        """What is there although nobody knows of how many records: after the handshake.

        :returns: as :meth:`receive`; :attr:`refused` is never None
        """
        parts: list[bytes] = []
        try:
            while True:
                parts.append(self._recv(PIECE))
        except Error as error:
            self.refused = error.with_traceback(None)
        return b"".join(parts)

    def encrypt(self, data: bytes) -> bytes:
        """What to send for some bytes, and whatever else OpenSSL has to send.

        :raises OpenSSL.SSL.WantReadError: nothing can be sent until the peer has said more; try again then
        :raises OpenSSL.SSL.Error: nothing can be sent any more
        """
        made: list[bytes] = []
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            try:
                self._send(piece)
            except WantReadError:
                if start:
                    raise Error([("SSL routines", "", "a handshake began amidst a write")]) from None
                raise
            most = len(piece) + ROOM
            made.append(self._bioRead(most))
            if len(made[-1]) == most:
                self._more(made)
        return made[0] if len(made) == 1 else b"".join(made)

    def _more(self, made: list[bytes]) -> None:
        try:
            while True:
                made.append(self._bioRead(PIECE))
        except WantReadError:
            pass
