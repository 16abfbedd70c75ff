"""What Twisted's own suites do not ask of the uvloop reactor's transports and ports."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.internet.test.reactormixins import ReactorBuilder
from twisted.logger import ILogObserver, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.loop.builders import uvloopReactor
from tests.loop.case import ROOT, needs


class Recorder(Protocol):
    """Writes down what happens to it, and stops the reactor when it ends."""

    transport: Any
    factory: Any

    def __init__(self) -> None:
        self.events: list[Any] = []

    def connectionMade(self) -> None:
        self.events.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append(reason.type.__name__)
        reactor = self.factory.reactor
        if reactor.running:
            reactor.callLater(0, reactor.stop)


class LoopTestCase(ReactorBuilder, SynchronousTestCase):
    """A case with a uvloop reactor of its own."""

    skip = needs("uvloop")
    reactorFactory = uvloopReactor
    timeout = 20

    def listen(self, reactor: Any, server: Any) -> int:
        """Serve one protocol; the port's number."""
        factory = Factory.forProtocol(lambda: server)
        factory.noisy = False
        factory.reactor = reactor  # type: ignore[attr-defined]
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        number: int = self.port.getHost().port
        return number

    def peer(self, number: int) -> socket.socket:
        """A client that is not of the reactor's."""
        client = socket.create_connection(("127.0.0.1", number))
        client.settimeout(10)
        self.addCleanup(client.close)
        return client


class UnsentTests(LoopTestCase):
    """What has not left yet."""

    def test_unsent(self) -> None:
        """What is written and the kernel does not take; it falls with each bit that it takes."""
        reactor = self.buildReactor()
        server = Recorder()
        client = self.peer(self.listen(reactor, server))
        size = 16 * 1024 * 1024
        seen: list[int] = []

        def take() -> None:
            unsent = server.transport.unsent
            if not seen or unsent < seen[-1]:
                seen.append(unsent)
            if unsent:
                client.recv(1 << 16)
                reactor.callLater(0, take)
            else:
                server.transport.abortConnection()

        def made() -> None:
            self.assertEqual(server.transport.unsent, 0)
            server.transport.write(b"x" * size)
            self.assertTrue(0 < server.transport.unsent <= size)
            reactor.callLater(0, take)

        self.patch(server, "connectionMade", made)
        self.runReactor(reactor)
        self.assertGreater(len(seen), 3)
        self.assertEqual((seen[-1], server.transport.unsent), (0, 0))


