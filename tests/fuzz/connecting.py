"""Target: a whole connection, from the first byte to the last hook."""

from __future__ import annotations

from tests.fuzz.conduct import WAYS, Conduct
from tests.fuzz.inputs import Choices

__all__ = ["connection"]

_MOST_STEPS = 60
_CODES = [1000, 1001, 1003, 1009, 3000, 4999]


def _step(conduct: Conduct, choices: Choices) -> None:
    kind = choices.byte() % 20
    size = choices.byte() * (8 if kind & 1 else 1)
    if kind == 0:
        conduct.say("é" * (size // 2), [choices.byte(), choices.byte()], bool(size & 1), None)
    elif kind == 1:
        conduct.say(b"x" * min(size, 2000), [], bool(choices.byte() & 1), None)
    elif kind == 2:
        conduct.say("abc" * size, [choices.byte() for _ in range(size % 7)], False, b"amid")
    elif kind == 3:
        conduct.pingServer(b"p" * (size % 126))
    elif kind in (4, 5):
        conduct.deliver(size)
    elif kind == 6:
        conduct.deliver(1 << 20)
    elif kind in (7, 8):
        conduct.read()
    elif kind == 9:
        conduct.send("y" * size)
    elif kind == 10:
        conduct.send(b"z" * size)
    elif kind == 11:
        conduct.late = not conduct.late
    elif kind == 12:
        conduct.finishHook()
    elif kind == 13:
        conduct.wait(size / 400)
    elif kind == 14:
        conduct.closeFromClient(choices.one(_CODES))
    elif kind == 15:
        conduct.closeFromApp(choices.one(_CODES), "r" * (size % 130))
    elif kind == 16:
        conduct.spoil(choices.take(size))
    elif kind == 17:
        conduct.askFromApp()
    elif kind == 18:
        (conduct.abortFromApp if size < 200 else conduct.stopServer)()
    elif size < 100:
        conduct.failing = not conduct.failing
    else:
        conduct.leave(size < 1000)


def connection(data: bytes) -> None:
    """Any steps of a client's and of an application's, or any bytes from the first one on."""
    choices = Choices(data)
    version, deflate = choices.one(WAYS)
    conduct = Conduct(version, deflate)
    try:
        if choices.byte() == 255:
            conduct.spoil(choices.rest)
            conduct.deliver(len(choices.rest) // 2)
            conduct.check()
            choices.rest = b""
        else:
            conduct.shake([choices.byte()])
        for _ in range(_MOST_STEPS):
            if not choices.rest:
                break
            _step(conduct, choices)
            conduct.check()
        conduct.end()
    finally:
        conduct.forget()
