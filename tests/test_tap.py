"""Tests of `wsapp.tap` and the twistd plugin: every option, and every wrong value."""

# Trial's and Twisted's own functions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import io
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.application.service import IServiceMaker
from twisted.internet.defer import Deferred
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

import wsapp.listening
from tests.peers import ServedCase
from tests.test_tls import Authority, TLSCase
from wsapp import descriptors, heap, tap
from wsapp.brokers import Keep
from wsapp.brokers.memory import MemoryBroker
from wsapp.brokers.redis.broker import AWAY, RedisBroker
from wsapp.limitoptions import OPTIONS
from wsapp.limits import Limits
from wsapp.listening import BadEndpoint
from wsapp.notify import Notifier
from wsapp.service import Server
from wsapp.signals import Signals
from wsapp.tap import Options, makeService
from wsapp.wire.deflate import Compression
from wsapp.workers import embedded
from wsapp.workers.adopting import Inheriting
from wsapp.workers.inheritance import Inheritance
from wsapp.workers.master import MARGIN, Master
from wsapp.workers.worker import Obedience


def secured(folder: Path, authority: Authority) -> str:
    """A port that speaks TLS, with a key and a certificate in this folder."""
    for name, content in zip(("key.pem", "cert.pem"), authority.issue("localhost"), strict=True):
        (folder / name).write_bytes(content)
    return "ssl:0:interface=127.0.0.1:privateKey=key.pem:certKey=cert.pem"


class TapCase(SynchronousTestCase):
    """Nothing is listened on, no signal is taken over, no exit is registered."""

    suppress = TLSCase.suppress

    def setUp(self) -> None:
        self.owned: list[Any] = []
        self.patch(tap, "_owning", lambda reactor, server, connections, reopen: self.owned.append(server))
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def parse(self, *words: str, port: str = "tcp:0:interface=127.0.0.1", app: str = "echo") -> Options:
        """Parse a command line, with a port and an application where it names none."""
        options = Options()
        line = list(words)
        if port and "--port" not in words:
            line += ["--port", port]
        if app and "--app" not in words:
            line += ["--app", app]
        options.parseOptions(line)
        return options

    def serverOf(self, *words: str, **more: str) -> Server:
        """The server of a command line."""
        server = makeService(self.parse(*words, **more))
        assert isinstance(server, Server)
        return server

    def refused(self, *line: str, words: tuple[str, ...] = (), **more: str) -> str:
        """Assert that a command line is refused by one line that has these words."""
        error = str(self.assertRaises(UsageError, self.parse, *line, **more))
        self.assertNotIn("\n", error)
        for word in words:
            self.assertIn(word, error)
        return error