class ReceivingTests(LoopTestCase):
    """To whom what arrives goes, and when."""

    def test_receiveBy(self) -> None:
        """What the protocol names is called by uvloop itself from then on, amid a read too."""
        reactor = self.buildReactor()
        got: list[bytes] = []

        class Sender(Recorder):
            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                self.transport.receiveBy(got.append)
                client.sendall(b"two")

        server = Sender()
        client = self.peer(self.listen(reactor, server))
        client.sendall(b"one")
        reactor.callLater(0.2, client.close)
        self.runReactor(reactor)
        server.transport.receiveBy(got.append)  # it has ended: nothing
        self.assertEqual((server.events, got), (["made", b"one", "ConnectionDone"], [b"two"]))

    def test_replaced(self) -> None:
        """Any other may replace it at any time."""
        reactor = self.buildReactor()
        server = Recorder()
        client = self.peer(self.listen(reactor, server))
        got: list[bytes] = []

        def replace() -> None:
            setattr(server, "dataReceived", got.append)  # noqa: B010, mypy would not have it
            client.sendall(b"two")

        client.sendall(b"one")
        reactor.callLater(0.1, replace)
        reactor.callLater(0.2, client.close)
        self.runReactor(reactor)
        self.assertEqual((server.events, got), (["made", b"one", "ConnectionDone"], [b"two"]))

    def test_pausedFromTheStart(self) -> None:
        """Paused in connectionMade, a protocol hears nothing, not even of the end, until it resumes."""

        class Paused(Recorder):
            def connectionMade(self) -> None:
                super().connectionMade()
                self.transport.pauseProducing()

        reactor = self.buildReactor()
        server = Paused()
        client = self.peer(self.listen(reactor, server))
        client.sendall(b"early")
        client.close()

        def resume() -> None:
            self.assertEqual(server.events, ["made"])
            server.transport.resumeProducing()

        reactor.callLater(0.2, resume)
        self.runReactor(reactor)
        self.assertEqual(server.events, ["made", b"early", "ConnectionDone"])

    def test_pausedAgain(self) -> None:
        """One that changes its mind in the same turn stays paused."""

        class Paused(Recorder):
            def connectionMade(self) -> None:
                super().connectionMade()
                self.transport.pauseProducing()

        reactor = self.buildReactor()
        server = Paused()
        client = self.peer(self.listen(reactor, server))
        client.sendall(b"early")

        def waver() -> None:
            server.transport.resumeProducing()
            server.transport.pauseProducing()

        reactor.callLater(0.1, waver)
        reactor.callLater(0.3, lambda: server.events.append("resumed"))
        reactor.callLater(0.3, lambda: server.transport.resumeProducing())
        reactor.callLater(0.5, client.close)
        self.runReactor(reactor)
        self.assertEqual(server.events, ["made", "resumed", b"early", "ConnectionDone"])

    def test_osErrorFromProtocol(self) -> None:
        """An OSError that a protocol raises is the protocol's: it is logged, and is the reason of the end."""

        class Broken(Recorder):
            def dataReceived(self, data: bytes) -> None:
                raise FileNotFoundError("the application's own")

        reactor = self.buildReactor()
        server = Broken()
        self.peer(self.listen(reactor, server)).sendall(b"x")
        self.runReactor(reactor)
        self.assertEqual(server.events, ["made", "FileNotFoundError"])
        self.assertEqual(len(self.flushLoggedErrors(FileNotFoundError)), 1)


