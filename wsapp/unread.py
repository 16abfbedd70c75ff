"""TLS of Twisted's: how much of what it answers by itself a peer may have it say.

A peer of TLS 1.3 may ask for a new key with every few bytes (KeyUpdate, RFC 8446 4.6.3).  Each time OpenSSL
answers, and Twisted keeps that for as long as the peer does not read, whoever has paused what.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL

__all__ = ["ANSWERS", "BoundedConnection"]

#: Bytes of answers, in all of a connection's life: some 2,400 new keys. Who is careful wants one for each
#: 2**24 records.
ANSWERS = 65536

# What a record adds to its content: at most, with the ciphers that are used (RFC 5246 6.2.3.3, RFC 8446 5.2).
_ADDED = 29


class BoundedConnection(SSL.Connection):
    """OpenSSL's connection, which ends once it has answered too much.

    :param layer: Twisted's, that it is for.
    """

    def __init__(self, context: SSL.Context, layer: Any) -> None:
        super().__init__(context, None)
        self._layer = layer
        self._answered = 0

    def send(self, buf: Any, flags: int = 0) -> int:
        """Encrypt what the application sends: one record at most."""
        sent = super().send(buf, flags)
        self._answered -= sent + _ADDED
        return sent

    def bio_read(self, bufsiz: int) -> bytes:
        """What is to go to the peer: where nothing was sent, it is an answer."""
        data = super().bio_read(bufsiz)
        self._answered = max(0, self._answered + len(data))
        return data

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """What the peer says.

        :raises WantReadError: Nothing more is there, or it has had too much answered: its connection is over.
        """
        if self._answered > ANSWERS:
            self._layer.abortConnection()
            raise SSL.WantReadError
        return super().recv(bufsiz, flags)
