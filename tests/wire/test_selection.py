"""Tests of `wsapp.wire.selection`."""

from __future__ import annotations

import os
import runpy
import sys
from types import ModuleType
from typing import Any
from unittest import mock

from tests.wire.case import Case
from wsapp.wire import frames, framing, handshake, headers, http, hybi, masking, selection, utf8

NAMES = {
    "frames": ("HybiSender",),
    "framing": ("frame",),
    "handshake": (
        "acceptHixie75",
        "acceptHixie76",
        "acceptHybi",
        "checkHixie75",
        "checkHixie76",
        "checkHost",
        "checkHybi",
        "checkUpgrade",
    ),
    "headers": ("Headers",),
    "http": ("HeadReader", "RequestHead"),
    "hybi": ("HybiReceiver",),
    "masking": ("mask",),
    "utf8": ("checked",),
}
PLAIN = {
    "frames": frames,
    "framing": framing,
    "handshake": handshake,
    "headers": headers,
    "http": http,
    "hybi": hybi,
    "masking": masking,
    "utf8": utf8,
}


class SelectionTests(Case):
    """Which build is chosen, for what is installed and what is asked for."""

    def choose(self, compiled: dict[str, ModuleType | None], **environment: str) -> dict[str, Any]:
        """What the module offers where these are the compiled modules (None: not there)."""
        modules = {f"wsapp.wire._c.{name}": module for name, module in compiled.items()}
        bare = {name: value for name, value in os.environ.items() if name != "WSAPP_PURE"}
        with (
            mock.patch.dict(sys.modules, modules),
            mock.patch.dict(os.environ, {**bare, **environment}, clear=True),
        ):
            return runpy.run_path(selection.__file__)

    def there(self) -> dict[str, ModuleType | None]:
        """Compiled modules, as far as the choice goes."""
        made: dict[str, ModuleType | None] = {}
        for name, members in NAMES.items():
            module = made[name] = ModuleType(name)
            for member in members:
                setattr(module, member, object())
        return made

    def assertPlain(self, offered: dict[str, Any]) -> None:
        """Plain Python was chosen, for everything."""
        self.assertFalse(offered["accelerated"])
        for name, members in NAMES.items():
            for member in members:
                self.assertIs(offered[member], getattr(PLAIN[name], member))

    def test_compiled(self) -> None:
        """Where it is there, it is used, for everything."""
        there = self.there()
        for environment in ({}, {"WSAPP_PURE": "0"}, {"WSAPP_PURE": ""}):
            offered = self.choose(there, **environment)
            self.assertTrue(offered["accelerated"])
            for name, members in NAMES.items():
                for member in members:
                    self.assertIs(offered[member], getattr(there[name], member))

    def test_asked(self) -> None:
        """WSAPP_PURE=1 asks for plain Python."""
        self.assertPlain(self.choose(self.there(), WSAPP_PURE="1"))

    def test_incomplete(self) -> None:
        """Where one module could not be compiled, none is used: the two builds are not mixed."""
        for missing in NAMES:
            self.assertPlain(self.choose({**self.there(), missing: None}))
