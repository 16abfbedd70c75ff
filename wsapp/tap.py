"""The command line: ``twistd wsapp``.

Options only record what was typed.  Applications and everything else that may import a reactor
are looked at in ``postOptions``, when twistd has installed one; every mistake of a person's ends in
a one-line ``UsageError`` there.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python import usage

from wsapp.brokeroptions import brokerOf, consolesOf, named
from wsapp.limitoptions import OPTIONS, parseLimit
from wsapp.limits import Limits
from wsapp.operating import OperatingOptions, wrapped
from wsapp.quantities import parseSeconds
from wsapp.workers.inheritance import Inheritance

__all__ = ["Options", "makeService"]

_log = Logger()


class Options(OperatingOptions):
    """What may stand behind ``twistd wsapp``."""

    #: What stands behind twistd's own "Usage: twistd [options] wsapp".
    synopsis = "[--port ENDPOINT]... --app APP [--app APP]... [options]"
    longdesc = (
        "A WebSocket server for the given applications, for example: "
        "twistd -n wsapp --port tcp:8080 --app chat. "
        "Sizes are bytes, or 64K, or 1M; times are seconds."
    )

    optParameters: ClassVar[list[list[Any]]] = [
        ["versions", None, "13,8,7,hixie-76,hixie-75", "versions of the protocol to serve"],
        ["compression", None, "shared", "permessage-deflate: off, shared (no context kept) or takeover"],
        ["drain", None, "0", "seconds over which a stop spreads its goodbyes to clients"],
        [
            "resume",
            None,
            "0",
            "seconds for which a client is kept whose connection has dropped, so that it can go on; 0: none",
        ],
        ["tls", None, "own", "what speaks TLS on the uvloop reactor: its own, or twisted for Twisted's"],
        [
            "broker",
            None,
            None,
            "what carries messages between the processes of one service: redis://[user:password@]host[:port]"
            "[/db], rediss://... (TLS), redis+unix:///path, or with --workers embedded, a private Valkey for "
            "them [none: this process is alone]",
        ],
        ["broker-prefix", None, "wsapp", "what all its keys and channels in the broker begin with"],
        [
            "broker-away",
            None,
            "300",
            "seconds for which the broker keeps every message, for processes that were away: 1 to 86400",
        ],
        [
            "workers",
            None,
            None,
            "how many processes are to serve these ports, with one more that watches over them [none: this "
            "process itself]",
        ],
        ["client-ca", None, None, "PEM file of the authorities whose client certificates ssl: ports ask for"],
        *[[option.name, None, None, f"{option.help} [{option.shown}]"] for option in OPTIONS.values()],
    ]
    optFlags: ClassVar[list[list[Any]]] = [
        ["require-origin", None, "refuse clients that send no Origin header"],
        ["client-ca-optional", None, "take clients without a certificate too"],
    ]

    def __init__(self) -> None:
        self.lists: dict[str, list[str]] = {
            key: []
            for key in ("port", "app", "allow-origin", "host", "trust-proxy", "admin-host", "log-level")
        }
        #: What :func:`makeService` is given; complete once the options have been parsed.
        self.service: IService | None = None
        #: The command line as it was typed, and where: for workers.
        self.words: tuple[str, ...] = ()
        self.folder = ""
        super().__init__()

    def opt_port(self, endpoint: str) -> None:
        """Listen here; repeatable. Any endpoint string: tcp:8080, unix:/run/wsapp.sock,
        ssl:8443:privateKey=k.pem:certKey=c.pem, systemd:domain=INET:index=0, haproxy:tcp:8080
        [tcp:8080:interface=127.0.0.1]"""
        self.lists["port"].append(endpoint)

    def opt_app(self, spec: str) -> None:
        """Serve this application; repeatable. A registered name (see --list-apps),
        package.module:Class or file.py:Class, then :OPTION=VALUE for options of its own, or limits that its
        clients have instead of everybody's (chat:max-message=16K); NAME= before it to serve it under
        another name"""
        self.lists["app"].append(spec)

    def opt_allow_origin(self, origin: str) -> None:
        """Let pages of this origin connect, beside the server's own; repeatable.
        https://example.com, https://*.example.com, or * for any"""
        self.lists["allow-origin"].append(origin)

    def opt_host(self, host: str) -> None:
        """Answer to this host name only; repeatable [any; on a loopback port its own names]"""
        self.lists["host"].append(host)

    def opt_trust_proxy(self, address: str) -> None:
        """Believe X-Forwarded-For, -Proto and -Host and PROXY headers from this address or network
        (or unix, for UNIX sockets); repeatable"""
        self.lists["trust-proxy"].append(address)

    def opt_list_apps(self) -> None:
        """Say which applications are registered, and exit"""
        from wsapp.registry import registered

        known = registered()
        width = max(map(len, known), default=0)
        for name, entry in known.items():
            print(f"{name:{width}}  {entry.description}")
        sys.exit(0)

    def parseOptions(self, options: Any = None) -> None:
        """Read the command line."""
        self.words = tuple(sys.argv[1:] if options is None else options)
        self.folder = os.getcwd()
        usage.Options.parseOptions(self, options)

    def parseArgs(self, *words: str) -> None:
        """Nothing may stand behind the options."""
        if words:
            raise usage.UsageError(
                f"{words[0]!r} is not an option: applications are given by --app {words[0]}"
            )

    def postOptions(self) -> None:
        """Choose the reactor and make the service, so that whatever is wrong is said now."""
        if self["workers"] is None or Inheritance.current is not None:
            _chooseReactor(chosen=bool(self.parent and self.parent.get("reactor")))
        # Else this process only supervises: whatever reactor twistd takes will do.
        from twisted.internet import reactor

        from wsapp.errors import WsappError

        try:
            self.service = _build(self, reactor)
        except (WsappError, ValueError) as error:
            raise usage.UsageError(str(error)) from None

    def limits(self) -> Limits:
        """The limits as the command line has them.

        :raises ValueError: One of them cannot be read; the text names the option.
        """
        changed: dict[str, Any] = {}
        for name in OPTIONS:
            if self[name] is not None:
                try:
                    changed.update([parseLimit(name, self[name])])
                except ValueError as error:
                    raise ValueError(f"--{error}") from None
        return dataclasses.replace(Limits(), **changed)


