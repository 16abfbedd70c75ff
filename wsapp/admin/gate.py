"""Who may use the console: whoever has the token, and for a while the browser that has shown it.

The token comes once, in a POST's body, never in an address; what the browser keeps is a signed cookie
that no script sees and no other site's page makes it send.  A cookie goes to every port of its host
(RFC 6265 8.5), which is why pages of other ports are held off by their origin.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable

from wsapp import tokens
from wsapp.bucket import Bucket
from wsapp.errors import BadToken

__all__ = ["LEAST", "SESSION", "Gate", "readToken"]

#: Characters that a token has at least.
LEAST = 20

#: Seconds that a browser is believed.
SESSION = 12 * 3600

#: Wrong tokens: so many at once, and one more after so many seconds.
_TRIES, _PAUSE = 10, 6.0

_AUDIENCE = "console"


def readToken(path: str | os.PathLike[str]) -> str:
    """The token in a file: its first line.

    :raises ValueError: It cannot be read, or is too short; the text has nothing of it.
    """
    try:
        with open(path, encoding="utf-8") as file:
            token = file.readline(4096).strip()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text: it must have the token in its first line") from None
    if len(token) < LEAST:
        raise ValueError(
            f"the token in {path} has {len(token)} characters: it must have {LEAST} or more, "
            "such as python -c 'import secrets; print(secrets.token_urlsafe())' makes"
        )
    return token


class Gate:
    """One console's.

    :param token: What opens it; None: a new one.
    :param wallClock: The time in seconds since the epoch.
    :param seconds: The time by any clock.
    :ivar token: What opens it.
    """

    def __init__(
        self, token: str | None, wallClock: Callable[[], float], seconds: Callable[[], float]
    ) -> None:
        self.token = token or secrets.token_urlsafe(32)
        self._wallClock = wallClock
        self._seconds = seconds
        self._tries = Bucket(1 / _PAUSE, _TRIES, seconds())
        # Derived, so that a token of a file is good for the sessions of every restart, and not the same.
        self._keys = tokens.Keys(
            hmac.new(self.token.encode(), b"wsapp: sessions of the console", hashlib.sha256).digest()
        )

    def wait(self) -> float:
        """Seconds until one more wrong token may be tried; 0: now."""
        self._tries.refill(self._seconds())
        return self._tries.wait(1.0)

    def admits(self, token: str) -> bool:
        """Whether this is the token; a wrong one counts as a try, where there is one left.

        The right one is let in however many wrong ones have been tried: or whoever guesses would shut
        everybody else out, and a token is too long to be guessed.
        """
        if hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode()):
            return True
        if not self.wait():
            self._tries.level -= 1
        return False

    def session(self) -> str:
        """A cookie's value, for who has shown the token."""
        return tokens.mint(
            self._keys, "operator", _AUDIENCE, lifetime=SESSION, session=SESSION, now=self._wallClock()
        )

    def expires(self, session: str | None) -> float | None:
        """When a cookie's value runs out, in seconds since the epoch; None: it is none of ours, or has."""
        if not session:
            return None
        try:
            return tokens.verify(self._keys, session, _AUDIENCE, now=self._wallClock(), skew=0).expires
        except BadToken:
            return None

    @staticmethod
    def cookie(host: str) -> str:
        """The cookie's name: cookies go to every port of a host, and each may have a console.

        :param host: The Host header.
        """
        port = host.rpartition(":")[2]
        return f"wsapp-admin-{port}" if port.isascii() and port.isdigit() else "wsapp-admin"
