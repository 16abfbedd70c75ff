"""Which engine does the work of TLS: the one in C where it was built and fits, else plain Python.

``WSAPP_PURE=1`` in the environment asks for plain Python. May import ``engine``.
"""

from __future__ import annotations

__all__ = ["Engine", "accelerated"]

import os
from typing import TYPE_CHECKING

#: Whether the engine in C is in use.
accelerated = False

if not TYPE_CHECKING and os.environ.get("WSAPP_PURE", "0") in ("", "0"):
    try:
        from wsapp.loop._c.engine import Engine

        accelerated = True
    except ImportError:
        # Not built, or this pyOpenSSL is not as the engine in C knows it.
        pass

if TYPE_CHECKING or not accelerated:
    from wsapp.loop.engine import Engine