class OptionTests(TapCase):
    """What each option does."""

    def test_defaults(self) -> None:
        """Port 8080 of the loopback interface, all versions, shared compression, the limits as they are."""
        listened: list[str] = []

        class Fake:
            def __init__(self, reactor: Any, text: str, clients: Any) -> None:
                listened.append(text)

            def rehearse(self, held: Any) -> None:
                pass

        self.patch(wsapp.listening, "Endpoint", Fake)
        server = self.serverOf(port="")
        self.assertEqual(listened, ["tcp:8080:interface=127.0.0.1"])
        terms = server.terms
        self.assertEqual(terms.limits, Limits())
        self.assertEqual(terms.compression, Compression.SHARED)
        self.assertEqual(
            sorted(version.option for version in terms.versions), ["13", "7", "8", "hixie-75", "hixie-76"]
        )
        self.assertEqual(terms.origins.allowed, ())
        self.assertFalse(terms.proxies.trusts("127.0.0.1"))

    def test_limits(self) -> None:
        """Each of the limits is an option, with sizes as 1M, and is shown with its default."""
        help = str(Options())
        texts = {
            "parseSize": "3K",
            "parseCount": "7",
            "parseSeconds": "2.5",
            "parseRate": "0.5",
            "parseByteRate": "64K",
            "ratePolicy": "slow",
            "backlogPolicy": "drop",
        }
        for option in OPTIONS.values():
            text = texts.get(option.field) or texts[option.parse.__name__]
            server = self.serverOf(f"--{option.name}", text)
            expected = dataclasses.replace(Limits(), **{option.field: option.parse(text)})
            self.assertNotEqual(expected, Limits())
            self.assertEqual(server.terms.limits, expected)
            self.assertRegex(help, rf"--{option.name}=[^\[]*\[{option.shown}\]")
        options = {option.field for option in OPTIONS.values()}
        self.assertEqual(options, {field.name for field in dataclasses.fields(Limits)})

    def test_limitsOfOne(self) -> None:
        """An application's limits are its own, in place of everybody's."""
        server = self.serverOf(
            "--max-message", "64K", "--app", "chat:max-message=16K:title=Hi:message-rate=5", "--app", "echo"
        )
        choose = server.terms.choose
        chat, echo = (choose(path, [])[0].limits for path in ("/chat", "/echo"))
        self.assertEqual(chat, Limits(maxMessage=16 << 10, messageRate=5))
        self.assertEqual(echo, Limits(maxMessage=64 << 10))

    def test_severalLimits(self) -> None:
        """They go together."""
        server = self.serverOf("--max-message", "16M", "--max-send-buffer=32M", "--hook-timeout", "0")
        self.assertEqual(server.terms.limits, Limits(maxMessage=16 << 20, maxSendBuffer=32 << 20))

    def test_apps(self) -> None:
        """--app may be repeated; the first is the default; options and names as the registry has them."""
        server = self.serverOf("--app", "chat:title=Hello", "--app", "other=echo", "--app", "echo")
        self.assertEqual(list(server._apps), ["chat", "other", "echo"])
        self.assertEqual(server.terms.choose("/", ())[0].app.name, "chat")

    def test_ports(self) -> None:
        """--port may be repeated."""
        server = self.serverOf("--port", "tcp:0:interface=127.0.0.1", "--port", f"unix:{self.folder}/s")
        self.assertEqual([endpoint.text.partition(":")[0] for endpoint in server._endpoints], ["tcp", "unix"])

    def test_versions(self) -> None:
        """--versions narrows what is served."""
        server = self.serverOf("--versions", "13, hixie-76")
        self.assertEqual({version.option for version in server.terms.versions}, {"13", "hixie-76"})

    def test_drain(self) -> None:
        """--drain; none is meant where it is not given."""
        self.assertEqual(self.serverOf()._drain, 0)
        self.assertEqual(self.serverOf("--drain", "7.5")._drain, 7.5)

    def test_compression(self) -> None:
        """--compression."""
        for word in ("off", "shared", "takeover"):
            self.assertEqual(self.serverOf("--compression", word).terms.compression.value, word)

    def test_origins(self) -> None:
        """--allow-origin, --require-origin and --host."""
        server = self.serverOf(
            *("--allow-origin", "https://a.example", "--allow-origin", "https://*.b.example"),
            *("--require-origin", "--host", "c.example", "--host", "::1"),
        )
        origins = server.terms.origins
        self.assertEqual(origins.allowed, ("https://a.example", "https://*.b.example"))
        self.assertTrue(origins._require)
        self.assertEqual(origins._hosts, {"c.example", "[::1]"})

    def test_proxies(self) -> None:
        """--trust-proxy."""
        proxies = self.serverOf("--trust-proxy", "10.0.0.0/8", "--trust-proxy", "unix").terms.proxies
        self.assertTrue(proxies.trusts("10.1.2.3"))
        self.assertTrue(proxies.trusts(""))
        self.assertFalse(proxies.trusts("192.0.2.1"))

    def test_clientCertificates(self) -> None:
        """--client-ca and --client-ca-optional are every port's."""
        authority = Authority()
        (self.folder / "ca.pem").write_bytes(authority.pem)
        port = secured(self.folder, authority)
        for flags, required in (((), True), (("--client-ca-optional",), False)):
            (endpoint,) = self.serverOf("--client-ca", "ca.pem", "--port", port, *flags)._endpoints
            assert endpoint._clients is not None
            self.assertEqual(
                (endpoint._clients.authorities, endpoint._clients.required), ("ca.pem", required)
            )

    def test_ownsTheProcess(self) -> None:
        """The server is given this process."""
        self.assertEqual(self.owned, [self.serverOf()])


