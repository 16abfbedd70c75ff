"""Listening for the peers on Twisted, on the epoll reactor that Twisted takes by itself on Linux."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from benchmarks.peers.setting import BACKLOG, HOST, Setting

__all__ = ["serve"]


def serve(setting: Setting, factory: IProtocolFactory) -> None:
    """Serve until the process is ended."""
    place = f"{setting.port}:interface={HOST}:backlog={BACKLOG}"
    if setting.certificate is None:
        description = f"tcp:{place}"
    else:
        description = f"ssl:{place}:privateKey={setting.key}:certKey={setting.certificate}"
    listening = serverFromString(reactor, description).listen(factory)
    listening.addErrback(_giveUp)
    reactor.run()


def _giveUp(failure: Failure) -> None:
    failure.printTraceback()
    reactor.stop()