class EndingTests(LoopTestCase):
    """Closing, aborting, half-closing."""

    def test_loseConnectionFlushes(self) -> None:
        """Everything written arrives, however slowly it is read, before the connection is closed."""
        size = 20_000_000

        class Big(Recorder):
            def connectionMade(self) -> None:
                self.transport.write(b"x" * size)
                self.transport.loseConnection()

        reactor = self.buildReactor()
        number = self.listen(reactor, Big())
        code = (
            "import socket, time\n"
            f"s = socket.create_connection(('127.0.0.1', {number})); n = 0; time.sleep(0.2)\n"
            "while d := s.recv(1 << 20): n += len(d)\n"
            "print(n); s.close()"
        )
        reader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        self.runReactor(reactor)
        self.assertEqual(reader.communicate()[0].strip(), str(size))

    def test_abortResets(self) -> None:
        """The peer of an aborted connection sees a reset, not an orderly end."""

        class Aborting(Recorder):
            def dataReceived(self, data: bytes) -> None:
                self.transport.abortConnection()

        reactor = self.buildReactor()
        server = Aborting()
        client = self.peer(self.listen(reactor, server))
        client.sendall(b"x")
        self.runReactor(reactor)
        self.assertEqual(server.events, ["made", "ConnectionAborted"])
        self.assertRaises(ConnectionResetError, client.recv, 1)

    def test_replyToHalfClosed(self) -> None:
        """A half-closeable protocol answers after the peer's end, and the connection ends once both have."""

        @implementer(IHalfCloseableProtocol)
        class Answering(Recorder):
            def readConnectionLost(self) -> None:
                self.events.append("readLost")
                self.transport.write(b"late")
                self.transport.loseWriteConnection()

            def writeConnectionLost(self) -> None:
                self.events.append("writeLost")

        reactor = self.buildReactor()
        server = Answering()
        client = self.peer(self.listen(reactor, server))
        client.sendall(b"ask")
        client.shutdown(socket.SHUT_WR)
        self.runReactor(reactor)
        self.assertEqual(client.recv(10), b"late")
        self.assertEqual(client.recv(10), b"")
        self.assertEqual(server.events, ["made", b"ask", "readLost", "writeLost", "ConnectionDone"])

    def test_pausedHearOfTheStop(self) -> None:
        """When the reactor stops, a paused connection is told, too."""
        reactor = self.buildReactor()
        server = Recorder()
        self.peer(self.listen(reactor, server))
        reactor.callLater(0.1, lambda: server.transport.pauseProducing())
        reactor.callLater(0.2, reactor.stop)
        self.runReactor(reactor)
        self.assertEqual(server.events, ["made", "ConnectionLost"])

    def test_writeAfterTheEnd(self) -> None:
        """Writing to a connection that has ended does nothing, also by a method kept from before."""
        reactor = self.buildReactor()
        server = Recorder()
        client = self.peer(self.listen(reactor, server))
        kept: list[Any] = []
        reactor.callLater(0.1, lambda: kept.extend([server.transport, server.transport.write]))
        reactor.callLater(0.2, client.close)
        self.runReactor(reactor)
        transport, write = kept
        write(b"x")
        transport.writeSequence([b"x"])
        transport.loseConnection()
        transport.abortConnection()
        self.assertEqual(transport.fileno(), -1)
        self.assertEqual(transport.getPeer().host, "127.0.0.1")

    def test_writeViews(self) -> None:
        """Bytes and views of them leave in order, before and behind other writes."""
        reactor = self.buildReactor()
        server = Recorder()
        client = self.peer(self.listen(reactor, server))
        large = bytes(range(256)) * 4096
        got = bytearray()

        def write() -> None:
            server.transport.writeSequence([b"a", b"b"])
            server.transport.writeViews([b"head", memoryview(large)])
            server.transport.write(b"c")
            server.transport.writeViews([memoryview(large)[1:]])
            server.transport.loseConnection()

        def read() -> None:
            while data := client.recv(1 << 20):
                got.extend(data)

        reactor.callLater(0.1, write)
        reactor.callInThread(read)
        self.runReactor(reactor)
        self.assertEqual(bytes(got), b"abhead" + large + b"c" + large[1:])
        server.transport.writeViews([large])

    def test_writeViewsLayered(self) -> None:
        """With a layer of TLS of Twisted's above, they pass through that."""
        reactor = self.buildReactor()
        server = Recorder()
        self.peer(self.listen(reactor, server))
        written: list[bytes] = []

        def write() -> None:
            server.transport.write = written.append  # as startTLS does
            server.transport.writeViews([b"head", memoryview(b"secret")])
            reactor.stop()

        reactor.callLater(0.1, write)
        self.runReactor(reactor)
        self.assertEqual(written, [b"headsecret"])

    def test_closedHandle(self) -> None:
        """Closing the socket that getHandle gave ends the connection, and nothing worse."""
        reactor = self.buildReactor()
        server = Recorder()
        client = self.peer(self.listen(reactor, server))
        reactor.callLater(0.1, lambda: server.transport.getHandle().close())
        self.runReactor(reactor)
        self.assertEqual(server.events, ["made", "ConnectionDone"])
        self.assertEqual(client.recv(1), b"")


class Echo(Protocol):
    """Says what it is told."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class PortTests(LoopTestCase):
    """Accepting."""

    def test_fewDescriptors(self) -> None:
        """Short of descriptors a port stops accepting, says so once, and goes on when some are free again."""
        reactor = self.buildReactor()
        self.leave(60)
        warnings = self.warnings()
        factory = Factory.forProtocol(Echo)
        number = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port
        code = f"""
import socket
held = []
while True:
    s = socket.create_connection(("127.0.0.1", {number})); s.settimeout(0.5); s.sendall(b"x"); held.append(s)
    try:
        if not s.recv(1): raise SystemExit("closed")
    except TimeoutError:
        break
for other in held[:-1]: other.close()
s.settimeout(10)
print(len(held) > 20, s.recv(1))
s.close()
"""
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        self.runUntil(reactor, child)
        self.assertEqual(child.communicate()[0].strip(), "True b'x'")
        self.assertEqual(len(warnings), 1, warnings)

    def test_noDescriptorBeforeTheFirst(self) -> None:
        """Where others take the last descriptors before anybody has connected, who connects waits as well;
        libuv would close such connections without a word."""
        reactor = self.buildReactor()
        self.leave(60)
        warnings = self.warnings()
        number = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1").getHost().port
        code = f"""