wrapped(Options)


def _chooseReactor(chosen: bool) -> None:
    """Install the uvloop reactor, unless there is one already or no uvloop to be had.

    :param chosen: Whether the person has chosen a reactor (``twistd --reactor``).
    """
    if "twisted.internet.reactor" in sys.modules:
        from twisted.internet import reactor

        if not chosen:
            _log.warn("another reactor was installed before ours: {reactor}", reactor=type(reactor).__name__)
        return
    from wsapp.loop import install

    try:
        install()
    except ImportError:
        pass  # Twisted's default will do; the first log line says which


def _owning(reactor: Any, server: Any, connections: int | None, reopen: Callable[[], object]) -> None:
    """Let the server own this process: its signals, its limits, its exit status where it cannot start.

    :param connections: How many it may have; None for a master, which has none.
    :param reopen: What else SIGHUP does.
    """
    from wsapp.descriptors import raiseLimit
    from wsapp.heap import giveBack, heap, keepFreed
    from wsapp.listening import shortly
    from wsapp.notify import Notifier
    from wsapp.signals import Signals
    from wsapp.wire.selection import accelerated

    def failed(_: object) -> None:
        # twistd itself would end with 0; the pid file is gone by then, and logs are written through.
        atexit.register(os._exit, 1)
        reactor.callWhenRunning(reactor.stop)

    _log.info(
        "on {reactor}, with the wire {build}",
        reactor=type(reactor).__name__,
        build="compiled" if accelerated else "in plain Python",
    )
    if connections is not None:
        if (said := raiseLimit(connections)) is not None:
            (_log.info if said[1] else _log.warn)("{limit}", limit=said[0])
        keepFreed()
        reactor.callWhenRunning(lambda: giveBack(reactor, heap()))
    sys.excepthook = shortly(sys.excepthook)  # twistd lets what cannot be listened on end the program
    notifier = Notifier(reactor, os.environ)
    server.started.addCallbacks(lambda _: reactor.callWhenRunning(notifier.ready), failed)
    worker = Inheritance.current is not None
    reactor.callWhenRunning(Signals(reactor, server, notifier, worker, reopen).install)
    reactor.callWhenRunning(notifier.beat)
    reactor.addSystemEventTrigger("before", "shutdown", notifier.stopping)


