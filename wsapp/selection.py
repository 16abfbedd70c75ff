"""Which build of a connection's inner path is used, as :mod:`wsapp.wire.selection` says for the wire.

The compiled modules are made of the same sources, and have names of their own, in ``wsapp._c``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsapp.wire.selection import accelerated

__all__ = ["Delivery", "Metrics", "SendQueue", "Traffic", "Turn"]

if TYPE_CHECKING or not accelerated:
    from wsapp.delivery import Delivery
    from wsapp.metrics import Metrics
    from wsapp.sendqueue import SendQueue, Turn
    from wsapp.traffic import Traffic
else:
    from wsapp._c.delivery import Delivery
    from wsapp._c.metrics import Metrics
    from wsapp._c.sendqueue import SendQueue, Turn
    from wsapp._c.traffic import Traffic
