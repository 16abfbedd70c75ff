"""What a worker is given when it starts: one environment variable, and the descriptors that it names.

Imports nothing of wsapp, and no Twisted.
"""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from typing import ClassVar

__all__ = ["SYSTEMD", "VARIABLE", "Inheritance"]

#: The environment variable.
VARIABLE = "WSAPP_WORKER"

#: Where the descriptors of systemd's socket activation begin (``sd_listen_fds(3)``).
SYSTEMD = 3


@dataclass(frozen=True)
class Inheritance:
    """What the master leaves to one worker.

    :ivar number: Which worker it is; the first is 1.
    :ivar control: The descriptor of what the master says; it ends when the master does.
    :ivar status: The descriptor of what the worker says.
    :ivar sockets: The descriptors of all listening sockets: by place (a place for each worker, in order), by
        ``--port``, and by the times that its endpoint listens (once, but for odd ones).  Those that all
        workers share are there once for each place, as the same number.
    :ivar activated: How many descriptors stand where systemd's would.
    :ivar broker: The URL that counts instead of ``--broker embedded``; None where it does not.
    :ivar path: Python's ``sys.path``.
    :ivar siblings: Where workers find each other: a folder, what they are called together, and what this one
        is; None where they do not.
    """

    number: int
    control: int
    status: int
    sockets: list[list[list[int]]]
    activated: int
    broker: str | None
    path: list[str]
    siblings: tuple[str, str, str] | None = None

    #: That of this process; None where it is no worker.  Set once, by the worker's own program.
    current: ClassVar[Inheritance | None] = None

    def encode(self) -> str:
        """As the environment has it."""
        return json.dumps(asdict(self))

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Inheritance:
        """Take it out of the environment, such that none of this process's own children finds it.

        The descriptors are kept from them too, but for those of systemd, which Twisted's endpoints close.
        """
        made = cls(**json.loads(environment.pop(VARIABLE)))
        own = {made.control, made.status, *(fd for place in made.sockets for port in place for fd in port)}
        for descriptor in own:
            os.set_inheritable(descriptor, False)
        return made
