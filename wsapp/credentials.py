"""What a request brings to say who it is from: Basic and Bearer credentials, a token among the subprotocols.

A page's script can set no header on a WebSocket, but subprotocols:
``new WebSocket(url, ["chat", "token." + token])``.
Imports nothing of wsapp.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence

__all__ = ["TOKEN", "Credentials", "basic", "token", "withoutTokens"]

#: What a subprotocol begins with that is none, but a token.
TOKEN = "token."

_AUTHORIZATION = re.compile(r"([A-Za-z]+) +([!-~]+)")
# RFC 7617 2: neither may have them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Credentials:
    """A name and a password (RFC 7617), not believed yet.

    :ivar user: The name.
    :ivar password: The password; it is not shown where these credentials are printed.
    """

    __slots__ = ("password", "user")

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self.password = password

    def match(self, user: str, password: str) -> bool:
        """Whether they are these; how long that takes tells nothing of how near they are."""
        sameUser = hmac.compare_digest(self.user.encode(), user.encode())
        samePassword = hmac.compare_digest(self.password.encode(), password.encode())
        return sameUser & samePassword

    def __repr__(self) -> str:
        return f"<Credentials of {self.user!r}>"


def _authorization(values: Sequence[str], scheme: str) -> str | None:
    """What an Authorization header gives by that scheme; None where there is not one, and one only."""
    match = _AUTHORIZATION.fullmatch(values[0].strip(" \t")) if len(values) == 1 else None
    return match[2] if match is not None and match[1].lower() == scheme else None


def basic(values: Sequence[str]) -> Credentials | None:
    """The Basic credentials of a request; None where there are none, or they cannot be read.

    :param values: Its Authorization headers.
    """
    given = _authorization(values, "basic")
    try:
        text = base64.b64decode(given or "", validate=True)
    except binascii.Error:
        return None
    try:
        user, colon, password = text.decode("utf-8").partition(":")
    except UnicodeDecodeError:  # of a client from before RFC 7617
        user, colon, password = text.decode("latin-1").partition(":")
    if not colon or _CONTROL.search(user + password):
        return None
    return Credentials(user, password)


def token(offered: Iterable[str], values: Sequence[str]) -> str | None:
    """The token of a request: ``token.TOKEN`` among its subprotocols, else a Bearer token (RFC 6750 2.1).

    None where there is none; of several none is better than the other.

    :param offered: The subprotocols that it offers.
    :param values: Its Authorization headers.
    """
    found = [one[len(TOKEN) :] for one in offered if one.startswith(TOKEN)]
    if found:
        return found[0] if len(found) == 1 and found[0] else None
    return _authorization(values, "bearer")


def withoutTokens(offered: Iterable[str]) -> tuple[str, ...]:
    """The subprotocols that are such: what carries a token must never be agreed to, as that would echo it."""
    return tuple(one for one in offered if not one.startswith(TOKEN))
