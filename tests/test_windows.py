"""What Windows lacks is not needed: taken away here, in a process of its own, before wsapp is imported.

This is no Windows.  It finds what cannot be imported or called there, and not what Windows does otherwise.
"""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import wsapp

#: Everything that others provide is loaded first, as it is made for this system; then Windows begins.
BEGIN = r"""
import importlib, os, pkgutil, signal, socket, sys
import twisted.plugins.wsapp_plugin, twisted.internet.ssl, twisted.internet.endpoints
from twisted.internet import epollreactor, pollreactor, selectreactor

def names():
    import wsapp
    return ["wsapp", *(found.name for found in pkgutil.walk_packages(wsapp.__path__, "wsapp."))]

for name in names():
    if name != "wsapp.__main__":
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # what is optional, uvloop for one
for name in list(sys.modules):
    if name.split(".")[0] == "wsapp" or name == "twisted.plugins.wsapp_plugin":
        del sys.modules[name]

for name in (
    "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "spwd", "syslog", "termios", "tty",
    "uvloop",
):
    sys.modules[name] = None
# Not O_NONBLOCK and the like, which Twisted's reactors of this system want themselves.
for module, gone in (
    (os, '''chown chroot fork forkpty fchmod fchown getegid geteuid getgid getgroups getloadavg getpgid
        getpgrp getpriority getuid initgroups killpg lchown mkfifo mknod nice openpty pipe2 posix_spawn
        pread pwrite readv register_at_fork sched_getaffinity sched_setaffinity sched_yield sendfile
        setegid seteuid setgid setgroups setpgid setpriority setsid setuid statvfs sysconf tcgetpgrp
        uname wait wait3 wait4 waitid writev WNOHANG O_DIRECTORY O_NOFOLLOW'''),
    (socket, '''AF_UNIX AF_NETLINK SO_REUSEPORT SCM_RIGHTS CMSG_LEN CMSG_SPACE MSG_DONTWAIT MSG_NOSIGNAL
        TCP_QUICKACK TCP_CORK TCP_USER_TIMEOUT TCP_DEFER_ACCEPT TCP_INFO send_fds recv_fds'''),
    (signal, '''pthread_sigmask pthread_kill sigpending sigwait sigwaitinfo sigtimedwait siginterrupt
        setitimer getitimer alarm pause'''),
):
    for name in gone.split():
        if hasattr(module, name):
            delattr(module, name)
for name in dir(signal):
    if name.startswith("SIG") and "_" not in name:
        if name not in ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM"):
            delattr(signal, name)
sys.platform = "win32"
assert not hasattr(signal, "SIGHUP") and not hasattr(os, "fork") and not hasattr(socket, "AF_UNIX")
"""

IMPORTS = """
cannot = []
for name in names():
    if name == "wsapp.__main__":
        continue
    try:
        importlib.import_module(name)
    except ImportError as error:
        cannot.append(name)
import twisted.plugins.wsapp_plugin
print(*cannot)
"""

SERVES = """
from twisted.internet.defer import Deferred
from wsapp.tap import Options, makeService

text = str(Options())
assert "--port" in text
options = Options()
options.parent = None
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
options.parseOptions(["--port", f"tcp:{port}:interface=127.0.0.1", "--app", "echo", "--app", "chat"])
from twisted.internet import reactor
service = makeService(options)

async def talk():
    import wsapp
    connection = await wsapp.connect(f"ws://127.0.0.1:{port}/")
    connection.send("hello")
    print(await connection.receive())
    await connection.close()

def begin():
    service.startService()
    done = Deferred.fromCoroutine(talk())
    done.addErrback(lambda failure: failure.printTraceback())
    done.addCallback(lambda _: service.stopService())
    done.addBoth(lambda _: reactor.stop())

reactor.callLater(0, begin)
# Twisted's own would want SIGCHLD here, which is there on this system.
reactor.run(installSignalHandlers=False)
print(type(reactor).__module__)
"""

COMMANDS = """
from wsapp.commands import main
for arguments in (["--help"], ["connect", "--help"], ["load", "--help"], ["new", "--help"]):
    sys.argv = ["wsapp", *arguments]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (arguments, ended.code)
print("good")
"""


def run(*parts: str) -> str:
    """:return: What is printed by code that finds this wsapp, on what is almost Windows."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([BEGIN, *parts])],
        env={**os.environ, "PYTHONPATH": str(Path(wsapp.__file__).parent.parent), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


class WindowsTests(SynchronousTestCase):
    """Without what only UNIX has."""

    if os.name != "posix":
        skip = "this is Windows: the other tests say more"

    def test_imports(self) -> None:
        """Every module can be imported, but for the reactor on uvloop, which is an ImportError."""
        cannot = run(IMPORTS).split()
        self.assertEqual([name for name in cannot if not name.startswith("wsapp.loop.")], [])
        self.assertIn("wsapp.loop.reactor", cannot)  # or nothing was taken away

    def test_serves(self) -> None:
        """The command line is read, and what it makes serves a client, on a reactor of Twisted's own."""
        said = run(SERVES).split("\n")
        self.assertEqual(said[0], "hello")
        self.assertIn("twisted.internet.", said[1])

    def test_commands(self) -> None:
        """So are those of ``wsapp``."""
        self.assertEqual(run(COMMANDS).rstrip().rpartition("\n")[2], "good")