class OwningTests(ServedCase):
    """A server that has the process to itself."""

    def setUp(self) -> None:
        super().setUp()
        self.calls: list[Any] = []
        self.said: tuple[str, bool] | None = ("enough", True)
        self.patch(descriptors, "raiseLimit", lambda connections: self.said)
        self.patch(Signals, "install", lambda signals: self.calls.append(signals))
        self.patch(atexit, "register", lambda *arguments: self.calls.append(arguments))
        self.looking: list[object] = []
        self.patch(heap, "giveBack", lambda clock, found: self.looking.append(clock))
        self.systemd: list[str] = []
        self.patch(Notifier, "_say", lambda notifier, state: self.systemd.append(state))
        self.triggers: list[tuple[Any, ...]] = []
        self.server: Any = type("Fake", (), {"started": Deferred()})()
        self.traces: list[type[BaseException]] = []
        self.patch(sys, "excepthook", lambda kind, *_: self.traces.append(kind))
        tap._owning(self, self.server, 500, self.stop)

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        """As the reactor, which runs."""
        call()

    def stop(self) -> None:
        """As the reactor."""
        self.calls.append("stop")

    def addSystemEventTrigger(self, *arguments: Any) -> None:
        """As the reactor."""
        self.triggers.append(arguments)

    def test_cannotListen(self) -> None:
        """Of a port that cannot be listened on the log has one line, and twistd's end shows no traceback."""
        sys.excepthook(BadEndpoint, BadEndpoint("unix:/s: no"), None)
        self.assertEqual(self.traces, [])
        told = [(event["log_level"].name, str(event["error"])) for event in self.logged if "error" in event]
        self.assertEqual(told, [("critical", "unix:/s: no")])
        sys.excepthook(KeyError, KeyError(), None)
        self.assertEqual(self.traces, [KeyError])

    def test_signals(self) -> None:
        """Once the reactor runs it takes the signals over."""
        (signals,) = self.calls
        self.assertIs(signals._server, self.server)
        self.server.started.callback(None)
        self.assertEqual(len(self.calls), 1)

    def test_fileLimit(self) -> None:
        """What the limit of file descriptors is, is said; as a warning where it is too low."""
        self.said = ("too few", False)
        tap._owning(self, self.server, 500, self.stop)
        self.said = None
        tap._owning(self, self.server, 500, self.stop)
        found = [(event["log_level"].name, event["limit"]) for event in self.logged if "limit" in event]
        self.assertEqual(found, [("info", "enough"), ("warn", "too few")])

    def test_heap(self) -> None:
        """Memory is given back, by whoever has clients; a master has none."""
        tap._owning(self, self.server, None, self.stop)
        self.assertEqual(self.looking, [self])

    def test_failedStart(self) -> None:
        """A server that cannot start ends the process, with a status that says so."""
        self.server.started.errback(KeyError())
        self.assertEqual(self.calls[1:], [(os._exit, 1), "stop"])
        self.assertEqual(self.systemd, [])

    def test_systemd(self) -> None:
        """It is told once clients are attended to, and when the end begins."""
        self.assertEqual(self.systemd, [])
        self.server.started.callback(None)
        self.assertEqual(self.systemd, ["READY=1"])
        ((phase, event, call),) = self.triggers
        self.assertEqual((phase, event), ("before", "shutdown"))
        call()
        self.assertEqual(self.systemd, ["READY=1", "STOPPING=1"])


