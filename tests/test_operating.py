"""Tests of `wsapp.operating`: the options of operators."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import Application
from twisted.logger import ILogObserver, LogLevel
from twisted.python.usage import UsageError

from tests.test_tap import TapCase
from wsapp.admin import prometheus
from wsapp.admin.fleet import Fleet
from wsapp.admin.node import Node
from wsapp.admin.service import Watched
from wsapp.logs import Observed
from wsapp.service import Server
from wsapp.tap import makeService
from wsapp.workers import answers, embedded
from wsapp.workers.inheritance import Inheritance
from wsapp.workers.master import Master
from wsapp.workers.worker import Obedience

TOKEN = "a token for tests, which is long enough"


class AdminOptionTests(TapCase):
    """--admin and what belongs to it."""

    def service(self, *words: str) -> Any:
        """The service of a command line."""
        return makeService(self.parse(*words))

    def test_none(self) -> None:
        """Without it there is no port, and no hook is timed."""
        server = self.serverOf()
        self.assertNotIn("onMessage", vars(server.apps["echo"]))
        self.assertIsNone(server.terms.accounts.log)

    def test_admin(self) -> None:
        """With it both are one service, to which the process belongs."""
        service = self.service("--admin", "0")
        self.assertIsInstance(service, Watched)
        self.assertEqual(self.owned, [service])
        self.assertIn("onMessage", vars(service.server.apps["echo"]))

    def test_token(self) -> None:
        """The token is the file's, or a new one, which alone is told."""
        Path("token").write_text(f"{TOKEN}\n")
        service = self.service("--admin", "0", "--admin-token-file", "token")
        self.assertEqual((service._gate.token, service._told), (TOKEN, False))
        service = self.service("--admin", "0")
        self.assertTrue(service._told)

    def test_wrong(self) -> None:
        """Every mistake is one line that names the option, and has no token in it."""
        Path("token").write_text("short-secret")
        self.refused("--admin", "nonsense:1", words=("nonsense:1",))
        error = self.refused(
            "--admin", "0", "--admin-token-file", "token", words=("--admin-token-file: ", "12 ")
        )
        self.assertNotIn("short-secret", error)
        self.refused(
            "--admin", "0", "--admin-token-file", "none", words=("--admin-token-file: none cannot be read",)
        )
        self.refused("--admin", "0", "--admin-host", "a/b", words=("--admin-host: ", "a/b"))
        self.refused("--admin-token-file", "token", words=("--admin-token-file", "without --admin"))
        self.refused("--admin-host", "x", words=("--admin-host", "without --admin"))

    def test_master(self) -> None:
        """With workers the port is the master's, which asks them."""
        service = self.service("--admin", "0", "--workers", "2", "--broker", "redis://localhost")
        assert isinstance(service, Watched)
        self.assertIsInstance(service.server, Master)

    def test_fleet(self) -> None:
        """With a broker of other machines the console reaches their nodes; health and metrics are its own."""
        several: tuple[str, ...]
        for several in ((), ("--workers", "2")):
            service = self.service("--admin", "0", "--broker", "redis://localhost", *several)
            fleet = service._parts[-1]
            self.assertIsInstance(fleet, Fleet)
            self.assertIs(service.admin.apps["console"]._source, fleet)
            self.assertEqual(fleet._broker._names.nodes, b"wsapp:console:nodes")
            self.assertTrue(fleet._broker._away.seconds < 60)
        self.patch(embedded, "program", lambda: "/valkey")
        for several in ((), ("--workers", "2", "--broker", "embedded")):
            service = self.service("--admin", "0", *several)
            self.assertEqual([one for one in service._parts if isinstance(one, Fleet)], [])

    def test_worker(self) -> None:
        """A worker has no such port: it answers the master."""
        self.inherit(status := 98)
        made: list[Any] = []
        self.patch(answers, "Answers", lambda *arguments: made.append(arguments))
        service = self.service("--admin", "0", "--workers", "2", "--broker", "redis://localhost")
        self.assertIsInstance(service, Server)
        ((_, node, descriptor),) = made
        self.assertEqual(descriptor, status)
        self.assertEqual(self.successResultOf(node.snapshot())["worker"], "2")

    def inherit(self, status: int) -> None:
        """Be a worker, whose reactor never runs."""
        self.patch(Inheritance, "current", Inheritance(2, 97, status, [[[]], [[]]], 0, None, []))
        self.patch(Obedience, "begin", lambda obedience: None)
        self.patch(Node, "start", lambda node: None)

    def test_quiet(self) -> None:
        """Without the option a worker measures nothing, and answers nobody."""
        self.inherit(98)
        self.patch(answers, "Answers", lambda *arguments: self.fail("it answers"))
        service: Any = self.service("--workers", "2", "--broker", "redis://localhost")
        self.assertNotIn("onMessage", vars(service.apps["echo"]))

    def test_samePort(self) -> None:
        """It cannot be one of the server's own."""
        self.refused("--port", "unix:sock", "--admin", "unix:sock/x", words=("unix:sock/x",))

    def test_noPrometheus(self) -> None:
        """Without prometheus-client there is a warning, and all else."""
        self.patch(prometheus, "available", lambda: False)
        self.assertIsInstance(self.service("--admin", "0"), Watched)


