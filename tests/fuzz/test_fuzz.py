"""The corpus through every target, and what the targets make of faults that are put in on purpose."""

from __future__ import annotations

import contextlib
import json
import random
import sys
from collections.abc import Callable
from typing import Any
from unittest import SkipTest, mock

from tests.fuzz import builds, corpus, work
from tests.fuzz.targets import TARGETS
from tests.wire.case import Case
from tests.wire.test_work import calls
from wsapp import tokens, websocket
from wsapp.wire import deflate
from wsapp.wire.events import Event, Violation
from wsapp.wire.hybi import HybiReceiver
from wsapp.wire.selection import accelerated

#: How large a target's corpus may be, in bytes.
SMALL = 6500


class CorpusTests(Case):
    """What the fuzzer has found to reach much, and what it has found wrong."""

    def test_every(self) -> None:
        """Nothing in it breaks a promise."""
        for name, target in TARGETS.items():
            for data in corpus.inputs(name):
                with self.subTest(target=name, data=data.hex()):
                    target.run(data)

    def test_small(self) -> None:
        """It is kept small, and holds nothing twice."""
        for name in TARGETS:
            kept = corpus.kept(name)
            self.assertEqual(len(kept), len(set(kept)), name)
            self.assertLess(sum(map(len, kept)), SMALL, name)

    def test_noStrays(self) -> None:
        """There is a target for each file."""
        self.assertLessEqual({path.stem for path in corpus.HOME.iterdir()}, set(TARGETS))


class _Forgetful(HybiReceiver):
    """Loses the last byte of what comes in threes."""

    __slots__ = ()

    def receive(self, data: bytes) -> None:
        super().receive(data[:2] if len(data) == 3 else data)


class _Hoarding(HybiReceiver):
    """Takes messages larger than it may."""

    __slots__ = ()

    def __init__(self, limits: Any, *arguments: Any) -> None:
        super().__init__(limits, *arguments)
        self._maxMessage += 5000
        self._maxWire += 5000


class _Talkative(HybiReceiver):
    """Says more after the end."""

    __slots__ = ()

    def next(self, count: int, size: int) -> list[Event]:
        events = super().next(count, size)
        return [*events, "more"] if events and isinstance(events[-1], Violation) else events


class _Raising(HybiReceiver):
    """Fails at a byte of the peer's."""

    __slots__ = ()

    def receive(self, data: bytes) -> None:
        super().receive(data)
        if b"\x7f" in data:
            raise IndexError("a fault")


def _twice(call: Callable[..., object]) -> Callable[..., object]:
    """What does it twice."""

    def called(*arguments: Any, **named: Any) -> object:
        call(*arguments, **named)
        return call(*arguments, **named)

    return called


def _never(call: Callable[..., object]) -> Callable[..., object]:
    """What does not do it."""
    return lambda *arguments, **named: None


class FaultTests(Case):
    """A target that cannot fail would be none."""

    def finds(self, name: str, fault: str, *patches: Any, error: type[Exception] = AssertionError) -> None:
        """The corpus, or a few changes to it, shows the fault."""
        chance = random.Random(name)
        inputs = corpus.inputs(name)
        with contextlib.ExitStack() as patched, self.assertRaises(error, msg=f"{name}: {fault}"):
            for patch in patches:
                patched.enter_context(patch)
            for data in inputs:
                TARGETS[name].run(data)
            for _ in range(500):
                changed = bytearray(chance.choice(inputs) + chance.randbytes(chance.randrange(4)))
                if changed:
                    changed[chance.randrange(len(changed))] = chance.randrange(256)
                TARGETS[name].run(bytes(changed))

    def test_receivers(self) -> None:
        """Receivers that lose, hoard, talk and raise."""
        for kind in (_Forgetful, _Hoarding, _Talkative, _Raising):
            for name in ("hybi", "deflate", "messages") if kind is _Forgetful else ("hybi",):
                patches = [mock.patch.object(build, "_receiver", kind) for build in builds.BUILDS]
                error = IndexError if kind is _Raising else AssertionError
                self.finds(name, kind.__name__, *patches, error=error)

    def test_differing(self) -> None:
        """Builds that are not the same."""
        other = builds.Build(WSAPP_PURE="1")
        other._receiver = lambda limits, number, *more: HybiReceiver(limits, 7, *more)
        other.versions = {**other.versions, "isUpgrade": lambda head: False}
        for name, module in (("close", "framing"), ("head", "opening")):
            differing = mock.patch(f"tests.fuzz.{module}.BUILDS", [*builds.BUILDS, other])
            self.finds(name, "another build", differing)

    def test_offers(self) -> None:
        """An answer that agrees to what nobody offered, and one that a header's end slips into."""
        for answer in ("permessage-deflate; server_max_window_bits=9", "permessage-deflate\r\nX: y"):
            agreed = deflate.Deflation(), answer
            patches = [
                mock.patch.object(
                    sys.modules[build.versions["acceptHybi"].__module__],
                    "agree",
                    lambda offered, compression, agreed=agreed: agreed,
                )
                for build in builds.BUILDS
            ]
            self.finds("offers", answer, *patches)

    def test_tokens(self) -> None:
        """A signature that is not looked at, and an error that is not ours."""
        self.finds("token", "unsigned", mock.patch.object(tokens.Keys, "signed", lambda *arguments: True))
        self.finds("token", "JSON alone", mock.patch.object(tokens, "_read", json.loads), error=ValueError)

    def test_connections(self) -> None:
        """Hooks that are called twice, or never; what is lost on its way, or left behind."""
        faults: list[tuple[str, str, Callable[[Callable[..., object]], Callable[..., object]]]] = [
            ("Delivery", "last", _twice),
            ("Delivery", "last", _never),
            ("SendQueue", "write", _twice),
            ("SendQueue", "resumeProducing", _never),
            ("KeepAlive", "stop", _never),
        ]
        for kind, method, instead in faults:
            # Of whichever build is in use: what is compiled can be inherited from, not patched.
            usual = getattr(websocket, kind)
            faulty = type(kind, (usual,), {method: instead(getattr(usual, method))})
            self.finds("connection", f"{kind}.{method}", mock.patch.object(websocket, kind, faulty))
        for instead in (_twice, _never):
            message = mock.patch.object(websocket.WebSocket, "message", instead(websocket.WebSocket.message))
            self.finds("connection", "WebSocket.message", message)


class WorkTests(Case):
    """What is counted under valgrind."""

    def test_cases(self) -> None:
        """Every case does something, at any size."""
        if accelerated:
            raise SkipTest("what is compiled makes no calls that could be counted")
        for name, case in work.CASES.items():
            for size in (10, 50):
                self.assertGreater(calls(case.run(size)), 1, name)
