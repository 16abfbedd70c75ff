"""``connect``: the other end, a client on the same machines as the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from wsapp.errors import ConnectFailed, ConnectTimeout
from wsapp.limits import Limits
from wsapp.outgoing.conversation import ClientConnection
from wsapp.outgoing.dialing import Dialing
from wsapp.outgoing.inbox import Inbox
from wsapp.outgoing.protocol import Outgoing, explained
from wsapp.outgoing.resuming import Resumption
from wsapp.terms import Terms
from wsapp.wire.deflate import Compression

__all__ = ["ClientConnection", "connect", "dial", "instance"]


def instance(hooks: object) -> object:
    """Hooks as an object, where they are given as a class."""
    return hooks() if isinstance(hooks, type) else hooks


def connect(
    url: str,
    hooks: object = None,
    *,
    subprotocols: Sequence[str] = (),
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    origin: str | None = None,
    version: str = "13",
    compression: Compression | str = Compression.TAKEOVER,
    limits: Limits | None = None,
    timeout: float = 30,
    trustRoot: Any = None,
    clientCertificate: Any = None,
    proxy: str | bool | None = True,
    endpoint: IStreamClientEndpoint | None = None,
    reactor: Any = None,
) -> Deferred[ClientConnection]:
    """Connect to a WebSocket server.

    :param url: ``ws://``, ``wss://`` or ``ws+unix:/path/of/socket:/request/path``.  A user and password
        in it are sent as Basic authentication, and shown nowhere.
    :param hooks: An object, or a class to make one of, with any of the hooks ``onConnect(connection)``,
        ``onMessage(connection, message)``, ``onDisconnect(connection, reason)`` and
        ``onError(connection, failure)``, each called as an :class:`~wsapp.App`'s are.  Without one the
        messages are taken from the connection: ``async for message in connection``.
    :param subprotocols: To offer, best first.
    :param headers: More header fields for the request.
    :param origin: The ``Origin`` to send; none by default (hixie: the server's own).
    :param version: ``13`` (RFC 6455), ``8``, ``7``, ``hixie-76`` or ``hixie-75``.
    :param compression: What permessage-deflate to offer: ``takeover`` leaves the choice to the server,
        ``shared`` has neither side keep a context, ``off``.
    :param limits: What the server may use at most; :attr:`~wsapp.Limits.maxMessage` and so on.
    :param timeout: Seconds from the call to the connection, the server's answer included.
    :param trustRoot: Whom to believe a certificate: as for
        :func:`twisted.internet.ssl.optionsForClientTLS`; by default, whom the system trusts.
    :param clientCertificate: A :class:`twisted.internet.ssl.PrivateCertificate` to show.
    :param proxy: True: the one that ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``
        name; None: none; or its URL.
    :param endpoint: A way to the server's stream other than the URL's host and port.
    :param reactor: Which one; the running one by default.
    :return: Fires with the connection.  Fails with :exc:`~wsapp.ConnectFailed`, among them
        :exc:`~wsapp.HandshakeRefused`, which carries the response.  May be cancelled.
    :raises ValueError: Something in the arguments that cannot be.
    """
    if reactor is None:
        from twisted.internet import reactor
    dialing = Dialing(
        url,
        subprotocols,
        headers,
        origin,
        version,
        compression,
        limits or Limits(),
        trustRoot,
        clientCertificate,
        proxy,
        endpoint,
    )
    terms = dialing.terms(reactor)
    # Its clock is to stand still when the connection is over: tests look for calls that are left.
    return dial(dialing, instance(hooks), reactor, terms, timeout, terms.wheel.stop)


def dial(
    dialing: Dialing,
    hooks: object,
    reactor: Any,
    terms: Terms,
    timeout: float,
    whenOver: Callable[[], None],
    inbox: Inbox | None = None,
    resumption: Resumption | None = None,
) -> Deferred[ClientConnection]:
    """As :func:`connect`.

    :param terms: What connections of one program may share.
    :param inbox: Where messages wait, if not in one of the connection's own.
    :param whenOver: Called when the connection, if there was one, is over.
    :param resumption: What is to be resumed, where the server does.
    """
    protocols: list[Outgoing] = []

    def made() -> Outgoing:
        protocols.append(Outgoing(terms, dialing.asking(), hooks, inbox, whenOver, resumption))
        return protocols[-1]

    factory = Factory.forProtocol(made)
    factory.noisy = False

    def failed(failure: Failure) -> Failure:
        if failure.check(ConnectFailed, CancelledError):
            return failure
        error = ConnectFailed(f"cannot connect to {dialing.place}: {explained(failure)}")
        error.__cause__ = failure.value
        return Failure(error)

    def late(result: object, seconds: float) -> Any:
        if isinstance(result, Failure) and not result.check(CancelledError):
            return result
        said = protocols[-1].refusal if protocols else None
        raise said or ConnectTimeout(f"no connection to {dialing.place} within {seconds:g} s")

    connecting: Deferred[Any] = dialing.way(reactor).connect(factory)
    connecting.addCallback(lambda protocol: protocol.opened)
    connecting.addErrback(failed)
    return connecting.addTimeout(timeout, reactor, onTimeoutCancel=late)
