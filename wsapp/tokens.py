"""Signed, short-lived tokens: an existing web application mints them, this server believes them.

A token is a JWT (RFC 7519) signed with HS256 (RFC 7515, 7518 3.2) and nothing else, so that a web
application in any language can mint one.  In Python it is :func:`mint`: this module brings only the standard
library along, for use within Django, Flask and the like.

The signature is checked before anything else is read; what a token says of algorithms chooses nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from wsapp.errors import BadToken

__all__ = ["LONGEST_LIFE", "MOST_SKEW", "BadToken", "Keys", "Token", "mint", "verify"]

#: Characters of a token at most; a line of a request's head has to hold it.
MOST_CHARACTERS = 4096
#: Bytes that a key has at least (RFC 7518 3.2: as many as the hash).
LEAST_KEY = 32
#: Keys that are tried at most: while they change there are two.
MOST_KEYS = 16
#: Seconds that a token may be good for at most, from now.
LONGEST_LIFE = 24 * 3600
#: Seconds that clocks may be said to differ at most.
MOST_SKEW = 60

_PARTS = re.compile(r"([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


def _base64url(data: bytes) -> str:
    """How each part of a token is written (RFC 7515 2, Base64url Encoding)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}')
#: What :func:`mint` says by its own arguments, and ``expire_at``, when the connection ends.
_OURS = frozenset(["sub", "aud", "exp", "nbf", "iat", "expire_at"])


class Keys:
    """The secrets that tokens are signed with: the first signs, each is believed.

    To change the key, put the new one in front on every server that checks tokens and on every one that mints
    them, and take the old one away once its last token has run out.

    :param keys: Each at least 32 bytes that nobody can guess: ``secrets.token_urlsafe(32)`` makes one.
    :raises ValueError: None, too many, or one that is too short.
    """

    __slots__ = ("_keys",)

    def __init__(self, *keys: str | bytes) -> None:
        self._keys = tuple(key.encode() if isinstance(key, str) else bytes(key) for key in keys)
        if not 1 <= len(self._keys) <= MOST_KEYS:
            raise ValueError(f"{len(self._keys)} keys: there must be 1 to {MOST_KEYS}")
        for key in self._keys:
            if len(key) < LEAST_KEY:
                raise ValueError(
                    f"a key of {len(key)} bytes can be guessed: it must have at least {LEAST_KEY}, "
                    'such as python -c "import secrets; print(secrets.token_urlsafe(32))" prints'
                )

    @classmethod
    def fromFile(cls, path: str | os.PathLike[str]) -> Keys:
        """Keys from a file, one a line, the newest first; lines that are empty or begin with ``#`` are none.

        :raises ValueError: It cannot be read, or holds no keys.
        """
        try:
            with open(path, "rb") as file:
                lines = [line.strip() for line in file.read(1024 * 1024).splitlines()]
        except OSError as error:
            raise ValueError(f"the keys in {os.fspath(path)} cannot be read: {error.strerror}") from None
        try:
            return cls(*(line for line in lines if line and not line.startswith(b"#")))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None

    def sign(self, text: bytes) -> str:
        """The signature by the first key."""
        return _signature(self._keys[0], text)

    def signed(self, text: bytes, signature: str) -> bool:
        """Whether one of the keys has made this signature; the time it takes tells nothing of the others."""
        given = signature.encode()
        # All of them, whether or not one before fits: it is not to be seen which one.
        fits = [hmac.compare_digest(_signature(key, text).encode(), given) for key in self._keys]
        return True in fits

    def __repr__(self) -> str:
        return f"<{len(self._keys)} keys>"


class Token:
    """What a token says that is good.

    :ivar user: Whom it was made for.
    :ivar expires: When the connection that it opens is to end, in seconds since the epoch.
    :ivar claims: What else it says.
    """

    __slots__ = ("claims", "expires", "user")

    def __init__(self, user: str, expires: float, claims: Mapping[str, Any]) -> None:
        self.user = user
        self.expires = expires
        self.claims = claims

    def __repr__(self) -> str:
        return f"<Token for {self.user!r} until {self.expires:.0f}>"