class WrongTests(TapCase):
    """Every wrong value is one line that says what was wrong and what would be right."""

    def test_noApp(self) -> None:
        """Without --app it says which there are."""
        self.refused(app="", words=("--app", "chat", "echo"))

    def test_apps(self) -> None:
        """Applications that are not there, or do not take their options."""
        (self.folder / "hello.py").write_text(
            'from wsapp import App\nclass Hello(App): pass\nclass Wrong(App): limits = {"maxHead": 5}\n'
        )
        (self.folder / "bad.py").write_text("import nothing_of_that_name\n")
        for spec, words in (
            ("caht", ("'caht'", "chat")),
            ("hello.py:Helo", ("hello.py", "'Helo'", "Hello")),
            ("hello.py", ("hello.py:ClassName",)),
            ("missing.py:Hello", ("missing.py",)),
            ("missing.module:Hello", ("'missing.module'",)),
            (":Hello", ("''", "package.module:Class")),
            (".x:Y", ("'.x'", "package.module:Class")),
            ("bad.py:Hello", ("bad.py", "nothing_of_that_name")),
            ("chat:colour=red", ("'colour'", "title")),
            ("chat:title", ("'title'", "OPTION=VALUE")),
            ("chat:history=many", ("history='many'", "whole number")),
            ("a b=chat", ("'a b'",)),
            ("token.x=chat", ("'token.x'",)),
            ("chat:max-message=none", ("max-message: 'none'",)),
            ("chat:title=Hi:max-message", ("max-message=VALUE",)),
            ("chat:max-queue=0", ("max-queue: '0'",)),
            ("chat:max-head=3K", ("max-head is for the whole server: give it as --max-head 3K",)),
            ("hello.py:Wrong", ("maxHead is the whole server's", "maxMessage")),
        ):
            self.refused("--app", spec, words=words)

    def test_pages(self) -> None:
        """An application whose pages are not there."""
        (self.folder / "hello.py").write_text(
            "from wsapp import App\nfrom wsapp.web import StaticFolder\nclass Hello(App):\n"
            "    def resource(self): return StaticFolder('no such folder')\n"
        )
        self.refused("--app", "hello.py:Hello", words=("hello", "no such folder' is not a folder: its pages"))

    def test_clientCertificates(self) -> None:
        """What --client-ca demands, only ssl: ports can ask for."""
        for ports in ((), ("--port", "haproxy:tcp:0:interface=127.0.0.1")):
            self.refused("--client-ca", "ca.pem", *ports, words=("--client-ca", "ssl:"))
        self.refused("--client-ca-optional", words=("--client-ca-optional", "without --client-ca"))
        (self.folder / "garbage.pem").write_text("garbage")
        port = secured(self.folder, Authority())
        for name in ("missing.pem", "garbage.pem"):
            self.refused("--client-ca", name, "--port", port, words=("--client-ca", name))
        for text in (port, f"haproxy:{port}"):
            self.assertIsInstance(
                self.serverOf("--client-ca", "cert.pem", "--port", text, "--port", "tcp:0"), Server
            )

    def test_sameName(self) -> None:
        """Two applications of one name, and how to name one otherwise."""
        self.refused("--app", "echo", "--app", "echo", words=("'echo'", "--app OTHERNAME=echo"))

    def test_limits(self) -> None:
        """Limits that are none name their option."""
        for option, text in (
            ("max-message", "1MB"),
            ("max-message", "0"),
            ("max-fragments", "1K"),
            ("max-fragments", "0"),
            ("max-connections", "-1"),
            ("ping-interval", "20s"),
            ("ping-interval", "0"),
            ("close-timeout", "-1"),
            ("handshake-timeout", "nan"),
            ("hook-timeout", "inf"),
            ("ping-interval", "1e308"),
            ("handshake-timeout", "1e308"),
            ("message-rate", "-1"),
            ("message-rate", "many"),
            ("byte-rate", "64KB"),
            ("rate-burst", "0"),
            ("rate-policy", "stop"),
            ("backlog-policy", "slow"),
        ):
            line = self.refused(f"--{option}", text, words=(f"--{option}: ",))
            self.assertIn(text.removeprefix("-") if text != "0" else "0", line)

    def test_policies(self) -> None:
        """Versions, compression, origins, hosts and proxies that are none."""
        for option, text, words in (
            ("versions", "14", ("'14'", "13, 8, 7, hixie-76, hixie-75")),
            ("versions", "", ("''",)),
            ("versions", "13,,8", ("''",)),
            ("drain", "soon", ("'soon'", "seconds such as")),
            ("drain", "-1", ("'-1'", "seconds such as")),
            ("resume", "1e9", ("'1e9'", "a year")),
            ("compression", "on", ("'on'", "off, shared or takeover")),
            ("tls", "ssl", ("'ssl'", "own or twisted")),
            ("allow-origin", "example.com", ("'example.com'", "https://example.com")),
            ("allow-origin", "https://example.com/", ("'https://example.com/'",)),
            ("host", "example.com:80", ("'example.com:80'", "port")),
            ("host", "*", ("'*'", "wildcards")),
            ("host", "*.ex.org", ("'*.ex.org'", "wildcards")),
            ("trust-proxy", "proxy.example", ("'proxy.example'", "10.0.0.0/8")),
        ):
            self.refused(f"--{option}", text, words=(f"--{option}", *words))

    def test_ports(self) -> None:
        """Endpoints that are none, or cannot be listened on."""
        for text, words in (
            ("8080 ", ("8080",)),
            ("tcp:", ("'tcp:'", "tcp:8080")),
            ("tcp:http!", ("tcp:http!",)),
            ("tcp:70000", ("tcp:70000",)),
            ("nosuch:1", ("'nosuch:1'", "tcp:8080")),
            ("tcp:0:interface=203.0.113.77", ("203.0.113.77",)),
            ("tcp:0:interface=no host", ("no host",)),
            ("unix:/no/such/folder/s", ("/no/such/folder",)),
            (f"unix:{self.folder}", ("not a socket",)),
            ("unix:", ("no path", "unix:/run/wsapp.sock")),
            (f"unix:{'s' * 120}", ("120 bytes", "shorter")),
            ("stdio:", ("stdio:", "tcp:8080")),
            ("systemd:domain=INET:index=0", ("systemd has handed over no such socket",)),
            ("ssl:0:privateKey=missing.pem", ("missing.pem", "No such file")),
        ):
            self.refused("--port", text, words=words)

    def test_portInUse(self) -> None:
        """A port in use, also where the command line itself uses it twice."""
        with socket.socket() as used:
            used.bind(("127.0.0.1", 0))
            used.listen()
            port = used.getsockname()[1]
            self.refused("--port", f"tcp:{port}:interface=127.0.0.1", words=(f"tcp:{port}", "in use"))
        path = f"{self.folder}/s"
        with socket.socket(socket.AF_UNIX) as used:
            used.bind(path)
            used.listen()
            self.refused("--port", f"unix:{path}", words=("in use",))
        self.refused("--port", f"unix:{path}", words=("left behind",))
        os.symlink("999999999", f"{path}.lock")  # as a process of Twisted's leaves it that has died
        self.assertIsInstance(self.serverOf("--port", f"unix:{path}"), Server)
        self.refused("--port", f"unix:{path}", "--port", f"unix:{path}", words=("in use",))

    def test_keys(self) -> None:
        """Keys and certificates that cannot be used."""
        (self.folder / "garbage.pem").write_text("this is no key")
        self.refused(
            "--port",
            "ssl:0:interface=127.0.0.1:privateKey=garbage.pem",
            words=("garbage.pem", "key or certificate"),
        )
        if os.geteuid():
            (self.folder / "secret.pem").write_text("")
            (self.folder / "secret.pem").chmod(0)
            self.refused("--port", "ssl:0:privateKey=secret.pem", words=("secret.pem", "Permission denied"))

    def test_strayWords(self) -> None:
        """A word without an option is probably an application."""
        self.refused("chat", words=("'chat'", "--app chat"))

    def test_unknownOption(self) -> None:
        """An option that there is not."""
        self.refused("--prot", "8080", words=("prot",))


