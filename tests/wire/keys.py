"""Mask keys that a test chooses."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from types import ModuleType

from tests.wire.case import Case
from wsapp.wire import framing

__all__ = ["builds", "drawn"]


def builds() -> list[ModuleType]:
    """The plain module, and the compiled one where there is one."""
    found: list[ModuleType] = [framing]
    try:
        found.append(importlib.import_module("wsapp.wire._c.framing"))
    except ImportError:
        pass
    return found


def drawn(case: Case, source: Callable[[int], bytes]) -> None:
    """Let the system's randomness be *source*'s until the test ends; keys drawn before are forgotten."""

    def forget() -> None:
        for build in builds():
            build.forgetKeys()

    forget()
    case.addCleanup(forget)
    case.put(os, "urandom", source)
