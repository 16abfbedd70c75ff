"""What the server's WebSocket phase takes for an application, where it speaks to a server: one connection's
hooks, or its inbox."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.app import App
from wsapp.client import Client, Disconnection
from wsapp.outgoing.conversation import ClientConnection, closedBy
from wsapp.outgoing.inbox import Inbox

__all__ = ["Hooked", "Received"]


class Received(App):
    """Puts what comes into an inbox."""

    def __init__(self, connection: ClientConnection, inbox: Inbox, ends: bool = True) -> None:
        self.name = _named(connection)
        self._connection = connection
        self._ends = inbox.end if ends else None
        self._put = inbox.put

    def onConnect(self, client: Client) -> None:
        self._connection.begun(client)

    def onMessage(self, client: Client, message: Any) -> Any:
        return self._put(message)

    def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        self._connection.ended(reason)
        if self._ends is not None:
            self._ends(closedBy(reason))


def _named(connection: ClientConnection) -> str:
    """What log lines call it: without the query, where programs put secrets."""
    return connection.url.partition("?")[0]


def _nothing(connection: ClientConnection, message: Any) -> None:
    """Nobody wants messages."""


class Hooked(App):
    """Calls a program's hooks with the connection.

    :param hooks: Any of ``onConnect(connection)``, ``onMessage(connection, message)``,
        ``onDisconnect(connection, reason)`` and ``onError(connection, failure)``.
    """

    def __init__(self, connection: ClientConnection, hooks: object) -> None:
        self.name = _named(connection)
        self._connection = connection
        self._hooks = hooks
        self._message = getattr(hooks, "onMessage", _nothing)

    def _call(self, name: str, *arguments: object) -> Any:
        hook = getattr(self._hooks, name, None)
        return None if hook is None else hook(self._connection, *arguments)

    def onConnect(self, client: Client) -> Any:
        self._connection.begun(client)
        return self._call("onConnect")

    def onMessage(self, client: Client, message: Any) -> Any:
        return self._message(self._connection, message)

    def onDisconnect(self, client: Client, reason: Disconnection) -> Any:
        self._connection.ended(reason)
        return self._call("onDisconnect", reason)

    def onError(self, client: Client, failure: Failure) -> Any:
        if getattr(self._hooks, "onError", None) is not None and not isinstance(self._hooks, App):
            return self._call("onError", failure)
        Logger(namespace="wsapp.client").failure(
            "a hook of the connection to {url} failed", failure, url=self.name
        )
        return None
