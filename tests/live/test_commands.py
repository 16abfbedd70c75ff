"""The command ``wsapp`` in processes of its own, against a real server; in a pipe and on a terminal."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.certificates import Authority
from tests.live.server import LIMIT, environment, freePort

COMMAND = [sys.executable, "-W", "error", "-m", "wsapp"]


class CommandTestCase(LiveTestCase):
    """Runs it."""

    def setUp(self) -> None:
        super().setUp()
        # Where the tests were started in the background it is ignored, and so it would be by what they start.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def run_(self, *arguments: str, given: str = "", folder: Path | None = None) -> tuple[int, str, str]:
        """:return: Status, output and errors, among which no traceback is."""
        ended = subprocess.run(
            [*COMMAND, *arguments],
            input=given,
            env=environment(),
            cwd=folder,
            capture_output=True,
            timeout=LIMIT,
            text=True,
        )
        self.assertNotIn("Traceback", ended.stderr)
        return ended.returncode, ended.stdout, ended.stderr


class ConnectTests(CommandTestCase):
    """``wsapp connect``."""

    def connected(self, port: int, *options: str) -> subprocess.Popen[bytes]:
        """:return: The command, talking to the server."""
        process = subprocess.Popen(
            [*COMMAND, "connect", *options, f"ws://localhost:{port}/"],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"x\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"x\n")
        return process

    def test_pipe(self) -> None:
        """Lines in, messages out, nothing else; of every version."""
        _, port = self.serve()
        for version in ("13", "8", "7", "hixie-76", "hixie-75"):
            ended = self.run_(
                "connect",
                f"ws://localhost:{port}/",
                "--protocol",
                version,
                "--wait",
                "0.5",
                given="one\ngrün\nlast",
            )
            self.assertEqual(ended, (0, "one\ngrün\nlast\n", ""), version)

    def test_enough(self) -> None:
        """Who reads the messages ends: so does this, quietly, as others do in front of ``head``."""
        _, port = self.serve()
        url = f"ws://localhost:{port}/"
        given = "".join(f"line {number}\n" for number in range(5000))
        ended = subprocess.run(
            ["bash", "-c", '"$@" | head -1; exit ${PIPESTATUS[0]}', "", *COMMAND, "connect", url],
            input=given,
            env=environment(),
            capture_output=True,
            timeout=LIMIT,
            text=True,
        )
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "line 0\n", ""))

    def test_streams(self) -> None:
        """Standard streams that are not there, cannot be written or read, or would be of another encoding."""
        _, port = self.serve()
        url = f"ws://localhost:{port}/"
        for how, status, out, err in (
            ("<&-", 0, "", ""),
            (">&-", 0, "", ""),
            ("2>&-", 0, "grün\n", ""),
            ("<&- >&- 2>&-", 0, "", ""),
            (">/dev/full", 1, "", "wsapp: the output cannot be written: No space left on device\n"),
            ("0>/dev/null", 1, "", "wsapp: the input cannot be read: Bad file descriptor\n"),
        ):
            ended = subprocess.run(
                ["bash", "-c", f'"$@" {how}', "", *COMMAND, "connect", "--wait", "0.3", url],
                input="grün\n".encode(),
                env={**environment(), "PYTHONIOENCODING": "ascii"},
                capture_output=True,
                timeout=LIMIT,
            )
            shown = (ended.returncode, ended.stdout.decode(), ended.stderr.decode())
            self.assertEqual(shown, (status, out, err), how)

    def test_manyLines(self) -> None:
        """As fast as the server takes them, and all of them."""
        _, port = self.serve()
        given = "".join(f"line {number}\n" for number in range(5000))
        self.assertEqual(self.run_("connect", f"ws://localhost:{port}/", given=given), (0, given, ""))

    def test_verbose(self) -> None:
        """The handshake, frames and the close code; no secrets."""
        _, port = self.serve()
        status, out, err = self.run_(
            *("connect", "-v", "-H", "Authorization: secret", "-s", "echo", "--wait", "0.2"),
            f"ws://localhost:{port}/",
            given="hi\n",
        )
        self.assertEqual((status, out), (0, "hi\n"))
        for line in (
            "> Authorization: ...",
            "< Sec-WebSocket-Protocol: echo",
            "> text, 2 bytes, masked",
            "< text, 2 bytes",
            "closed: 1000",
        ):
            self.assertIn(f"{line}\n", err)
        self.assertNotIn("secret", err)
        self.assertNotIn("\x1b", out + err)

    def test_statuses(self) -> None:
        """No connection, a refusal, an end that is none in order."""
        server, port = self.serve()
        status, _, err = self.run_("connect", f"ws://localhost:{freePort()}/")
        self.assertEqual(status, 3)
        self.assertIn("cannot connect", err)
        status, _, err = self.run_("connect", f"ws://localhost:{port}/nowhere")
        self.assertEqual(
            (status, err), (3, "wsapp: the server has answered 404 Not Found\nno application answers here\n")
        )
        process = self.connected(port)
        server.kill()
        _, errors = process.communicate(timeout=LIMIT)
        self.assertEqual((process.returncode, errors), (1, b"closed: 1006, without a closing handshake\n"))

    def test_ca(self) -> None:
        """Whom to believe."""
        authority = Authority(self.folder())
        key, certificate = authority.issue("server")
        port = freePort()
        self.server(
            *("--port", f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"),
            "--app",
            "echo",
        ).start()
        url = f"wss://localhost:{port}/"
        self.assertEqual(
            self.run_("connect", "--ca", str(authority.file), "--wait", "0.5", url, given="hi\n"),
            (0, "hi\n", ""),
        )
        status, _, err = self.run_("connect", url)
        self.assertEqual(status, 3)
        self.assertIn("certificate verify failed", err)

    def test_terminal(self) -> None:
        """A person's: a prompt, commands, colours; what the server sends does not steer the terminal."""
        _, port = self.serve()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(
                sys.executable,
                [*COMMAND, "connect", f"ws://localhost:{port}/"],
                {**environment(), "TERM": "dumb"},
            )
        self.addCleanup(os.close, terminal)
        seen = b""

        def see(pattern: bytes) -> None:
            nonlocal seen
            end = time.monotonic() + LIMIT
            while not re.search(pattern, seen):
                self.assertLess(time.monotonic(), end, (pattern, seen))
                if select.select([terminal], [], [], 0.1)[0]:
                    try:
                        seen += os.read(terminal, 4096)
                    except OSError:  # it has ended
                        self.assertRegex(seen, pattern)
            seen = b""

        see(rb"connected to .*\r\n> ")
        for line, answer in (
            (b"hello", rb"\x1b\[32m< hello\x1b\[0m\r\n> "),
            (b"/ping", rb"pong after [0-9.]+ ms"),
            (b"/binary 00 ff", rb"\(2 bytes\) 00 ff"),
            (b"/binary xx", rb"wsapp: .*hexa"),
            (b"/dance", rb"there is no /dance"),
            (b"//dance", rb"< /dance"),
            (b"/close 4000 bye", rb"closed: 4000 bye"),
        ):
            os.write(terminal, line + b"\n")
            see(answer)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_typedIntoFile(self) -> None:
        """At a terminal whose output goes to a file it is as in a pipe, and ends as it should."""
        _, port = self.serve()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen(
            [*COMMAND, "connect", "--wait", "0.3", f"ws://localhost:{port}/"],
            env=environment(),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(theirs)
        os.write(ours, b"hello\n")
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"hello\n")
        process.send_signal(signal.SIGINT)  # the thread that reads is left in the midst of that
        self.assertEqual(process.communicate(timeout=LIMIT), (b"", b""))
        self.assertEqual(process.returncode, 0)

    def test_interrupted(self) -> None:
        """Ctrl-C takes leave in order."""
        _, port = self.serve()
        process = self.connected(port, "-v")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LIMIT)
        self.assertIn(b"closed: 1000\n", errors)
        self.assertNotIn(b"Traceback", errors)


