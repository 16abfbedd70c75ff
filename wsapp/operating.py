"""The options for operators, of ``twistd wsapp``: the admin port and the logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python import usage

from wsapp.accounts import Access

__all__ = ["Logs", "OperatingOptions", "wrapped"]

_log = Logger()


class Logs(NamedTuple):
    """What the options say of logs.

    :ivar access: Is told of each connection that is over; None: nobody is.
    :ivar reopen: Goes on in new files.
    :ivar observer: What twistd is to log to; None: as it does.
    """

    access: Callable[[Access], None] | None
    reopen: Callable[[], None]
    observer: Any

    def observed(self, service: Any) -> IService:
        """The service, such that twistd logs to the observer, if there is one."""
        if self.observer is None:
            made: IService = service
            return made
        from wsapp.logs import Observed

        return Observed(service, self.observer)


class OperatingOptions(usage.Options):
    """A part of :class:`wsapp.tap.Options`."""

    optParameters: ClassVar[list[list[Any]]] = [
        [
            "admin",
            None,
            None,
            "serve health, metrics and the console on this endpoint; a port number alone is one of the "
            "loopback interface, as is tcp:9000 without an interface [none]",
        ],
        ["admin-token-file", None, None, "file with the console's token [a new one, shown in the log]"],
        ["access-log", None, None, "write a line for each connection that is over to this file, or - [none]"],
    ]
    optFlags: ClassVar[list[list[Any]]] = [
        ["log-json", None, "write logs as JSON, one object a line"],
    ]

    lists: dict[str, list[str]]

    def __init__(self) -> None:
        usage.Options.__init__(self)

    def opt_admin_host(self, host: str) -> None:
        """Answer on the admin port to this host name too; repeatable [addresses and localhost]"""
        self.lists["admin-host"].append(host)

    def opt_log_level(self, level: str) -> None:
        """Log from this level: debug, info, warn, error or critical; for one logger and those below it
        as wsapp.listening=debug; repeatable [info]"""
        self.lists["log-level"].append(level)

    def logs(self, worker: bool = False) -> Logs:
        """Open the logs.

        :param worker: Whether this process hands its log to a master, which writes it.

        :raises ValueError: A value that cannot be used.
        """
        from wsapp.accesslog import AccessLog
        from wsapp.logs import LogFile, levels, observerOf

        files: list[LogFile] = []

        def opened(option: str, name: str) -> LogFile:
            try:
                files.append(LogFile(name))
            except OSError as error:
                raise ValueError(f"--{option}: {name} cannot be written: {error.strerror}") from None
            return files[-1]

        def reopen() -> None:
            for file in files:
                file.reopen()

        try:
            least = levels(self.lists["log-level"])
        except ValueError as error:
            raise ValueError(f"--log-level: {error}") from None
        twistd = self.parent if self.parent is not None else {}
        observer = None
        if (self["log-json"] or least) and not worker:
            if twistd.get("syslog") or twistd.get("logger"):
                raise ValueError(
                    "--log-json and --log-level need a log of twistd's own: no --syslog, no --logger"
                )
            name = twistd.get("logfile") or ("-" if twistd.get("nodaemon", True) else "twistd.log")
            if name == "-" and not twistd.get("nodaemon", True):
                raise ValueError("a daemon cannot log to -: give twistd a --logfile, or -n")
            observer = observerOf(opened("log-json", name), bool(self["log-json"]), least)
        access = None
        if self["access-log"]:
            access = AccessLog(opened("access-log", self["access-log"]), bool(self["log-json"])).write
        return Logs(access, reopen, observer)

    def admin(self, reactor: Any) -> Any:
        """The endpoint of ``--admin``; None where there is none.

        :raises ValueError: Options that do not fit, or an endpoint that cannot be read.
        """
        if self["admin"] is None:
            for option, given in (
                ("admin-token-file", self["admin-token-file"]),
                ("admin-host", self.lists["admin-host"]),
            ):
                if given:
                    raise ValueError(f"--{option} does nothing without --admin")
            return None
        from wsapp.admin.service import adminEndpoint
        from wsapp.listening import Endpoint

        return Endpoint(reactor, adminEndpoint(self["admin"]))

    folder: str
    words: tuple[str, ...]

    def watched(
        self, reactor: Any, server: Any, endpoint: Any, source: Any, parts: Sequence[Any], broker: Any
    ) -> Any:
        """What serves together with its admin port.

        :param source: Whom the admin port asks.
        :param parts: What is started with it, and stopped after it.
        :param broker: By which its console reaches other nodes; None: there are none.
        :raises ValueError: The token or a host name cannot be used.
        """
        from wsapp.admin import prometheus
        from wsapp.admin.fleet import Fleet
        from wsapp.admin.gate import Gate, readToken
        from wsapp.admin.service import Watched, adminServer, nodeName

        file = self["admin-token-file"]
        try:
            token = readToken(file) if file else None
        except ValueError as error:
            raise ValueError(f"--admin-token-file: {error}") from None
        gate = Gate(token, time.time, reactor.seconds)
        fleet = None
        if broker is not None:
            fleet = Fleet(reactor, time.time, source, lambda: nodeName(admin.urls), broker)
            parts = [*parts, fleet]
        try:
            admin = adminServer(reactor, source, [endpoint], gate, self.lists["admin-host"], fleet)
        except ValueError as error:
            raise ValueError(f"--admin-host: {error}") from None
        if not prometheus.available():
            _log.warn("--admin has no /metrics without prometheus-client: pip install wsapp[admin]")
        return Watched(server, admin, parts, gate, told=token is None)


def wrapped(options: type[usage.Options]) -> None:
    """Let the help wrap the texts of options: their lines' indentation would stand between the words."""
    for kind in options.__mro__:
        for name, method in vars(kind).items():
            if name.startswith("opt_") and kind.__module__.startswith("wsapp.") and method.__doc__:
                method.__doc__ = " ".join(method.__doc__.split())
