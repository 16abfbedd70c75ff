"""Both ends of TLS in memory: a transport below that only writes down, and a client of pyOpenSSL's."""

# Twisted's test helpers have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.testing import StringTransport

from tests.live.certificates import Authority

__all__ = ["Below", "Peer", "connected", "pump", "serverContext"]


@cache
def _pems() -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Authority(Path(folder)).issue("server")
        return key.read_bytes(), certificate.read_bytes()


def serverContext(version: int | None = None) -> SSL.Context:
    """A server's context with a certificate of its own.

    :param version: the only version spoken
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    key, certificate = _pems()
    context = SSL.Context(SSL.TLS_METHOD)
    secret: Any = load_pem_private_key(key, None)
    context.use_privatekey(secret)
    context.use_certificate(load_pem_x509_certificate(certificate))
    if version is not None:
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
    return context


class Below(StringTransport):
    """What the transport below is asked for.

    :ivar waits: whether what is written waits for the peer to read it
    """

    waits = False
    aborted = False
    unsent = 0

    def isWriting(self) -> bool:
        return self.waits

    def abortConnection(self) -> None:
        self.aborted = True

    def taken(self) -> bytes:
        """What was written since it was asked last."""
        data: bytes = self.value()
        self.clear()
        return data


class Peer:
    """The other end, a client in memory."""

    def __init__(self, context: SSL.Context | None = None) -> None:
        self.connection = SSL.Connection(context or SSL.Context(SSL.TLS_METHOD), None)
        self.connection.set_connect_state()
        #: What it was told.
        self.heard = b""
        #: Why it was told no more: an exception of pyOpenSSL's, once there is one.
        self.ended: SSL.Error | None = None

    def take(self, data: bytes) -> None:
        """Bytes from the server."""
        if data:
            self.connection.bio_write(data)
        try:
            self.connection.do_handshake()
            while True:
                self.heard += self.connection.recv(65536)
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self.ended = error

    def given(self) -> bytes:
        """Bytes for the server."""
        data = b""
        try:
            while True:
                data += self.connection.bio_read(65536)
        except SSL.WantReadError:
            return data

    def say(self, data: bytes) -> bytes:
        """Bytes for the server that hold a message."""
        self.connection.sendall(data)
        return self.given()


def pump(layer: Any, below: Below, peer: Peer) -> None:
    """Carry bytes to and fro until neither has any."""
    peer.take(b"")
    while True:
        out, back = below.taken(), peer.given()
        if out:
            peer.take(out)
        if back:
            layer.dataReceived(back)
        if not out and not back:
            return


def connected(context: SSL.Context | None = None) -> tuple[SSL.Connection, Peer]:
    """Two connections whose handshake is over, and nothing is under way."""
    server = SSL.Connection(context or serverContext(), None)
    server.set_accept_state()
    peer = Peer()
    for _ in range(4):
        peer.take(b"")
        if data := peer.given():
            server.bio_write(data)
        try:
            server.do_handshake()
        except SSL.WantReadError:
            pass
        try:
            peer.take(server.bio_read(65536))
        except SSL.WantReadError:
            pass
    return server, peer
