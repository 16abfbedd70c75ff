"""``App``: what a person writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp import hooks
from wsapp.client import Client, Disconnection, Group, Rooms, User, checked, identities
from wsapp.incidents import Incidents
from wsapp.request import Request

if TYPE_CHECKING:
    from twisted.web.resource import IResource, Resource

__all__ = ["App", "hookFailed"]


class App:
    """An application: subclass it and write the hooks you need.

    One instance serves all its clients.  Each hook may be a plain method, return a ``Deferred``,
    or be an ``async def``.  For one client hooks run in order and one at a time; different clients'
    hooks run side by side.  While a client's hook is not done its messages wait, and after a few
    of them reading from it pauses.

    A constructor's keyword arguments are the application's options on the command line
    (``--app chat:title=Hello``); annotate them with ``str``, ``int``, ``float`` or ``bool``.  One without
    annotation is of the type of its default.

    :cvar subprotocols: Subprotocols that the application speaks, beside its own name: a client that
        offers one of them gets this application, and the subprotocol is agreed to.
    :cvar historySize: How many of its messages each group keeps; 0 for none.
    :cvar historyBytes: And at most so many bytes of them.
    :cvar historySeconds: And each for so long.
    :cvar groups: Whether it reaches clients by groups, users or broadcasts.  One that says ``False`` may
        run in several processes without a broker, and cannot do any of that.
    :cvar limits: Limits of its clients that differ from the server's, by the names of the fields of
        :class:`~wsapp.Limits`: ``{"maxMessage": 16384, "messageRate": 20}``.
    :ivar name: The name that it is served under; groups and users belong to it.
    :ivar reactor: The reactor (in tests a ``Clock``): use its ``callLater``.
    """

    name: str = ""
    subprotocols: Sequence[str] = ()
    historySize: int = 0
    historyBytes: int = 1024 * 1024
    historySeconds: float = 3600
    groups: bool = True
    limits: Mapping[str, Any] = MappingProxyType({})

    reactor: Any = None
    _rooms: Rooms | None = None
    _incidents: Incidents | None = None  # the server's, once it is there

    def bind(self, name: str, rooms: Rooms, reactor: Any) -> None:
        """Called once by the server, before :meth:`onStart`."""
        self.name = name
        self._rooms = rooms
        self.reactor = reactor

    @property
    def _bound(self) -> Rooms:
        if self._rooms is None:
            raise RuntimeError(
                f"{type(self).__name__} is not served yet: clients and groups begin with onStart"
            )
        return self._rooms

    def reaching(self) -> Rooms:
        """What groups, users and broadcasts go by.

        :raises RuntimeError: The application has said that it does without.
        """
        if not self.groups:
            raise RuntimeError(
                f"{type(self).__name__} says groups = False, and uses them: they would end at this process; "
                "leave that line out"
            )
        return self._bound

    # What may be written

    def onStart(self) -> Any:
        """The server starts; it takes clients once this is done."""

    def onStop(self) -> Any:
        """The server stops; the last ``onDisconnect`` is done."""

    def onHandshake(self, request: Request) -> Any:
        """Somebody wants to connect.

        May raise :exc:`~wsapp.Reject`, set ``request.user`` and ``request.data``, and add response
        headers by ``request.setHeader``.
        """

    def onConnect(self, client: Client) -> Any:
        """A client is there."""

    def onMessage(self, client: Client, message: Any) -> Any:
        """A client's message has come: ``str`` for text, ``bytes`` for binary."""

    def onDropped(self, client: Client, count: int) -> Any:
        """A client that was too slow has caught up: it was not sent *count* messages meanwhile.

        Only where ``backlogPolicy`` is ``drop``.  This is the time to send what it needs to go on.
        """

    def onDisconnect(self, client: Client, reason: Disconnection) -> Any:
        """A client is gone: called exactly once for each :meth:`onConnect`, and last."""

    def onError(self, client: Client, failure: Failure) -> Any:
        """A hook for this client has raised; the client is being closed with 1011.

        By default it is logged with its traceback: at most five times in a minute for each kind of
        exception, and then how many there were, as nobody is to fill the log with a mistake of yours.
        """
        _complain(self, "a hook of {app}", client, failure)

    def announcement(self, client: Client, text: str) -> str | bytes | None:
        """An operator has something to say to everybody, by the console of ``--admin``.

        Called for each client of this node: write it as your clients expect it, such as in JSON.

        :param text: What the operator has written.
        :return: The message to send; by default the text as it is.  None: this client is sent nothing.
        """
        return text

    def resource(self) -> IResource | Resource | None:
        """The application's web pages, served below ``/NAME/``; None for none.

        They read what is sent to them from ``request.content``: forms are not parsed.
        """
        return None

    # What may be used

    @property
    def clients(self) -> Collection[Client]:
        """The clients that are connected to this node now."""
        return self._bound.clients

    def broadcast(
        self, message: str | bytes, exclude: Iterable[Client | str] | Client = ()
    ) -> Deferred[None]:
        """Send to every client of the application, on every node.

        :param exclude: Clients, or their ids, to leave out.
        :return: Fires once it is in the queues of the clients on this node.
        """
        return self.reaching().sendToAll(checked(message), identities(exclude))

    def group(self, name: str) -> Group:
        """The group of that name; it need not have members."""
        return Group(self.reaching(), name)

    def user(self, name: str) -> User:
        """The clients of that user."""
        return User(self.reaching(), name)


def hookFailed(app: App, client: Client, failure: Failure) -> None:
    """A hook has raised: tell :meth:`App.onError`, and where that raises as well, the log."""

    def worse(another: Failure) -> None:
        _complain(app, "onError of {app}", client, another)

    hooks.detached(worse, app.onError, client, failure)


def _complain(app: App, what: str, client: Client, failure: Failure) -> None:
    log = Logger(namespace=f"wsapp.app.{app.name}")
    text = what + " failed for client {client} at {peer} ({version})"
    values: dict[str, Any] = {
        "app": app.name,
        "client": client.id,
        "peer": client.peer or "a UNIX socket",
        "version": client.version,
    }
    if app._incidents is None:  # it is not served
        log.failure(text, failure, **values)
    else:
        app._incidents.failed(f"failures of {what.format(app=app.name)}", failure, log, text, **values)