class LogOptionTests(TapCase):
    """--log-json, --log-level, --access-log."""

    def twistd(self, *words: str, **twistd: Any) -> Any:
        """The service of a command line, behind these options of twistd's own."""
        from wsapp.tap import Options

        options = Options()
        options.parent = {"nodaemon": True, "reactor": None, **twistd}  # type: ignore[assignment]
        options.parseOptions(["--port", "tcp:0:interface=127.0.0.1", "--app", "echo", *words])
        return makeService(options)

    def test_asTwistd(self) -> None:
        """Without any of them twistd logs as it does."""
        self.assertFalse(isinstance(self.twistd(logfile="log"), Observed))
        self.assertFalse(Path("log").exists())

    def test_file(self) -> None:
        """twistd's own --logfile says where; a daemon without one logs to twistd.log as ever."""
        for number, twistd in enumerate(({"logfile": "log"}, {"nodaemon": False})):
            service = self.twistd("--log-json", **twistd)  # type: ignore[arg-type]
            self.assertIsInstance(service, Observed)
            application = Application("test")
            service.setServiceParent(application)
            observer: Any = application.getComponent(ILogObserver)
            observer({"log_time": 0.0, "log_level": LogLevel.info, "log_namespace": "x", "log_format": "hi"})
            self.assertIn('"message": "hi"', Path(["log", "twistd.log"][number]).read_text())

    def test_worker(self) -> None:
        """A worker hands its log on to its master as ever; the access log it writes itself."""
        from wsapp.tap import Options

        options = Options()
        options.parent = {"logger": "wsapp.workers.worker.observer", "nodaemon": True}  # type: ignore[assignment]
        self.patch(Options, "postOptions", lambda self: None)
        options.parseOptions(["--log-json", "--log-level", "debug", "--access-log", "access"])
        logs = options.logs(worker=True)
        self.assertIsNone(logs.observer)
        self.assertTrue(Path("access").exists())
        self.assertIsNotNone(logs.access)

    def test_access(self) -> None:
        """The access log is written to its file, which is opened again when it has been moved away."""
        reopened: list[Any] = []
        self.patch(__import__("wsapp.tap").tap, "_owning", lambda *arguments: reopened.append(arguments[3]))
        server = self.serverOf("--access-log", "access")
        log = server.terms.accounts.log
        assert log is not None
        server.terms.accounts.turnedAway("echo", _Asked(), 4401)  # type: ignore[arg-type]
        Path("access").rename("old")
        reopened[0]()
        self.assertEqual(Path("access").read_text(), "")
        self.assertIn("code=4401", Path("old").read_text())

    def test_wrong(self) -> None:
        """Every mistake is one line that names the option."""
        self.refused("--access-log", "no/access", words=("--access-log: no/access cannot be written",))
        self.refused("--log-level", "loud", words=("--log-level: ", "loud"))
        for twistd in ({"syslog": True}, {"logger": "x"}, {"nodaemon": False, "logfile": "-"}):
            error = self.assertRaises(UsageError, self.twistd, "--log-json", **twistd)
            self.assertNotIn("\n", str(error))
            self.assertIn("twistd", str(error))


class _Asked:
    """A request that was turned away."""

    time = 0.0
    peer = "192.0.2.7"
    version = "RFC 6455"