class NewTests(CommandTestCase):
    """``wsapp new``."""

    def test_runs(self) -> None:
        """What it writes is tested and served as its README says."""
        folder = self.folder()
        status, _, err = self.run_("new", "my_chat", folder=folder)
        self.assertEqual((status, err), (0, ""))
        made = folder / "my_chat"
        readme = (made / "README.rst").read_text()
        self.assertIn("python -m twisted.trial test_my_chat\n", readme)
        tested = subprocess.run(
            [sys.executable, "-m", "twisted.trial", "test_my_chat"],
            cwd=made,
            env={**environment(), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=LIMIT,
            text=True,
        )
        self.assertIn("PASSED (successes=1)", tested.stdout, tested.stderr)
        self.assertIn("--app my_chat.py:MyChat\n", readme)
        _, port = self.serve("--app", f"{made}/my_chat.py:MyChat")
        ended = self.run_("connect", f"ws://localhost:{port}/", "--wait", "0.5", given="hello\n")
        self.assertEqual(ended, (0, "hello\n", ""))


class LoadTests(CommandTestCase):
    """``wsapp load``."""

    def test_echo(self) -> None:
        """A report, with a picture."""
        _, port = self.serve()
        for options in ([], ["--rate", "200"]):
            status, out, err = self.run_(
                "load", "--seconds", "1", "--clients", "10", *options, f"ws://localhost:{port}/"
            )
            self.assertEqual((status, err), (0, ""))
            self.assertRegex(out, r"10 clients, 32 bytes, 1\S* s: [0-9,]+ messages, [0-9,]+ a second\n")
            self.assertRegex(out, r"there and back: least .*, 50 % .*, 99\.9 % .*, most ")
            self.assertIn("##", out)

    def test_interrupted(self) -> None:
        """Ctrl-C ends it with the report of what was measured, and a status that says so."""
        _, port = self.serve()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen(
            [*COMMAND, "load", "--clients", "3", "--seconds", "600", f"ws://localhost:{port}/"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        seen = b""
        while not re.search(rb"[1-9][0-9,]* messages", seen):
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 130)
        self.assertRegex(out, r"3 clients, 32 bytes, \S+ s: [0-9,]+ messages, [0-9,]+ a second\n")

    def test_refuses(self) -> None:
        """Another machine, unless it is named twice; a server that does not echo; none."""
        status, _, err = self.run_("load", "ws://example.com/")
        self.assertEqual(status, 2)
        self.assertIn("--host example.com", err)
        _, port = self.serve("--app", "chat")
        status, _, err = self.run_("load", "--seconds", "1", f"ws://localhost:{port}/")
        self.assertEqual(status, 1)
        self.assertEqual(self.run_("load", f"ws://localhost:{freePort()}/")[0], 3)