class HelpTests(TapCase):
    """What it tells."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(os, "environ", {**os.environ, "COLUMNS": "80"})
        self.help = str(Options())

    def test_listApps(self) -> None:
        """--list-apps lists the registered ones with a line each, and ends."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            error = self.assertRaises(SystemExit, Options().parseOptions, ["--list-apps"])
        self.assertFalse(error.code)
        lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in out.getvalue().splitlines())
        self.assertLessEqual({"echo", "chat"}, set(lines))
        self.assertTrue(all(lines.values()))

    def test_everyOption(self) -> None:
        """--help has all of them, with their defaults, within 80 columns."""
        for option in [
            "port",
            "app",
            "list-apps",
            "versions",
            "allow-origin",
            "host",
            "require-origin",
            "compression",
            "drain",
            "tls",
            "trust-proxy",
            "client-ca",
            "client-ca-optional",
            "help",
        ]:
            self.assertRegex(self.help, rf"\s--{option}\b")
        for default in (
            "[1M]",
            "[16K]",
            "[131072]",
            "[10000]",
            "[1000]",
            "[20]",
            "[5]",
            "tcp:8080:interface=127.0.0.1",
        ):
            self.assertIn(default, self.help)
        self.assertEqual([line for line in self.help.splitlines() if len(line) > 80], [])

    def test_readsWell(self) -> None:
        """Usage once; no endpoint or other word is torn apart; no double blanks within a text."""
        self.assertLessEqual(self.help.count("Usage"), 1)
        for word in (
            "ssl:8443:privateKey=",
            "haproxy:tcp:8080",
            "systemd:domain=INET:index=0",
            "https://example.com",
        ):
            self.assertIn(word, self.help)
        for line in self.help.splitlines():
            self.assertNotRegex(line, r"^\s{20,}[,.;)]", "a line begins with punctuation")


