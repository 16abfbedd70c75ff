"""Handing a connected socket to uvloop without a task to wait on it. May import nothing of this package."""

from __future__ import annotations

__all__ = ["adopt"]

import socket
from asyncio import AbstractEventLoop
from collections.abc import Coroutine
from functools import partial
from typing import Any


def adopt(loop: AbstractEventLoop, transport: Any, skt: socket.socket) -> None:
    """Make uvloop read and write a connected socket.

    The transport's ``connection_made`` is called in the loop's next turn. The socket is uvloop's from now
    on: its descriptor is closed with the connection. Works whether or not the loop runs.

    :param transport: an asyncio protocol
    """
    coroutine = loop.connect_accepted_socket(lambda: transport, skt)
    waiter = coroutine.send(None)
    waiter.add_done_callback(partial(_finish, coroutine))


def _finish(coroutine: Coroutine[Any, Any, Any], waiter: object) -> None:
    """Let the coroutine come to its end; dropped before that, it would close the connection."""
    try:
        coroutine.send(None)
    except BaseException:
        # StopIteration: it has ended. Anything else is the connection's failure, and connection_lost tells of
        # it.
        pass
