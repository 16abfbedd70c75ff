"""The base of all live tests: what they need is there, and their servers are started, stopped and judged."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live import tools
from tests.live.server import Server, freePort

__all__ = ["LiveTestCase"]


class LiveTestCase(SynchronousTestCase):
    """A test with servers of its own.

    The clients block: what they wait for happens in another process.
    """

    #: The tools (names as in :func:`tests.live.tools.missing`) without which the tests cannot run.
    needs: ClassVar[tuple[str, ...]] = ()

    def setUp(self) -> None:
        if not tools.ASKED:
            raise SkipTest(
                "live tests run with WSAPP_LIVE=1 in the environment, as far as their tools are there"
            )
        for tool in self.needs:
            if reason := tools.missing(tool):
                if tools.REQUIRED:
                    self.fail(f"WSAPP_LIVE=require, and {reason}")
                raise SkipTest(reason)

    def folder(self) -> Path:
        """:return: A new, empty folder with a short path (a UNIX socket's has at most 107 bytes)."""
        made = tempfile.TemporaryDirectory(prefix="wsapp-")
        self.addCleanup(made.cleanup)
        return Path(made.name)

    def server(self, *options: str, daemon: bool = False) -> Server:
        """:return: A server, not started yet; at the test's end it is stopped, if it runs, and judged."""
        server = Server(self.folder(), options, daemon=daemon)
        self.addCleanup(self.finish, server)
        return server

    def serve(self, *options: str, port: int | None = None) -> tuple[Server, int]:
        """Serve on one TCP port of the loopback.

        :param options: The others; ``--app echo`` where there are none.
        :return: The running server, and its port.
        """
        port = port or freePort()
        apps = () if "--app" in options else ("--app", "echo")
        return self.server("--port", f"tcp:{port}:interface=127.0.0.1", *apps, *options).start(), port

    def finish(self, server: Server) -> None:
        """Stop a server that still runs, in order; whatever it did, its log must be free of complaints."""
        try:
            if not server.daemon and server.process is not None and server.process.poll() is None:
                self.assertEqual(0, server.stop(), f"exit status\n{server.log}")
            self.judge(server)
        finally:
            server.kill()

    def judge(self, server: Server) -> None:
        """:raises AssertionError: The log has a traceback or another complaint."""
        self.assertEqual([], server.complaints(), server.log)
