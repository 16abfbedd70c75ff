"""A whole connection as hypothesis would use it: :class:`~tests.fuzz.conduct.Conduct`, step by step."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.fuzz.conduct import WAYS, Conduct
from tests.wire.case import Case
from tests.wire.profile import STABLE

_TEXTS = st.builds(str.__mul__, st.text(max_size=5), st.sampled_from([1, 1, 10, 80]))
_BINARIES = st.builds(bytes.__mul__, st.binary(max_size=9), st.sampled_from([1, 1, 10, 200]))
_CODES = st.sampled_from([1000, 1001, 1003, 1009, 3000, 4999])


class Steps(RuleBasedStateMachine):
    """What a client, an application and time may do, in any order."""

    way: tuple[str, bool]

    def __init__(self) -> None:
        super().__init__()
        self.conduct = Conduct(*self.way)

    @initialize(places=st.lists(st.integers(0, 300), max_size=3))
    def shake(self, places: list[int]) -> None:
        """The opening handshake comes first."""
        self.conduct.shake(places)

    @rule(
        message=_TEXTS | _BINARIES,
        places=st.lists(st.integers(0, 300), max_size=6),
        compressed=st.booleans(),
        between=st.none() | st.binary(max_size=20),
        size=st.sampled_from([1, 20, 10_000]),
    )
    def say(
        self, message: str | bytes, places: list[int], compressed: bool, between: bytes | None, size: int
    ) -> None:
        """The client sends a message, which may be on its way for some time."""
        self.conduct.say(message, places, compressed, between)
        self.conduct.deliver(size)

    @rule(payload=st.binary(max_size=125), size=st.sampled_from([1, 10_000]))
    def ping(self, payload: bytes, size: int) -> None:
        """The client pings."""
        self.conduct.pingServer(payload)
        self.conduct.deliver(size)

    @rule(size=st.sampled_from([1, 10, 300, 100_000]))
    def deliver(self, size: int) -> None:
        """Bytes arrive."""
        self.conduct.deliver(size)

    @rule()
    def read(self) -> None:
        """The client reads."""
        self.conduct.read()

    @rule(message=_TEXTS | _BINARIES)
    def send(self, message: str | bytes) -> None:
        """The application sends."""
        self.conduct.send(message)

    @rule(late=st.booleans())
    def hooks(self, late: bool) -> None:
        """Hooks take their time from now on, or do not; one that did is done."""
        self.conduct.late = late
        self.conduct.finishHook()

    @rule(seconds=st.sampled_from([0.1, 1, 4, 31]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.conduct.wait(seconds)

    @rule()
    def ask(self) -> None:
        """The application waits for a pong, and for all to have left."""
        self.conduct.askFromApp()

    @rule(code=_CODES, which=st.sampled_from(["client", "app", "abort", "stop", "fail", "lose", "reset"]))
    def end(self, code: int, which: str) -> None:
        """It begins to end, in one of the ways."""
        conduct = self.conduct
        if which == "client":
            conduct.closeFromClient(code)
        elif which == "app":
            conduct.closeFromApp(code, "why")
        elif which == "abort":
            conduct.abortFromApp()
        elif which == "stop":
            conduct.stopServer()
        elif which == "fail":
            conduct.failing = True
        else:
            conduct.leave(which == "lose")

    @rule(data=st.binary(max_size=30))
    def spoil(self, data: bytes) -> None:
        """The client sends what may be nothing."""
        self.conduct.spoil(data)

    @invariant()
    def holds(self) -> None:
        """All that must be true."""
        self.conduct.check()

    def teardown(self) -> None:
        """And when it is over."""
        self.conduct.end()


class ConductTests(Case):
    """Whole connections."""

    def test_anyOrder(self) -> None:
        """Of every version, with and without compression."""
        for way in WAYS:
            run_state_machine_as_test(
                type("Steps", (Steps,), {"way": way}),
                settings=settings(
                    STABLE, max_examples=max(1, STABLE.max_examples // 2), stateful_step_count=25
                ),
            )
