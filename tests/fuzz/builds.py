"""Both builds of the byte path in one process, by the way that everybody uses to get at them."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

from tests.wire.machines import Wire
from wsapp.limits import Limits
from wsapp.wire import selection, versions
from wsapp.wire.deflate import Deflater, Inflater
from wsapp.wire.http import HeadReader
from wsapp.wire.versions import Receiver, Sender

__all__ = ["BUILDS", "Build"]


class Build:
    """One build.

    :ivar accelerated: Whether it is the compiled one.
    :ivar headReader: Its reader of request heads.
    :ivar versions: What :mod:`wsapp.wire.versions` offers on top of it.
    """

    def __init__(self, **environment: str) -> None:
        bare = {name: value for name, value in os.environ.items() if name != "WSAPP_PURE"}
        with mock.patch.dict(os.environ, {**bare, **environment}, clear=True):
            offered: dict[str, Any] = runpy.run_path(selection.__file__)
        self._receiver = offered["HybiReceiver"]
        self._sender = offered["HybiSender"]
        self.accelerated: bool = offered["accelerated"]
        self.name = "compiled" if self.accelerated else "plain"
        self.headReader: Callable[[Limits], HeadReader] = offered["HeadReader"]
        if self.accelerated is selection.accelerated:
            self.versions = vars(versions)
        else:
            # The module once more, with what is not in use here in the place of what is.
            chosen = ModuleType("wsapp.wire.selection")
            vars(chosen).update(offered)
            with mock.patch.dict(sys.modules, {"wsapp.wire.selection": chosen}):
                self.versions = runpy.run_path(versions.__file__)

    def receiver(self, wire: Wire, limits: Limits) -> Receiver:
        """What takes a peer's bytes."""
        if wire.number is None:
            return wire.receiver(limits)
        agreed = wire.deflation
        inflater = agreed and Inflater(agreed.clientMaxWindowBits, agreed.clientNoContextTakeover)
        made: Receiver = self._receiver(limits, wire.number, inflater, wire.masked)
        return made

    def sender(self, wire: Wire) -> Sender:
        """What makes a peer's bytes."""
        if wire.number is None:
            return wire.sender()
        agreed = wire.deflation
        deflater = agreed and Deflater(agreed.clientMaxWindowBits, agreed.clientNoContextTakeover)
        made: Sender = self._sender(wire.number, deflater, masked=wire.masked)
        return made


#: The plain build first, which a fuzzer can see into, and the compiled one where there is one.
BUILDS = [Build(WSAPP_PURE="1")]
if (_usual := Build()).accelerated:
    BUILDS.append(_usual)
