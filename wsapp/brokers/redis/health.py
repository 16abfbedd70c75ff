"""What is said of the broker's state: one line for each change, not one for each attempt."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.logger import Logger

from wsapp.metrics import BrokerMetrics

__all__ = ["ANEW", "ANSWERS", "Health", "Refused", "codeOf", "explain"]

_log = Logger()

#: What the broker's error codes mean to whom it refuses something, and whether it is worth trying again:
#: all these are, since somebody may put them right.
ANSWERS = {
    "WRONGPASS": "it does not know this user and password",
    "NOAUTH": "it wants a password: redis://:PASSWORD@...",
    "NOPERM": "its access list does not let this user do what is needed",
    "READONLY": "it is a read-only replica: give the address of the primary",
    "OOM": "it has no memory left: raise its maxmemory, or let it forget something",
    "MISCONF": "it cannot write its data to disk, and therefore takes nothing",
    "LOADING": "it is still reading its data from disk",
    "MASTERDOWN": "it is a replica that has lost its primary",
    "NOREPLICAS": "it has too few replicas to be allowed to take anything",
    "BUSY": "a script of somebody's holds it up",
    "NOSCRIPT": "it has dropped the scripts",
    "FORGOTTEN": "it has been emptied",
    "EARLY": "it has refused what came before",
}

#: After these a new connection is made: what is missing is done when one begins, and behind the same name
#: there may be another server by then.
ANEW = ("NOSCRIPT", "NOAUTH", "FORGOTTEN", "READONLY")

#: Redis before 7 wraps what a command of a script is refused with.
_WRAPPED = re.compile(r"^(?:ERR Error running script .*?)?@user_script: ?\d+: .*?-([A-Z]+) ")

#: How Valkey and Redis say that a command of a script is not permitted.
_NOT_PERMITTED = ("ACL failure in script", "The user executing the script can't")


class Refused(Exception):
    """The broker answers, but will not."""


def codeOf(error: BaseException | None) -> str:
    """:return: The code of the broker's answer, wherever in it that is."""
    text = str(error)
    if any(part in text for part in _NOT_PERMITTED):
        return "NOPERM"
    wrapped = _WRAPPED.match(text)
    return wrapped[1] if wrapped else text.partition(" ")[0]


def explain(error: BaseException | None) -> str:
    """One line, for a person, on why there is no connection or an answer was an error."""
    text = " ".join(str(error).split())
    code = codeOf(error)
    if code in ANSWERS:
        return f"{ANSWERS[code]} ({text})"
    if error is None:
        return "unknown"
    if isinstance(error, (ConnectError, ConnectionClosed)):
        return text.rstrip(".")
    arguments: Any = error.args
    if type(error).__module__.startswith("OpenSSL") and arguments and isinstance(arguments[0], list):
        return "TLS: " + "; ".join(str(one[-1]) for one in arguments[0])
    return text or type(error).__name__


class Health:
    """What is wrong with the broker, if anything is.

    :param address: As the log shows it.
    """

    def __init__(self, address: str, metrics: BrokerMetrics) -> None:
        self._address = address
        self._metrics = metrics
        self._said: set[str] = set()
        self._troubled: set[str] = set()
        self._before = False

    def trouble(self, where: str, reason: str) -> None:
        """Something does not work, which is tried again.

        :param where: Which part; until it is :meth:`good`, the same reason is not logged again.
        """
        self._troubled.add(where)
        self._metrics.state = "down"
        what = reason.partition(" (")[0]  # behind it are the broker's own words, which name lines of scripts
        if what in self._said:
            return
        self._said.add(what)
        _log.warn(
            "the broker at {address} cannot be used: {reason}; trying again until it can, and what is sent "
            "meanwhile waits",
            address=self._address,
            reason=reason,
        )

    def good(self, where: str, all: bool) -> None:
        """It works.

        :param all: Whether everything is there that belongs to it.
        """
        self._troubled.discard(where)
        if self._troubled or not all or self._metrics.state == "up":
            return
        self._metrics.state = "up"
        self._said.clear()
        _log.info(
            "{what} the broker at {address}",
            what="connected again to" if self._before else "connected to",
            address=self._address,
        )
        if self._before:
            self._metrics.reconnects += 1
        self._before = True

    def note(self, text: str) -> None:
        """Something happened that a person should know of."""
        _log.warn("the broker at {address}: {text}", address=self._address, text=text)