import socket, sys
sys.stdin.readline()
s = socket.create_connection(("127.0.0.1", {number})); s.settimeout(0.5); s.sendall(b"x")
try:
    print("closed" if not s.recv(1) else "served")
except TimeoutError:
    print("waits", flush=True)
s.settimeout(20)
print(s.recv(1))
s.close()
"""
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert child.stdin is not None
        taken: list[int] = []

        def take() -> None:
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass

        def release() -> None:
            while taken:
                os.close(taken.pop())

        self.addCleanup(release)
        reactor.callLater(0.1, take)
        reactor.callLater(1.0, child.stdin.write, "go\n")
        reactor.callLater(3.0, release)
        self.runUntil(reactor, child)
        self.assertEqual(child.communicate()[0].split(), ["waits", "b'x'"])
        self.assertEqual(len(warnings), 1, warnings)

    def leave(self, count: int) -> None:
        """Let this process open so many descriptors more, until the test's end."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        opened = len(os.listdir("/dev/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (opened + count, before[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)

    def warnings(self) -> list[str]:
        """A list that gets what ports say about a shortage."""
        found: list[str] = []

        @implementer(ILogObserver)
        def observe(event: Any) -> None:
            if "accepts no connections" in (formatEvent(event) or ""):
                found.append(str(formatEvent(event)))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return found

    def runUntil(self, reactor: Any, child: subprocess.Popen[str]) -> None:
        """Run until the child has ended."""

        def look() -> None:
            if child.poll() is None:
                reactor.callLater(0.1, look)
            else:
                reactor.stop()

        look()
        self.runReactor(reactor)

    def test_listenerFails(self) -> None:
        """A listener that uvloop gives up is opened again."""
        reactor = self.buildReactor()
        server = Recorder()
        number = self.listen(reactor, server)

        def fail() -> None:
            # As uvloop does when accept fails: it closes the handle, and with it our copy of the descriptor.
            accepting = self.port._server
            listener = self.port._listener
            accepting.close()
            self.assertEqual(listener.fileno(), -1)
            client = self.peer(number)
            client.sendall(b"later")
            reactor.callLater(1.5, client.close)

        reactor.callWhenRunning(fail)
        self.runReactor(reactor)
        self.assertEqual(server.events, ["made", b"later", "ConnectionDone"])

    def test_pauseAndResume(self) -> None:
        """stopReading leaves connections in the kernel's queue, startReading takes them."""
        reactor = self.buildReactor()
        server = Recorder()
        number = self.listen(reactor, server)
        self.port.stopReading()
        client = self.peer(number)
        client.sendall(b"x")
        reactor.callLater(0.1, lambda: server.events.append("waited"))
        reactor.callLater(0.2, self.port.startReading)
        reactor.callLater(0.3, client.close)
        self.runReactor(reactor)
        self.assertEqual(server.events, ["waited", "made", b"x", "ConnectionDone"])

    def test_handedOver(self) -> None:
        """A UNIX socket that somebody else has bound keeps its path, its permissions and its queue."""
        reactor = self.buildReactor()
        server = Recorder()
        factory = Factory.forProtocol(lambda: server)
        factory.noisy = False
        factory.reactor = reactor  # type: ignore[attr-defined]
        folder = tempfile.TemporaryDirectory(prefix="wsapp-")
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "socket")
        with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
            listening.bind(path)
            os.chmod(path, 0o600)
            listening.listen(4096)
            listening.setblocking(False)
            port = reactor.adoptStreamPort(listening.fileno(), socket.AF_UNIX, factory)
            self.assertEqual(port.getHost().name, path.encode())
            # As many wait as the kernel lets them; Twisted's 50 would not do.
            waiting = [socket.socket(socket.AF_UNIX) for _ in range(100)]
            for one in (client, *waiting):
                self.addCleanup(one.close)
                one.setblocking(False)
                one.connect(path)
            client.sendall(b"x")
            reactor.callLater(0.2, client.close)
            self.runReactor(reactor)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.assertFalse(port.connected)
        self.assertIn("made", server.events)

    def test_refused(self) -> None:
        """A factory that makes no protocol closes the connection; the client's connector hears of it."""
        reactor = self.buildReactor()

        class NoFactory(Factory):
            def buildProtocol(self, addr: Any) -> None:
                return None

        class NoClient(ClientFactory):
            lost = False

            def buildProtocol(self, addr: Any) -> None:
                return None

            def clientConnectionLost(self, connector: Any, reason: Any) -> None:
                self.lost = True
                reactor.stop()

        number = reactor.listenTCP(0, NoFactory(), interface="127.0.0.1").getHost().port
        factory = NoClient()
        reactor.connectTCP("127.0.0.1", number, factory)
        self.runReactor(reactor)
        self.assertTrue(factory.lost)

    def test_brokenFactory(self) -> None:
        """A client's factory that raises is told that the connection failed."""
        reactor = self.buildReactor()

        class Broken(ClientFactory):
            reason: Any = None

            def buildProtocol(self, addr: Any) -> None:
                raise ValueError("no protocol today")

            def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
                self.reason = reason
                reactor.stop()

        number = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1").getHost().port
        factory = Broken()
        reactor.connectTCP("127.0.0.1", number, factory)
        self.runReactor(reactor)
        factory.reason.trap(ValueError)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class SignalTests(LoopTestCase):
    """Children and signal handlers."""

    def test_handlerKept(self) -> None:
        """A SIGCHLD handler from before is called while the reactor runs, and is in place afterwards."""
        heard: list[int] = []
        children: list[subprocess.Popen[bytes]] = []

        def mine(number: int, frame: Any) -> None:
            heard.append(number)
            reactor.callFromThread(reactor.stop)

        def begin() -> None:
            children.append(subprocess.Popen([sys.executable, "-c", ""]))

        before = signal.signal(signal.SIGCHLD, mine)
        self.addCleanup(signal.signal, signal.SIGCHLD, before)
        reactor = self.buildReactor()
        reactor.callLater(0, begin)
        self.runReactor(reactor)
        self.assertEqual(heard, [signal.SIGCHLD])
        self.assertEqual(children[0].wait(), 0)
        reactor._uninstallHandler()
        self.assertIs(signal.getsignal(signal.SIGCHLD), mine)


