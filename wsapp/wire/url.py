"""Where a WebSocket is: ``ws://``, ``wss://`` and ``ws+unix:`` URLs (RFC 6455 3).

Imports nothing of wsapp.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

__all__ = ["WebSocketURL", "hidden", "parseURL"]

_NETWORK = re.compile(
    r"(?P<scheme>wss?)://(?:(?P<credentials>[^/?#@]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::(?P<port>[0-9]*))?(?P<target>(?:[/?].*)?)",
    re.IGNORECASE,
)
_UNIX = re.compile(r"ws\+unix:(?://)?(?P<socket>/[^:]+)(?::(?P<target>.*))?", re.IGNORECASE)
# What DNS has, which is more than IDNA and the rules for hosts allow (RFC 2181 11): underscores, as in the
# names of containers, and hyphens anywhere but in front.
_LABEL = "[a-z0-9_][a-z0-9_-]{0,62}"
_HOST = re.compile(rf"(?=.{{1,253}}\.?\Z){_LABEL}(?:\.{_LABEL})*\.?")
# Such a last part is an address's (RFC 1123 2.1), and must be one's whole.
_NUMBER = re.compile(r"(?:.*\.)?[0-9][0-9_]*\.?")
_SCHEME = re.compile(r"[a-z+]*:?/+", re.IGNORECASE)
_BLANK = re.compile(r"[\x00-\x20\x7f]")
# What a request target is made of already (RFC 3986 3.3, and what browsers leave alone).
_SAFE = "!#$%&'()*+,/:;=?@[]~|^`{}\\\"<>"


@dataclass(frozen=True)
class WebSocketURL:
    """A URL, taken apart.

    :ivar host: In ASCII, lower case, without the brackets of an IPv6 address.
    :ivar target: Path and query, as the request line has them.
    :ivar credentials: ``(user, password)``, decoded; None where there are none.  Not in the ``repr``.
    :ivar socket: The path of the UNIX socket; empty for TCP.
    """

    secure: bool
    host: str
    port: int
    target: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    socket: str = ""

    @property
    def authority(self) -> str:
        """The ``Host`` header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """What a page of the same server would say that it comes from."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"

    def __str__(self) -> str:
        """The URL again, without credentials."""
        return f"{'wss' if self.secure else 'ws'}://{self.authority}{self.target}"


def hidden(text: str) -> str:
    """A URL, right or wrong, as it may be shown: without what stands in front of an ``@``."""
    scheme = _SCHEME.match(text)
    return text if "@" not in text else (scheme[0] if scheme else "") + "..." + text[text.rfind("@") :]


def parseURL(text: str) -> WebSocketURL:
    """Read a URL.

    ``ws+unix:/path/of/socket:/request/path`` names a UNIX socket.

    :raises ValueError: It is none, or has a fragment, which a WebSocket's has not (RFC 6455 3).
    """
    shown = repr(hidden(text))
    if _BLANK.search(text):
        raise ValueError(f"{shown} has white space or a control character: encode it as %20 and so on")
    if "#" in text:
        raise ValueError(f"{shown} has a fragment, which a WebSocket's URL must not: write # as %23")
    if match := _UNIX.fullmatch(text):
        target = match["target"] or "/"
        return WebSocketURL(False, "localhost", 80, _target(target), None, unquote(match["socket"]))
    match = _NETWORK.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{shown} is not a WebSocket's URL: it must be like ws://host:port/path or wss://..."
        )
    secure = match["scheme"].lower() == "wss"
    port = int(match["port"] or (443 if secure else 80)) if len(match["port"] or "") < 6 else 0
    if not 0 < port < 65536:
        raise ValueError(f"{shown} has a port that cannot be: it must be 1 to 65535")
    credentials = None
    if match["credentials"] is not None:
        user, _, password = match["credentials"].partition(":")
        credentials = unquote(user), unquote(password)
        if ":" in credentials[0]:
            raise ValueError(f"{shown} has a user's name with a colon, which Basic authentication cannot say")
    return WebSocketURL(secure, _host(match["host"], shown), port, _target(match["target"]), credentials)


def _target(text: str) -> str:
    if not text.startswith("/"):
        text = "/" + text
    return quote(text, safe=_SAFE)


def _host(text: str, shown: str) -> str:
    if text.startswith("["):
        try:
            return ipaddress.IPv6Address(text[1:-1]).compressed
        except ValueError:
            raise ValueError(f"{shown}: {text} is not an IPv6 address") from None
    host = unquote(text)
    if not host.isascii():
        try:
            host = _toASCII(host)
        except UnicodeError:
            raise ValueError(f"{shown}: {text!r} is not the name of a host") from None
    host = host.lower()
    if not _HOST.fullmatch(host) or (_NUMBER.fullmatch(host) and not _isAddress(host)):
        raise ValueError(f"{shown}: {text!r} is not the name of a host")
    return host


def _isAddress(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _toASCII(host: str) -> str:
    """The name as DNS knows it (IDNA 2008 where its package is there: Twisted's TLS brings it)."""
    try:
        import idna
    except ImportError:
        return host.encode("idna").decode("ascii")
    return idna.encode(host, uts46=True).decode("ascii")
