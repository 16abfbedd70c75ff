"""What every peer is told on its command line."""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Coroutine
from typing import Any

__all__ = ["BACKLOG", "HOST", "MAX_MESSAGE", "NodeSetting", "Setting", "runOnUvloop", "serveASGI"]

HOST = "127.0.0.1"
BACKLOG = 4096
#: Room enough for any job's message, where a server's own default has not.
MAX_MESSAGE = 2 * 1024 * 1024


class Setting(argparse.Namespace):
    """The command line of one peer."""

    port: int
    broadcast: bool
    deflate: bool
    key: str | None
    certificate: str | None

    @classmethod
    def read(cls) -> Setting:
        """:return: What stands on the command line of this process."""
        parser = argparse.ArgumentParser()
        parser.add_argument("port", type=int)
        parser.add_argument("--broadcast", action="store_true", help="send each message to everybody")
        parser.add_argument("--deflate", action="store_true", help="permessage-deflate, by its defaults")
        parser.add_argument("--key", help="PEM file: serve over TLS")
        parser.add_argument("--certificate", help="PEM file")
        return parser.parse_args(namespace=cls())

    def context(self) -> ssl.SSLContext | None:
        """:return: The standard library's context for TLS, where it is asked for."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


def runOnUvloop(main: Coroutine[Any, Any, None]) -> None:
    """Run an asyncio server on its fastest loop."""
    import uvloop

    uvloop.run(main)


class NodeSetting(argparse.Namespace):
    """The command line of one node of a service that spans several processes."""

    port: int
    broker: str
    layer: str

    @classmethod
    def read(cls) -> NodeSetting:
        """:return: What stands on the command line of this process."""
        parser = argparse.ArgumentParser()
        parser.add_argument("port", type=int)
        parser.add_argument("--broker", required=True, help="the URL of a Redis")
        parser.add_argument("--layer", default="", help="of several ways over it, which")
        return parser.parse_args(namespace=cls())


def serveASGI(application: Any, setting: NodeSetting) -> None:
    """Serve an application that needs a server of ASGI's: uvicorn, with ``websockets``, on uvloop."""
    import uvicorn

    uvicorn.run(
        application,
        host=HOST,
        port=setting.port,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        backlog=BACKLOG,
        lifespan="off",
        log_level="warning",
    )
