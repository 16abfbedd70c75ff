"""Whether ``--workers`` goes with the other options, and with what the applications need."""

from __future__ import annotations

import os
from collections.abc import Mapping

from wsapp.app import App

__all__ = ["EMBEDDED", "MOST", "workerCount"]

#: What ``--broker`` says for a private Valkey.
EMBEDDED = "embedded"

#: More than any machine has cores; past that it is a slip of the finger.
MOST = 1024


def workerCount(text: str | None, broker: str | None, apps: Mapping[str, App]) -> int | None:
    """How many workers there are to be.

    :param text: What ``--workers`` says.
    :param broker: What ``--broker`` says.
    :param apps: The applications by name.
    :return: None for none: this process serves.
    :raises ValueError: It is not a number, or does not go with the others.
    """
    if text is None:
        if broker == EMBEDDED:
            raise ValueError("--broker embedded is for the workers of one server: give --workers too")
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise ValueError(f"--workers is {text!r}: it must be a whole number from 1 to {MOST}")
    if os.name != "posix":
        raise ValueError("--workers needs a POSIX system: sockets cannot be handed on here")
    count = int(text)
    needing = [name for name, app in apps.items() if app.groups]
    if count > 1 and broker is None and needing:
        raise ValueError(
            f"--workers {count} needs a --broker, for groups and broadcasts of {', '.join(needing)} would "
            "end at each process: give --broker embedded (a private Valkey: pip install wsapp[valkey]) or "
            "redis://HOST; an application that has neither groups nor broadcasts says groups = False"
        )
    return count