class PluginTests(TapCase):
    """``twistd wsapp``."""

    def test_plugin(self) -> None:
        """twistd knows the command, and finds options and service by it."""
        (maker,) = [one for one in getPlugins(IServiceMaker) if one.tapname == "wsapp"]
        self.assertIs(maker.options, Options)
        options = self.parse()
        self.assertIs(maker.makeService(options), options.service)
        self.assertIn("WebSocket", maker.description)

    def test_signalsStay(self) -> None:
        """Parsing a command line takes no signals over."""
        before = signal.getsignal(signal.SIGTERM)
        self.parse()
        self.assertIs(signal.getsignal(signal.SIGTERM), before)


class WorkersTests(TapCase):
    """``--workers``: what the master is made of, and what makes a worker of a process."""

    def master(self, *words: str, **more: str) -> Master:
        """The master of a command line."""
        master = makeService(self.parse("--workers", "3", *words, **more))
        assert isinstance(master, Master)
        return master

    def test_master(self) -> None:
        """It has as many places, and starts workers with the same words."""
        master = self.master("--drain", "20", "--handshake-timeout", "4", "--close-timeout", "3")
        self.assertEqual(len(master.places), 3)
        launch = master._launch
        words = list(launch.arguments)
        own = words[words.index("wsapp") + 1 :]
        self.assertEqual(own[:6], ["--workers", "3", "--drain", "20", "--handshake-timeout", "4"])
        self.assertIn("--nodaemon", words)
        self.assertIn("--pidfile=", words)
        self.assertNotIn("--reactor", words)
        self.assertEqual(words[words.index("--rundir") + 1], f"{self.folder}/.")
        self.assertEqual((launch.python, launch.folder), (sys.executable, str(self.folder)))
        # All that a worker may take: the drain, who is arriving, the Closes and their hooks.
        self.assertEqual(master.places[0]._grace, 20 + 4 + 2 * 3 + MARGIN)
        self.assertEqual(self.owned, [master])

    def test_twistdsOptions(self) -> None:
        """The reactor that was chosen is the workers' too; a folder that only the master has is refused."""
        options: Any = Options()
        options.parent = {"reactor": "epoll", "rundir": "/srv"}
        options.parseOptions(["--workers", "1", "--app", "echo", "--port", "tcp:0:interface=127.0.0.1"])
        words = options.service._launch.arguments
        self.assertEqual(words[words.index("--reactor") + 1], "epoll")
        self.assertEqual(words[words.index("--rundir") + 1], "/srv")
        options = Options()
        options.parent = {"chroot": "/srv"}
        line = ["--workers", "1", "--app", "echo", "--port", "tcp:0:interface=127.0.0.1"]
        self.assertIn("--chroot", str(self.assertRaises(UsageError, options.parseOptions, line)))

    def test_apps(self) -> None:
        """What applications cannot have is said by the master too, before any worker is started."""
        (self.folder / "wrong.py").write_text(
            "from wsapp import App\nfrom wsapp.web import StaticFolder\n"
            "class Pages(App):\n    def resource(self): return StaticFolder('no such folder')\n"
            "class Limits(App): limits = {'maxHead': 5}\n"
        )
        for name, words in (("Pages", "is not a folder"), ("Limits", "maxHead is the whole server's")):
            for count in ("1", "2"):
                options = ("--workers", count, "--broker", "redis://127.0.0.1", "--app", f"wrong.py:{name}")
                self.refused(*options, words=(words,))

    def test_embedded(self) -> None:
        """A private Valkey is started beside them."""
        self.patch(embedded, "program", lambda: "/valkey")
        broker = self.master("--broker", "embedded", app="chat")._broker
        assert isinstance(broker, embedded.Embedded)
        self.assertEqual(broker._binary, "/valkey")

    def test_refused(self) -> None:
        """Numbers that are none, groups without a broker, a broker for nobody, one that is not there."""
        self.refused("--workers", "none", words=("--workers", "'none'"))
        self.refused("--workers", "2", app="chat", words=("--broker embedded", "groups = False"))
        self.refused("--broker", "embedded", app="chat", words=("--workers",))

        def missing() -> str:
            raise ValueError("pip install wsapp[valkey]")

        self.patch(embedded, "program", missing)
        self.refused("--workers", "2", "--broker", "embedded", words=("--broker: pip install",))

    def test_worker(self) -> None:
        """With an inheritance the same words make a server that listens late, on what it was left."""
        began: list[Any] = []
        self.patch(Obedience, "begin", lambda obedience: began.append(obedience))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            descriptors = [[[listening.fileno()]]] * 3
            left = Inheritance(2, 0, 1, descriptors, 0, "redis+unix:///private", [])
            self.patch(Inheritance, "current", left)
            port = f"tcp:{listening.getsockname()[1]}:interface=127.0.0.1"
            options = self.parse("--workers", "3", "--broker", "embedded", app="chat", port=port)
        server = makeService(options)
        assert isinstance(server, Server)
        self.assertTrue(server._late)
        broker: Any = server._broadcast._broker
        self.assertIsInstance(broker, RedisBroker)
        (inheriting,) = [endpoint._reactor for endpoint in server._endpoints]
        assert isinstance(inheriting, Inheriting)
        self.assertEqual(inheriting._own, 1)


