"""``ws`` from npm, the client of the JavaScript world."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.live.case import LiveTestCase
from tests.live.server import LIMIT
from tests.live.tools import HERE


class WsTests(LiveTestCase):
    """Echo, compression, close codes, as ``client.cjs`` does and sees them."""

    needs = ("ws",)

    def run_(self, port: int, path: str = "/", **plan: Any) -> dict[str, Any]:
        """Have node do what the plan says.

        :return: What it has seen.
        """
        ended = subprocess.run(
            ["node", str(HERE / "client.cjs"), f"ws://127.0.0.1:{port}{path}", json.dumps(plan)],
            capture_output=True,
            timeout=LIMIT,
            text=True,
        )
        self.assertEqual(0, ended.returncode, ended.stderr)
        seen: dict[str, Any] = json.loads(ended.stdout)
        return seen

    def test_echo(self) -> None:
        """Text and binary of many sizes, and fragments; the Close is echoed."""
        _, port = self.serve()
        sizes = [0, 1, 125, 126, 127, 65535, 65536, 300_000, 1024 * 1024]
        for compress in (True, False):
            seen = self.run_(
                port,
                sizes=sizes,
                fragments=1000,
                code=4321,
                reason="enough",
                options={"perMessageDeflate": compress},
            )
            self.assertEqual((2 * len(sizes) + 1, 0), (seen["echoed"], seen["wrong"]), seen)
            self.assertEqual(4321, seen["code"])
            self.assertEqual(compress, "permessage-deflate" in seen["extensions"])

    def test_pings(self) -> None:
        """Each is answered, in order, as long as the client reads."""
        _, port = self.serve()
        seen = self.run_(port, sizes=[0, 5], pings=100, code=1000)
        self.assertEqual((4, 0, 100), (seen["echoed"], seen["wrong"], seen["pongs"]), seen)

    def test_takeover(self) -> None:
        """Both sides' contexts kept; with ws's threshold down to 0 everything is compressed."""
        _, port = self.serve("--compression", "takeover")
        sizes = [10, 200, 200, 200, 70_000, 70_000, 0, 5]
        seen = self.run_(port, sizes=sizes, code=1000, options={"perMessageDeflate": {"threshold": 0}})
        self.assertEqual((2 * len(sizes), 0), (seen["echoed"], seen["wrong"]), seen)
        self.assertNotIn("no_context_takeover", seen["extensions"])

    def test_windowBits(self) -> None:
        """Small windows both ways, as they are asked for."""
        _, port = self.serve()
        wanted = {"serverMaxWindowBits": 10, "clientMaxWindowBits": 10, "threshold": 0}
        sizes = [100_000, 5000, 100_000]
        seen = self.run_(port, sizes=sizes, code=1000, options={"perMessageDeflate": wanted})
        self.assertEqual((2 * len(sizes), 0), (seen["echoed"], seen["wrong"]), seen)
        self.assertIn("server_max_window_bits=10", seen["extensions"])

    def test_serverCloses(self) -> None:
        """1009 with a message past the limit."""
        _, port = self.serve("--max-message", "1K")
        self.assertEqual(1009, self.run_(port, sizes=[1025])["code"])

    def test_subprotocol(self) -> None:
        """``new WebSocket(url, ["token", "echo"])``."""
        _, port = self.serve("--app", "chat", "--app", "echo")
        seen = self.run_(port, subprotocols=["token", "echo"], sizes=[5], code=1000)
        self.assertEqual(("echo", 2), (seen["protocol"], seen["echoed"]))

    def test_refusals(self) -> None:
        """The HTTP status of a refused handshake."""
        _, port = self.serve()
        self.assertEqual(404, self.run_(port, "/nobody")["status"])
        self.assertEqual(403, self.run_(port, options={"origin": "http://evil.example"})["status"])

    def test_oldVersion(self) -> None:
        """ws speaks version 8 as well."""
        _, port = self.serve()
        seen = self.run_(
            port, sizes=[0, 5, 70_000], code=1000, options={"protocolVersion": 8, "perMessageDeflate": False}
        )
        self.assertEqual((6, 0, 1000), (seen["echoed"], seen["wrong"], seen["code"]), seen)