def mint(
    keys: Keys,
    user: str,
    audience: str,
    *,
    lifetime: float = 60,
    session: float | None = 3600,
    claims: Mapping[str, Any] | None = None,
    now: float | None = None,
) -> str:
    """Make a token, for a page to hand to the server at once.

    :param user: Who has logged in: becomes ``client.user``.
    :param audience: The name of the application that it opens, and no other.
    :param lifetime: Seconds within which it must be used.  Whoever gets hold of it can use it until then,
        more than once: keep it short.
    :param session: Seconds that the connection may then last, from now; None: as long as the token.
    :param claims: More to say, as plain JSON values; everybody who has the token can read it.
    :param now: Seconds since the epoch; by default the system's.
    :return: Letters, digits, ``-``, ``_`` and dots: fit for a header, a cookie, a query and a subprotocol.
    :raises ValueError: An empty user or audience, times out of bounds, claims that are none of JSON's values
        or have one of the names that the arguments speak for, or all of it too long.
    :raises TypeError: A user or an audience that is not ``str``.
    """
    for what, name in (("user", user), ("audience", audience)):
        if not isinstance(name, str):
            raise TypeError(f"the {what} is str, not {type(name).__name__}: make it str({name!r})")
        if not name:
            raise ValueError(f"the {what} is empty: a token is for somebody")
    if not 0 < lifetime <= LONGEST_LIFE:
        raise ValueError(f"lifetime is {lifetime!r}: it must be seconds up to {LONGEST_LIFE}, a day")
    if session is not None and not 0 < session < 1e9:
        raise ValueError(f"session is {session!r}: it must be seconds, or None for as long as the token")
    claims = dict(claims or {})
    if taken := _OURS & claims.keys():
        raise ValueError(f"{', '.join(sorted(taken))}: the arguments of mint() say that, not its claims")
    start = time.time() if now is None else now
    claims |= {"sub": user, "aud": audience, "iat": int(start), "exp": math.ceil(start + lifetime)}
    if session is not None:
        claims["expire_at"] = math.ceil(start + session)
    try:
        payload = json.dumps(claims, separators=(",", ":"), allow_nan=False).encode()
    except TypeError as error:
        raise ValueError(f"claims must be plain JSON values: {error}") from None
    text = f"{_HEADER}.{_base64url(payload)}"
    token = f"{text}.{keys.sign(text.encode())}"
    if len(token) > MOST_CHARACTERS:
        raise ValueError(
            f"the token has {len(token)} characters: at most {MOST_CHARACTERS} fit, say less by claims"
        )
    return token


def verify(keys: Keys, token: str, audience: str, *, now: float | None = None, skew: float = 10) -> Token:
    """What a token says, if it is good.

    :param audience: The application that it has to be for.
    :param now: Seconds since the epoch; by default the system's.
    :param skew: Seconds that the clock of whoever minted it may differ, 0 to 60.
    :raises BadToken: It is not; the text says why, and nothing of the token.
    :raises ValueError: A skew that is out of bounds.
    """
    if not 0 <= skew <= MOST_SKEW:
        raise ValueError(f"skew is {skew!r}: it must be 0 to {MOST_SKEW} seconds")
    if len(token) > MOST_CHARACTERS:
        raise BadToken("the token is too long")
    match = _PARTS.fullmatch(token)
    if match is None:
        raise BadToken("this is not a token")
    text, signature = match.groups()
    if not keys.signed(text.encode(), signature):
        raise BadToken("the token is not signed by our key")
    head, payload = (_read(part) for part in text.split("."))
    # Neither could be so in what we sign, but others may mint (RFC 7515 4.1.1, 4.1.11).
    if head.get("alg") != "HS256" or "crit" in head:
        raise BadToken("the token is not one of HS256 alone")
    return _checked(payload, audience, time.time() if now is None else now, skew)


def _checked(payload: dict[str, Any], audience: str, now: float, skew: float) -> Token:
    """RFC 7519 4.1: who, for whom, and when."""
    user = payload.get("sub")
    if not isinstance(user, str) or not user or not _isText(user):
        raise BadToken("the token names no user (sub)")
    wanted = payload.get("aud")
    if audience not in (wanted if isinstance(wanted, list) else [wanted]):
        raise BadToken("the token is for another application (aud)")
    ends = _time(payload, "exp")
    if ends is None:
        raise BadToken("the token does not say when it ends (exp)")
    if now >= ends + skew:
        raise BadToken("the token has expired")
    if ends - now > LONGEST_LIFE + skew:
        raise BadToken("the token is good for longer than a day (exp)")
    for name in ("nbf", "iat"):
        begins = _time(payload, name)
        if begins is not None and now < begins - skew:
            raise BadToken(f"the token is not good yet ({name})")
    expires = _time(payload, "expire_at")
    if expires is not None and now >= expires + skew:
        raise BadToken("the session that the token is for is over (expire_at)")
    claims = {name: value for name, value in payload.items() if name not in _OURS}
    return Token(user, ends if expires is None else expires, claims)


def _signature(key: bytes, text: bytes) -> str:
    return _base64url(hmac.new(key, text, hashlib.sha256).digest())


def _read(part: str) -> dict[str, Any]:
    """A part that is signed: a JSON object."""
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadToken("the token does not hold JSON objects")
    return found


def _isText(text: str) -> bool:
    """Whether UTF-8 can say it: JSON can escape half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _time(payload: dict[str, Any], name: str) -> float | None:
    """A time in seconds since the epoch (RFC 7519 2, NumericDate); None where there is none."""
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise BadToken(f"the token's {name} is not a time")
    return float(value)
