"""The service of a process that has workers, made of its options."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from wsapp.brokeroptions import consolesOf, named
from wsapp.operating import OperatingOptions

__all__ = ["masterOf"]


def masterOf(
    options: OperatingOptions,
    reactor: Any,
    endpoints: Any,
    count: int,
    grace: float,
    embedded: bool,
    meet: bool,
    admin: Any,
) -> Any:
    """What supervises workers with the same options as these.

    :param meet: Whether they are to find each other.
    :param admin: The endpoint of ``--admin``, or None.
    """
    from wsapp.workers.embedded import Embedded, program
    from wsapp.workers.master import Master
    from wsapp.workers.meeting import Meeting
    from wsapp.workers.process import Launch

    twistd: Any = options.parent or {}
    if twistd.get("chroot"):
        raise ValueError(
            "--workers and twistd's --chroot do not go together: workers are started from outside"
        )
    broker = Embedded(reactor, named("broker", program)) if embedded else None
    chosen = ["--reactor", twistd["reactor"]] if twistd.get("reactor") else []
    arguments = [
        *("--nodaemon", "--pidfile=", "--logger=wsapp.workers.worker.observer", *chosen),
        *("--rundir", os.path.join(options.folder, twistd.get("rundir") or "."), "wsapp", *options.words),
    ]
    launch = Launch(sys.executable, tuple(arguments), options.folder, os.environ)
    meeting = Meeting() if meet else None
    if admin is None:
        return Master(reactor, endpoints, count, launch, grace, broker, meeting=meeting)
    from wsapp.admin.crew import Crew

    crew = Crew(count, time.time)
    master = Master(reactor, endpoints, count, launch, grace, broker, crew.begins, meeting)
    return options.watched(reactor, master, admin, crew, [], consolesOf(options, reactor))
