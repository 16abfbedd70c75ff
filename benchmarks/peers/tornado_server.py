"""Tornado, on uvloop."""

# mypy: allow-subclassing-any, disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import asyncio
from typing import Any

from tornado.web import Application
from tornado.websocket import WebSocketHandler

from benchmarks.peers.setting import BACKLOG, HOST, MAX_MESSAGE, Setting, runOnUvloop

setting = Setting.read()
everybody: set[WebSocketHandler] = set()


class Conversation(WebSocketHandler):
    """One connection."""

    def get_compression_options(self) -> dict[str, Any] | None:
        """:return: Tornado's defaults, or that there is no compression."""
        return {} if setting.deflate else None

    def open(self, *args: str, **kwargs: str) -> None:
        """One more."""
        self.set_nodelay(True)
        everybody.add(self)

    def on_close(self) -> None:
        """One less."""
        everybody.discard(self)

    def on_message(self, message: str | bytes) -> None:
        """A message has come."""
        if setting.broadcast:
            for each in everybody:
                each.write_message(message)
        else:
            self.write_message(message)


async def main() -> None:
    """Serve."""
    application = Application([("/", Conversation)], websocket_max_message_size=MAX_MESSAGE)
    application.listen(setting.port, HOST, backlog=BACKLOG, ssl_options=setting.context())
    await asyncio.Event().wait()


if __name__ == "__main__":
    runOnUvloop(main())
