"""The base of the live tests of our client: it runs on this process's reactor, the servers in others."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate
from twisted.trial.unittest import TestCase

import wsapp
from tests.live.case import LiveTestCase
from tests.live.certificates import Authority
from tests.live.server import LIMIT, freePort
from tests.live.tools import HERE

__all__ = ["ClientTestCase"]


class ClientTestCase(LiveTestCase, TestCase):
    """Tests of our client with servers of their own."""

    timeout = 4 * LIMIT

    def echoes(self, kind: str, *files: Path) -> int:
        """Start a server that is not ours.

        :param kind: ``websockets``, ``aiohttp``, ``autobahn`` or ``ws``.
        :param files: For TLS, those of the certificate and its key.
        :return: Its port.
        """
        port = freePort()
        # -I: this folder has modules of the peers' names.
        python = [sys.executable, "-I", str(HERE / "echoes.py"), kind]
        command = ["node", str(HERE / "echoes.cjs")] if kind == "ws" else python
        errors = self.folder() / "errors"
        with errors.open("wb") as output:
            process = subprocess.Popen(
                [*command, str(port), *map(str, files)],
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=self.folder(),
            )

        def end() -> None:
            process.kill()
            process.wait(LIMIT)
            assert process.stdout is not None
            process.stdout.close()

        self.addCleanup(end)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"ready\n", errors.read_text())
        return port

    def connect(self, url: str, hooks: object = None, **options: Any) -> Deferred[Any]:
        """As :func:`wsapp.connect`, without the environment's proxy."""
        options.setdefault("proxy", None)
        return wsapp.connect(url, hooks, reactor=reactor, timeout=LIMIT, **options)

    def trust(self, authority: Authority) -> Certificate:
        """What makes our client believe an authority's certificates, and no others'."""
        return Certificate.loadPEM(authority.file.read_bytes())
