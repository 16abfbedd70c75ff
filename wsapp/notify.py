"""What systemd is told of this process: ready, reloading, stopping, and that it still turns (sd_notify(3)).

A datagram to a UNIX socket that the environment names; without it nothing is said.  There are libraries
for it, which are longer than this, and none of them beats for the watchdog.  Imports nothing of wsapp.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

__all__ = ["Notifier"]

_log = Logger()

#: Read once, and then taken out of the environment: no child is to speak in our name.
_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """What one process tells systemd.

    It never raises, never blocks and never waits: what cannot be said is one line of the log.

    :param reactor: Whose turns the watchdog is told of: one that is stuck says nothing, and systemd
        restarts the process.
    :param environment: The process's own; what is for this alone is taken out of it.
    """

    def __init__(self, reactor: Any, environment: MutableMapping[str, str]) -> None:
        address, self._period, self._pid = (environment.pop(name, "") for name in _VARIABLES)
        # Other kinds (vsock:) are for virtual machines.
        self._address = address if address.startswith(("/", "@")) else ""
        self._reactor = reactor
        self._complained = False
        self._beating: LoopingCall | None = None

    def ready(self) -> None:
        """Clients are attended to, at first or again after :meth:`reloading`."""
        self._say("READY=1")

    def reloading(self) -> None:
        """Files are being read again; to be followed by :meth:`ready`."""
        # CLOCK_MONOTONIC, which Type=notify-reload compares with the time of its own signal.
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The ordered end has begun."""
        self._say("STOPPING=1")

    def beat(self) -> Deferred[Any] | None:
        """Tell the watchdog, from now on, twice in the time that it waits (sd_watchdog_enabled(3)).

        :return: What fires once it stops; None where no watchdog is set for this process, by its present
            id: it is to be called once the process has gone to the background.
        """
        if not (self._address and self._period.isdecimal() and int(self._period)):
            return None
        if self._pid and self._pid != str(os.getpid()):
            return None
        self._beating = LoopingCall(self._say, "WATCHDOG=1")
        self._beating.clock = self._reactor
        return self._beating.start(int(self._period) / 2_000_000)

    def _say(self, state: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.setblocking(False)
                sending.sendto(state.encode(), address)
        except OSError as error:
            if not self._complained:
                self._complained = True
                _log.warn(
                    "systemd cannot be told {state}: NOTIFY_SOCKET is {address}: {error}",
                    state=state.partition("\n")[0],
                    address=self._address,
                    error=error,
                )
        else:
            self._complained = False