class BrokerTests(TapCase):
    """``--broker`` and ``--broker-prefix``."""

    def test_none(self) -> None:
        """Without, the process is alone."""
        self.assertIsInstance(self.serverOf()._broadcast._broker, MemoryBroker)

    def test_redis(self) -> None:
        """A URL makes a broker, which connects when the server starts; the prefix is its."""
        broker = self.serverOf(
            *("--broker", "redis://:p@127.0.0.1:7/2", "--broker-prefix", "us", "--broker-away", "20")
        )._broadcast._broker
        assert isinstance(broker, RedisBroker)
        self.assertEqual(broker._address.port, 7)
        self.assertEqual(broker._names.origin, b"us:origin")
        self.assertEqual(broker._away, Keep(AWAY.messages, AWAY.size, 20.0))
        self.assertFalse(broker.reachable)
        self.assertEqual(broker.metrics.state, "down")

    def test_wrong(self) -> None:
        """One line that names the option, without the password."""
        for words, part in (
            (["--broker", "localhost"], "--broker: this is no broker's URL"),
            (["--broker", "redis://:secret@host/x"], "--broker: the database is 'x'"),
            (["--broker", "redis://h", "--broker-prefix", ""], "--broker-prefix is ''"),
            (["--broker", "redis://h", "--broker-prefix", "a b"], "--broker-prefix is 'a b'"),
            (["--broker", "redis://h", "--broker-away", "5m"], "--broker-away: '5m' is not a time"),
            (["--broker", "redis://h", "--broker-away", "0.5"], "--broker-away is 0.5: it must be from 1 to"),
            (["--broker", "redis://h", "--broker-away", "86401"], "--broker-away is 86401"),
        ):
            error = self.assertRaises(UsageError, self.parse, *words)
            self.assertIn(part, str(error))
            self.assertNotIn("secret", str(error))
            self.assertNotIn("\n", str(error))

    def test_authority(self) -> None:
        """So for a file without certificates."""
        Path("ca.pem").write_text("nothing")
        error = self.assertRaises(UsageError, self.parse, "--broker", "rediss://127.0.0.1?ca=ca.pem")
        self.assertIn("--broker: ?ca=ca.pem has no certificate", str(error))

    def test_notInstalled(self) -> None:
        """Where something that it needs is not installed, that is said, and how to get it."""
        for name in ("txredisapi", "hiredis"):
            with mock.patch.dict(sys.modules, {name: None}):
                error = self.assertRaises(UsageError, self.parse, "--broker", "redis://127.0.0.1")
            self.assertIn(f"--broker needs {name}: pip install wsapp[redis]", str(error))