def _build(options: Options, reactor: Any) -> IService:
    from wsapp.errors import RegistryError
    from wsapp.listening import ClientCertificates, Endpoint, speaksTLS
    from wsapp.origins import Origins, TrustedProxies
    from wsapp.registry import load, registered
    from wsapp.rehearsal import Held
    from wsapp.service import Server
    from wsapp.wire.deflate import Compression
    from wsapp.wire.versions import parseVersions
    from wsapp.workers.adopting import Inheriting
    from wsapp.workers.options import EMBEDDED, workerCount

    lists = options.lists
    limits = options.limits()
    versions = named("versions", parseVersions, options["versions"].replace(" ", "").split(","))
    try:
        compression = Compression(options["compression"])
    except ValueError:
        raise ValueError(
            f"--compression is {options['compression']!r}: it must be off, shared or takeover"
        ) from None
    if options["tls"] not in ("own", "twisted"):
        raise ValueError(f"--tls is {options['tls']!r}: it must be own or twisted")
    if hasattr(reactor, "twistedTLS"):  # the others have no choice
        reactor.twistedTLS = options["tls"] == "twisted"
    drain = named("drain", parseSeconds, options["drain"])
    resume = named("resume", parseSeconds, options["resume"])
    named("allow-origin", Origins, lists["allow-origin"])
    origins = named("host", Origins, lists["allow-origin"], bool(options["require-origin"]), lists["host"])
    proxies = named("trust-proxy", TrustedProxies, lists["trust-proxy"])
    ports = lists["port"] or ["tcp:8080:interface=127.0.0.1"]
    clients = None
    if options["client-ca"] is not None:
        if not any(speaksTLS(port) for port in ports):
            raise ValueError(
                "--client-ca does nothing without a port that speaks TLS: give it as --port ssl:8443:..."
            )
        clients = ClientCertificates(options["client-ca"], not options["client-ca-optional"])
    elif options["client-ca-optional"]:
        raise ValueError("--client-ca-optional does nothing without --client-ca")
    if not lists["app"]:
        there = "; ".join(f"{entry.name} ({entry.description})" for entry in registered().values())
        raise ValueError(f"no application: give one by --app; registered are {there}")
    apps = {}
    for spec in lists["app"]:
        name, app = load(spec)
        if name in apps:
            raise RegistryError(f"two applications are called {name!r}: serve one as --app OTHERNAME={spec}")
        apps[name] = app
    left = Inheritance.current
    inherited: list[Inheriting] = []
    if left is not None:
        inherited = [
            Inheriting(reactor, [place[index] for place in left.sockets], left.number - 1)
            for index in range(len(ports))
        ]
    endpoints = [
        Endpoint(by, text, clients)
        for by, text in zip(inherited or [reactor] * len(ports), ports, strict=True)
    ]
    broker = brokerOf(options, reactor)
    logs = options.logs(worker=left is not None)
    admin = options.admin(reactor) if left is None else None
    if left is None:
        count = workerCount(options["workers"], options["broker"], apps)
        with Held() as held:
            for endpoint in endpoints if admin is None else [*endpoints, admin]:
                endpoint.rehearse(held)
        if count is not None:
            from wsapp.mastering import masterOf

            Server(reactor, apps, limits=limits)  # or only the workers found out what cannot be of an app
            grace = drain + limits.handshakeTimeout + 2 * limits.closeTimeout
            embedded = options["broker"] == EMBEDDED
            meet = count > 1 and resume > 0
            master = masterOf(options, reactor, endpoints, count, grace, embedded, meet, admin)
            _owning(reactor, master, None, logs.reopen)
            return logs.observed(master)
    siblings = None
    if left is not None and left.siblings is not None:
        from wsapp.relay.siblings import SocketSiblings

        siblings = SocketSiblings(reactor, *left.siblings)
    server = Server(
        reactor,
        apps,
        endpoints,
        limits=limits,
        versions=versions,
        compression=compression,
        origins=origins,
        proxies=proxies,
        drain=drain,
        resume=resume,
        broker=broker,
        late=left is not None,
        siblings=siblings,
    )
    server.terms.accounts.log = logs.access
    service: Any = server
    answers = None
    if options["admin"] is not None:
        from wsapp.admin.node import Node

        node = Node(server, "0" if left is None else str(left.number))
        if left is None:
            service = options.watched(reactor, server, admin, node, [node], consolesOf(options, reactor))
        else:  # the master has the port, and asks
            from wsapp.workers.answers import Answers

            answers = Answers(reactor, node, left.status)
            reactor.callWhenRunning(node.start)
    _owning(reactor, service, limits.maxConnections, logs.reopen)
    if left is not None:
        from wsapp.workers.worker import Obedience

        reactor.callWhenRunning(Obedience(reactor, server, left, inherited, logs.reopen, answers).begin)
    return logs.observed(service)


def makeService(options: Options) -> IService:
    """The service that the options ask for."""
    assert options.service is not None, "the options have not been parsed"
    return options.service
