"""Where the broker is: the URL of ``--broker``, and the endpoint that leads there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Address"]

#: Seconds until a connection has to be there.
TIMEOUT = 10.0

_FORMS = "redis://[user:password@]host[:port][/db], rediss://... for TLS, or redis+unix://[user:password@]/path[?db=N]"


@dataclass(frozen=True)
class Address:
    """Where and as whom to connect.

    :ivar scheme: ``redis``, ``rediss`` or ``redis+unix``.
    :ivar host: A name or an IP address; empty for a UNIX socket.
    :ivar path: Of a UNIX socket.
    :ivar database: Its number.
    :ivar authority: PEM file with the certificates to believe; None: those that the system believes.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str | None
    password: str | None
    database: int
    authority: str | None

    @classmethod
    def fromURL(cls, url: str) -> Address:
        """Read a URL.

        :raises ValueError: It cannot be one; the text says what would be right, without the password.
        """
        # A password must not get into the log: of a URL that cannot be read only the scheme is repeated.
        scheme = url.partition("://")[0]
        try:
            parts = urlsplit(url)
            port = parts.port or 6379
        except ValueError:
            raise ValueError(f"what follows {scheme}:// is no address: it must be {_FORMS}") from None
        if parts.scheme not in ("redis", "rediss", "redis+unix"):
            there = f"{scheme}://" if "://" in url else "this"
            raise ValueError(f"{there} is no broker's URL: it must be {_FORMS}")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        path, database = "", query.pop("db", "")
        if parts.scheme == "redis+unix":
            path = unquote(parts.path)
            if not path or parts.hostname:
                raise ValueError(
                    "redis+unix:// needs the path of a socket: redis+unix:///run/redis/redis.sock"
                )
        else:
            if not parts.hostname:
                raise ValueError(f"{scheme}:// names no host: it must be {_FORMS}")
            database = parts.path[1:] or database
        if database and not (database.isascii() and database.isdigit()):
            raise ValueError(f"the database is {database!r}: it must be a number, such as {scheme}://.../0")
        authority = query.pop("ca", None)
        if authority is not None and parts.scheme != "rediss":
            raise ValueError("?ca= is of no use without TLS: it goes with rediss://")
        if authority is not None and not Path(authority).is_file():
            raise ValueError(f"?ca={authority}: there is no such file; it must have certificates, as PEM")
        if query or parts.fragment:
            odd = next(iter(query), parts.fragment)
            raise ValueError(f"{odd!r} is not known here: only db=, and ca= for rediss://, may follow the ?")
        return cls(
            parts.scheme,
            parts.hostname or "",
            port,
            path,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password is not None else None,
            int(database or 0),
            authority,
        )

    def __str__(self) -> str:
        """For people and logs, so without user and password."""
        if self.path:
            return f"redis+unix://{self.path}" + (f"?db={self.database}" if self.database else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/{self.database}"

    def endpoint(self, reactor: Any) -> Any:
        """:return: An ``IStreamClientEndpoint``; with TLS the certificate must be good, and for this host.

        :raises ValueError: The authority's file has no certificate.
        """
        from twisted.internet.abstract import isIPAddress, isIPv6Address
        from twisted.internet.endpoints import (
            HostnameEndpoint,
            TCP4ClientEndpoint,
            TCP6ClientEndpoint,
            UNIXClientEndpoint,
            wrapClientTLS,
        )

        plain: Any
        if self.path:
            return UNIXClientEndpoint(reactor, self.path, timeout=TIMEOUT)
        if isIPAddress(self.host):
            plain = TCP4ClientEndpoint(reactor, self.host, self.port, timeout=TIMEOUT)
        elif isIPv6Address(self.host):
            plain = TCP6ClientEndpoint(reactor, self.host, self.port, timeout=TIMEOUT)
        else:
            plain = HostnameEndpoint(reactor, self.host, self.port, timeout=TIMEOUT)
        if self.scheme != "rediss":
            return plain
        from twisted.internet.ssl import optionsForClientTLS

        return wrapClientTLS(optionsForClientTLS(self.host, trustRoot=self._trusted()), plain)

    def _trusted(self) -> Any:
        if self.authority is None:
            return None
        import re

        from OpenSSL.crypto import Error
        from twisted.internet.ssl import Certificate, trustRootFromCertificates

        text = Path(self.authority).read_text(encoding="ascii", errors="replace")
        found = re.findall("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)
        try:
            loaded = [Certificate.loadPEM(one) for one in found]
        except (Error, ValueError):
            loaded = []
        if not loaded:
            raise ValueError(f"?ca={self.authority} has no certificate: it must have one or more, as PEM")
        return trustRootFromCertificates(loaded)
