"""The opening handshake as an application sees it, and how it refuses one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from wsapp import credentials
from wsapp.credentials import Credentials
from wsapp.errors import WsappError
from wsapp.origins import View
from wsapp.wire.codes import isSayable
from wsapp.wire.headers import Headers, isToken
from wsapp.wire.versions import Opening

if TYPE_CHECKING:
    from OpenSSL.crypto import X509

__all__ = ["Reject", "Request"]

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
# What the handshake itself says.
_RESERVED = frozenset(["connection", "upgrade", "content-length", "transfer-encoding"])


class Reject(WsappError):
    """Raised in ``onHandshake`` to turn a client away.

    :param status: The HTTP status to answer with, 400 to 599.
    :param reason: What to tell the client.
    :param code: Instead of an HTTP status, which a browser's script cannot see: accept the
        handshake and close at once with this code (1000-1003, 1007-1014, or 3000-4999 for your own).
    :raises ValueError: A status or code that cannot be used.
    """

    def __init__(self, status: int = 403, reason: str = "", code: int | None = None) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"status {status} does not refuse: it must be 400 to 599")
        if code is not None and not isSayable(13, code):
            raise ValueError(f"close code {code} cannot be sent: use 1000-1003, 1007-1014 or 3000-4999")
        super().__init__(reason or f"rejected with {code or status}")
        self.status = status
        self.reason = reason
        self.code = code


def _cookies(headers: Headers) -> dict[str, str]:
    """The cookies of a request (RFC 6265 4.2, read leniently); of a name sent twice the first counts."""
    cookies: dict[str, str] = {}
    for value in headers.getAll("Cookie"):
        for pair in value.split(";"):
            name, equals, text = pair.partition("=")
            name = name.strip(" \t")
            text = text.strip(" \t")
            if len(text) > 1 and text[0] == text[-1] == '"':
                text = text[1:-1]
            if equals and name:
                cookies.setdefault(_decoded(name), _decoded(text))
    return cookies


def _decoded(text: str) -> str:
    """Text of a header whose bytes are UTF-8, as browsers send cookies; latin-1 where they are not."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text


def _splitTarget(target: str) -> tuple[str, str]:
    """A request target's path and query, undecoded; of its absolute form too (RFC 9112 3.2)."""
    path, _, query = target.partition("#")[0].partition("?")
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query


class Request:
    """A client's opening handshake.

    :ivar path: Its path, percent-decoded as UTF-8, without the query.
    :ivar queryString: The query as it came, without the question mark.
    :ivar headers: Its header fields.
    :ivar peer: The client's address, as trusted proxies say; empty for a UNIX socket.
    :ivar host: The host and port that the client asked for.
    :ivar secure: Whether the client uses TLS.
    :ivar origin: The page that opens the WebSocket; None where the client sent no Origin.
    :ivar subprotocols: All that the client offers, in its order, without those that carry a :attr:`token`.
    :ivar version: ``RFC 6455``, ``hybi-08``, ``hybi-07``, ``hixie-76`` or ``hixie-75``.
    :ivar clientCertificate: The certificate that the client has proved to hold, as pyOpenSSL's
        ``X509``; None where none was asked for or shown.
    :ivar user: Who this is: for ``onHandshake`` to say; groups and ``app.user(name)`` use it.
    :ivar data: The application's own; becomes ``client.data``.
    :ivar expires: When to close the client with 1008, in seconds since the epoch, or None: for
        ``onHandshake`` to say; becomes ``client.expires``.
    :ivar time: When it came, in seconds since the epoch.
    """

    __slots__ = (
        "_cookies",
        "_query",
        "_target",
        "clientCertificate",
        "data",
        "expires",
        "headers",
        "host",
        "origin",
        "path",
        "peer",
        "queryString",
        "responseHeaders",
        "secure",
        "subprotocols",
        "time",
        "user",
        "version",
    )

    def __init__(
        self, opening: Opening, view: View, clientCertificate: X509 | None = None, time: float = 0.0
    ) -> None:
        path, self.queryString = _splitTarget(opening.head.target)
        self._target = path
        if "%" in path or not path.isascii():
            # Bytes that are not UTF-8 cannot name anything: they become replacement characters.
            path = unquote(path.encode("latin-1").decode("utf-8", "replace"), errors="replace")
        self.path = path
        self.headers = opening.head.headers
        self.peer, self.secure, self.host = view
        self.origin = opening.origin
        self.subprotocols: Sequence[str] = credentials.withoutTokens(opening.subprotocols)
        self.version = opening.version.name
        self.clientCertificate = clientCertificate
        self.user: str | None = None
        self.data: object = None
        self.expires: float | None = None
        self.time = time
        self.responseHeaders: Sequence[tuple[str, str]] = ()
        self._query: dict[str, list[str]] | None = None
        self._cookies: dict[str, str] | None = None

    @property
    def location(self) -> str:
        """The URL that the client used."""
        query = f"?{self.queryString}" if self.queryString else ""
        return f"{'wss' if self.secure else 'ws'}://{self.host}{self._target}{query}"

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's fields, decoded as UTF-8, each with its values in order; empty past 1,000 of them."""
        if self._query is None:
            try:
                text = self.queryString.encode("latin-1").decode("utf-8", "replace")
                self._query = parse_qs(text, keep_blank_values=True, max_num_fields=1000)
            except ValueError:  # more fields than anybody needs
                self._query = {}
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came with it: as UTF-8, or as latin-1 where their bytes are not UTF-8."""
        if self._cookies is None:
            self._cookies = _cookies(self.headers)
        return self._cookies

    @property
    def credentials(self) -> Credentials | None:
        """The name and password that came with it by ``Authorization: Basic`` (RFC 7617), not believed yet.

        None where there are none, or they cannot be read.  ``credentials.match(user, password)`` compares.
        """
        return credentials.basic(self.headers.getAll("Authorization"))

    @property
    def token(self) -> str | None:
        """The token that came with it, not believed yet: see :func:`wsapp.authentication.authenticate`.

        It is a subprotocol ``token.TOKEN``, which no response has, else from ``Authorization: Bearer``.
        None where there is none, or more than one.
        """
        offered = (
            one
            for name in ("Sec-WebSocket-Protocol", "WebSocket-Protocol")
            for one in self.headers.getList(name)
        )
        return credentials.token(offered, self.headers.getAll("Authorization"))

    def setHeader(self, name: str, value: str) -> None:
        """Add a header, such as Set-Cookie, to the response, be it a 101 or a rejection; for ``onHandshake``.

        :raises ValueError: Not a header, or one that the handshake itself speaks with.
        """
        if not isToken(name) or _CONTROL.search(value):
            raise ValueError(f"{name!r}: {value!r} cannot be a header")
        if name.lower() in _RESERVED or name.lower().startswith(("sec-websocket-", "websocket-")):
            raise ValueError(f"{name} belongs to the handshake itself")
        self.responseHeaders = [*self.responseHeaders, (name, value)]

    def __repr__(self) -> str:
        return f"<Request {self.path!r} from {self.peer or 'a UNIX socket'} ({self.version})>"
