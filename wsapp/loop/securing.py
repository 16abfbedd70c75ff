"""Factories whose protocols speak TLS, and the connections of OpenSSL's that they are given.

May import ``naming`` and ``secured``.
"""

from __future__ import annotations

__all__ = ["TLSFactory", "connections"]

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from OpenSSL.SSL import Connection, Context
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLContextFactory,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.policies import WrappingFactory

from wsapp.loop.naming import prefixOf
from wsapp.loop.secured import TLSTransport


def connections(creator: Any, client: bool) -> Callable[[Any], Connection]:
    """Find out how OpenSSL's connections are made.

    :param creator: what Twisted takes for a context factory: a provider of
        ``IOpenSSLClientConnectionCreator`` or ``IOpenSSLServerConnectionCreator``, or anything with
        ``getContext()``
    :param client: for which end
    :returns: what makes a connection, given the :class:`~wsapp.loop.secured.TLSTransport` that it is for
    :raises TypeError: it is none of these
    """
    make: Callable[[Any], Connection]
    if client and IOpenSSLClientConnectionCreator.providedBy(creator):
        make = creator.clientConnectionForTLS
    elif not client and IOpenSSLServerConnectionCreator.providedBy(creator):
        make = creator.serverConnectionForTLS
    else:
        getContext = getattr(creator, "getContext", None)
        if getContext is None:
            raise TypeError(
                f"{creator!r} is no context factory: it must provide IOpenSSL"
                f"{'Client' if client else 'Server'}ConnectionCreator, or have a method getContext"
            )
        if not IOpenSSLContextFactory.providedBy(creator) and not isinstance(getContext(), Context):
            # Now, and not when the first peer has connected.
            raise TypeError(f"getContext of {creator!r} must return an OpenSSL.SSL.Context")
        make = lambda layer: Connection(getContext(), None)  # noqa: E731

    def connectionFor(layer: Any) -> Connection:
        connection: Connection = make(layer)
        if client:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        connection.set_app_data(layer)
        return connection

    return connectionFor


if TYPE_CHECKING:
    _Wrapping = WrappingFactory[Any]
else:
    _Wrapping = WrappingFactory  # old ones cannot be subscripted


class TLSFactory(_Wrapping):
    """Makes TLS for another factory's protocols; in everything else it is that factory."""

    noisy = False
    protocol: Any = TLSTransport

    def __init__(self, contextFactory: Any, client: bool, factory: Any) -> None:
        """
        :param contextFactory: as for :func:`connections`
        :param client: whether it is TLS's client
        :param factory: None where only connections of OpenSSL's are wanted
        """
        super().__init__(factory)  # type: ignore[no-untyped-call]
        self.connectionFor = connections(contextFactory, client)

    def buildProtocol(self, addr: Any) -> Any:
        """Put TLS before the protocol that the other factory makes; None if it makes none."""
        protocol = self.wrappedFactory.buildProtocol(addr)
        return None if protocol is None else self.protocol(self, protocol)

    def logPrefix(self) -> str:
        """The other factory's name, and that it is TLS."""
        return f"{prefixOf(self.wrappedFactory)} (TLS)"
