"""Which build of the byte path is used: the compiled one where there is one, else plain Python.

Both are made of the same sources; the compiled modules have names of their own, in
``wsapp.wire._c``.  ``WSAPP_PURE=1`` in the environment asks for plain Python.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

__all__ = [
    "HeadReader",
    "Headers",
    "HybiReceiver",
    "HybiSender",
    "RequestHead",
    "accelerated",
    "acceptHixie75",
    "acceptHixie76",
    "acceptHybi",
    "checkHixie75",
    "checkHixie76",
    "checkHost",
    "checkHybi",
    "checkUpgrade",
    "checked",
    "frame",
    "mask",
]

#: Whether the compiled build is in use.
accelerated = False

if not TYPE_CHECKING and os.environ.get("WSAPP_PURE", "0") in ("", "0"):
    try:
        from wsapp.wire._c.frames import HybiSender
        from wsapp.wire._c.framing import frame
        from wsapp.wire._c.handshake import (
            acceptHixie75,
            acceptHixie76,
            acceptHybi,
            checkHixie75,
            checkHixie76,
            checkHost,
            checkHybi,
            checkUpgrade,
        )
        from wsapp.wire._c.headers import Headers
        from wsapp.wire._c.http import HeadReader, RequestHead
        from wsapp.wire._c.hybi import HybiReceiver
        from wsapp.wire._c.masking import mask
        from wsapp.wire._c.utf8 import checked

        accelerated = True
    except ImportError:
        pass

if TYPE_CHECKING or not accelerated:
    from wsapp.wire.frames import HybiSender
    from wsapp.wire.framing import frame
    from wsapp.wire.handshake import (
        acceptHixie75,
        acceptHixie76,
        acceptHybi,
        checkHixie75,
        checkHixie76,
        checkHost,
        checkHybi,
        checkUpgrade,
    )
    from wsapp.wire.headers import Headers
    from wsapp.wire.http import HeadReader, RequestHead
    from wsapp.wire.hybi import HybiReceiver
    from wsapp.wire.masking import mask
    from wsapp.wire.utf8 import checked
