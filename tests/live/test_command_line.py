"""The command line of a real ``twistd``: what it tells, and what it says to wrong values."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import subprocess

from tests.live.case import LiveTestCase
from tests.live.server import LIMIT, environment, script

#: What the manual promises.
OPTIONS = """
    port app list-apps versions allow-origin host require-origin compression trust-proxy
    max-message max-fragments max-head max-send-buffer max-connections max-connections-per-address
    handshake-timeout ping-interval ping-timeout close-timeout
"""


class CommandLineTestCase(LiveTestCase):
    """The base of these."""

    def twistd(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run ``twistd -n wsapp`` with options that end it."""
        return subprocess.run(
            [script("twistd"), "-n", "--pidfile", "", "wsapp", *options],
            cwd=self.folder(),
            env=environment(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=LIMIT,
        )


class HelpTests(CommandLineTestCase):
    """What it tells when asked."""

    def test_help(self) -> None:
        """``--help`` has each option of the manual."""
        shown = self.twistd("--help")
        self.assertEqual(0, shown.returncode, shown.stderr)
        for option in OPTIONS.split():
            self.assertIn(f"--{option}", shown.stdout)
        self.assertEqual([], [line for line in shown.stdout.splitlines() if len(line) > 100])
        self.assertEqual(1, shown.stdout.count("Usage:"))
        self.assertNotRegex(shown.stdout, r"(?m)\w {4,}\w.* {4,}\w", "indentation inside a text")

    def test_listApps(self) -> None:
        """``--list-apps`` names those that come with wsapp."""
        shown = self.twistd("--list-apps")
        self.assertEqual(0, shown.returncode, shown.stderr)
        for name in ("echo", "chat"):
            self.assertIn(name, shown.stdout)

    def test_pluginIsKnown(self) -> None:
        """``twistd --help`` lists wsapp, from any folder."""
        shown = subprocess.run(
            [script("twistd"), "--help"],
            cwd="/",
            env=environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        self.assertRegex(shown.stdout, r"(?m)^\s+wsapp\s")


class WrongValueTests(CommandLineTestCase):
    """Each wrong value ends it with one line that says what was wrong and what would be right."""

    port = ("--port", "tcp:0:interface=127.0.0.1")
    echo = ("--app", "echo")

    def refused(self, *options: str, words: str) -> None:
        """:param words: What the line must have, in any case, parted by blanks."""
        ended = self.twistd(*options)
        output = ended.stdout + ended.stderr
        self.assertNotEqual(0, ended.returncode, f"{options} were taken: {output}")
        self.assertNotIn("Traceback", output)
        # twistd prints the usage, a blank line, and "/path/to/twistd -n: what was wrong".
        *_, blank, line = output.splitlines()
        self.assertEqual("", blank, output)
        self.assertIn("twistd -n: ", line, output)
        message = line.partition("twistd -n: ")[2]
        for word in words.split():
            self.assertIn(word.lower(), message.lower(), message)

    def test_noApp(self) -> None:
        """Without ``--app`` it says which there are."""
        self.refused(*self.port, words="--app chat echo")

    def test_unknownApp(self) -> None:
        """The nearest names."""
        self.refused("--app", "ehco", words="ehco echo")

    def test_fileWithoutClass(self) -> None:
        """The class that is not there, and those that are."""
        file = self.folder() / "hello.py"
        file.write_text("from wsapp import App\n\n\nclass Hello(App):\n    pass\n")
        self.refused("--app", f"{file}:Helo", words="Helo Hello")
        self.refused("--app", f"{file}", words="Hello")

    def test_noFile(self) -> None:
        """A file or module that is not there."""
        self.refused("--app", "no/such/file.py:Hello", words="no/such/file.py")
        self.refused("--app", "no.such.module:Hello", words="no.such.module")

    def test_fileWithMistake(self) -> None:
        """A file that cannot be imported: the error and its line."""
        file = self.folder() / "hello.py"
        file.write_text("class Hello(\n")
        self.refused("--app", f"{file}:Hello", words="hello.py line")

    def test_appOption(self) -> None:
        """An option that the app does not have, and a value of the wrong kind."""
        self.refused("--app", "chat:histroy=3", words="histroy history")
        self.refused("--app", "chat:history=many", words="history many")

    def test_badEndpoint(self) -> None:
        """Endpoint strings that are none."""
        self.refused("--port", "tcp", *self.echo, words="tcp")
        self.refused("--port", "tcp:http", *self.echo, words="http")
        self.refused("--port", "tpc:8080", *self.echo, words="tpc tcp:")
        self.refused("--port", "tcp:70000", *self.echo, words="70000")

    def test_portInUse(self) -> None:
        """Somebody else's port."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            number = other.getsockname()[1]
            self.refused("--port", f"tcp:{number}:interface=127.0.0.1", *self.echo, words=f"{number} use")

    def test_unreadableKey(self) -> None:
        """A key file that is not there, or is no key."""
        self.refused("--port", "ssl:0:privateKey=no.key:certKey=no.pem", *self.echo, words="no.key")
        rubbish = self.folder() / "rubbish.pem"
        rubbish.write_text("no key")
        self.refused(
            "--port", f"ssl:0:privateKey={rubbish}:certKey={rubbish}", *self.echo, words="rubbish.pem"
        )

    def test_badSize(self) -> None:
        """Sizes that are none."""
        for value in ("big", "0", "-1", "1.5X", ""):
            self.refused(*self.port, *self.echo, "--max-message", value, words="--max-message 1M")

    def test_badTime(self) -> None:
        """Times that are none."""
        for value in ("soon", "-3", "nan"):
            self.refused(*self.port, *self.echo, "--ping-interval", value, words="--ping-interval seconds")
        self.refused(*self.port, *self.echo, "--ping-interval", "0", words="--ping-interval more than 0")

    def test_badCount(self) -> None:
        """A count that is none."""
        self.refused(*self.port, *self.echo, "--max-connections", "many", words="--max-connections many")

    def test_unknownVersion(self) -> None:
        """A version that nobody speaks, and those that are spoken."""
        self.refused(*self.port, *self.echo, "--versions", "12", words="12 13 8 7")

    def test_unknownCompression(self) -> None:
        """What there is instead."""
        self.refused(*self.port, *self.echo, "--compression", "gzip", words="gzip off shared takeover")

    def test_badOrigin(self) -> None:
        """An origin is a scheme and a host, without a path."""
        self.refused(*self.port, *self.echo, "--allow-origin", "friend.example", words="friend.example http")

    def test_badProxy(self) -> None:
        """A proxy's address that is none."""
        self.refused(*self.port, *self.echo, "--trust-proxy", "nowhere", words="nowhere")

    def test_unknownOption(self) -> None:
        """An option that there is not."""
        self.refused(*self.port, *self.echo, "--max-mesage", "1M", words="max-mesage")

    def test_strayArgument(self) -> None:
        """What is no option is not passed over."""
        self.refused(*self.port, "chat", words="chat")
