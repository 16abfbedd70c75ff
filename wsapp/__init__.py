"""wsapp: a WebSocket server and application framework on Twisted.

The names below are loaded when they are first used, so that ``import wsapp.wire`` brings no
Twisted.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsapp.app import App as App
    from wsapp.appplugin import AppPlugin as AppPlugin
    from wsapp.brokers import Broker as Broker
    from wsapp.brokers import Member as Member
    from wsapp.brokers import Publication as Publication
    from wsapp.client import Client as Client
    from wsapp.client import Disconnection as Disconnection
    from wsapp.client import Group as Group
    from wsapp.client import User as User
    from wsapp.errors import ConnectFailed as ConnectFailed
    from wsapp.errors import ConnectionClosed as ConnectionClosed
    from wsapp.errors import HandshakeRefused as HandshakeRefused
    from wsapp.errors import UnsupportedByVersion as UnsupportedByVersion
    from wsapp.errors import WsappError as WsappError
    from wsapp.limits import Limits as Limits
    from wsapp.outgoing import connect as connect
    from wsapp.outgoing.conversation import ClientConnection as ClientConnection
    from wsapp.outgoing.reconnecting import ReconnectingClient as ReconnectingClient
    from wsapp.request import Reject as Reject
    from wsapp.request import Request as Request
    from wsapp.service import Server as Server
    from wsapp.wire.selection import accelerated as accelerated

_HOMES = {
    "App": "wsapp.app",
    "AppPlugin": "wsapp.appplugin",
    "Broker": "wsapp.brokers",
    "Client": "wsapp.client",
    "ClientConnection": "wsapp.outgoing.conversation",
    "ConnectFailed": "wsapp.errors",
    "ConnectionClosed": "wsapp.errors",
    "Disconnection": "wsapp.client",
    "Group": "wsapp.client",
    "HandshakeRefused": "wsapp.errors",
    "Limits": "wsapp.limits",
    "Member": "wsapp.brokers",
    "Publication": "wsapp.brokers",
    "ReconnectingClient": "wsapp.outgoing.reconnecting",
    "Reject": "wsapp.request",
    "Request": "wsapp.request",
    "Server": "wsapp.service",
    "UnsupportedByVersion": "wsapp.errors",
    "User": "wsapp.client",
    "WsappError": "wsapp.errors",
    "accelerated": "wsapp.wire.selection",
    "connect": "wsapp.outgoing",
}

__version__ = "0.1.0"
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'wsapp' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
