"""What the tests of the reactor share."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Where ``wsapp`` and ``tests`` are, for processes of their own."""


def asked() -> str | None:
    """Why Twisted's own suites are skipped, which take minutes; with WSAPP_CONFORMANCE=1 they are not."""
    return None if os.environ.get("WSAPP_CONFORMANCE") else "WSAPP_CONFORMANCE=1 does not ask for it"


def needs(*modules: str) -> str | None:
    """Why a test must be skipped, or None where all these modules are to be had."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"not installed here: {', '.join(missing)}" if missing else None