class InstallTests(SynchronousTestCase):
    """The plugin, and where uvloop is not."""

    def test_plugin(self) -> None:
        """``--reactor uvloop`` is known, and gives this reactor."""
        if reason := needs("uvloop"):
            self.skipTest(reason)
        said = self.python(
            "from twisted.application.reactors import installReactor\n"
            "reactor = installReactor('uvloop')\n"
            "import twisted.internet.reactor as r; print(type(r).__name__, r is reactor)"
        )
        self.assertEqual(said.stdout.strip(), "UvloopReactor True", said.stderr)

    def test_withoutUvloop(self) -> None:
        """Without uvloop the package imports, and install says what is missing and what to do."""
        said = self.python(
            "import sys; sys.modules['uvloop'] = None\n"
            "import wsapp.loop, wsapp.loop.reactor\n"
            "try: wsapp.loop.install()\n"
            "except ImportError as error: print(error)\n"
            "print('twisted.internet.reactor' in sys.modules)"
        )
        self.assertIn("pip install uvloop", said.stdout, said.stderr)
        self.assertIn("--reactor epoll", said.stdout)
        self.assertTrue(said.stdout.endswith("False\n"), said.stdout)

    def test_importsNothingOfWsapp(self) -> None:
        """The package stands alone."""
        said = self.python(
            "import sys, wsapp.loop.reactor\n"
            "print([n for n in sys.modules if n.startswith('wsapp.') and not n.startswith('wsapp.loop')])"
        )
        self.assertEqual(said.stdout.strip(), "[]", said.stderr)

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
