"""JSON-RPC 2.0 over WebSocket: `pip install pjrpc; twistd -n wsapp --app examples/rpc.py:Rpc`.

pjrpc does the protocol (requests, notifications, batches, errors); each message is one request or batch, each
answer one message.  Calls of a client overlap: an answer comes when it is ready, and its id says to what.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pjrpc.server import AsyncDispatcher, JsonRpcError, MethodRegistry, exceptions
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.resource import IResource

from wsapp import App, Client
from wsapp.web import StaticFolder

PAGES = Path(__file__).with_name("pages")

#: Calls of one client that are under way at once; its further messages wait, and then reading from it does.
MOST_CALLS = 8
MOST_IN_BATCH = 20
LONGEST_WAIT = 10

methods = MethodRegistry()


def whole(value: object) -> int:
    """A parameter that has to be a whole number (which JavaScript can say, too).

    :raises InvalidParamsError: It is none.
    """
    if type(value) is not int or abs(value) > 2**53:
        raise exceptions.InvalidParamsError(data="a parameter is not a whole number, or too large")
    return value


@methods.add()
async def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return whole(a) + whole(b)


@methods.add()
async def divide(a: int, b: int) -> dict[str, int]:
    """How often a number is in another, and what remains."""
    if whole(b) == 0:
        raise JsonRpcError(code=1, message="nothing can be divided by 0")
    quotient, remainder = divmod(whole(a), b)
    return {"quotient": quotient, "remainder": remainder}


@methods.add(pass_context="rpc")
async def wait(rpc: Rpc, seconds: int) -> str:
    """An answer that takes a while; others come meanwhile."""
    if not 0 <= whole(seconds) <= LONGEST_WAIT:
        raise exceptions.InvalidParamsError(data=f"seconds is 0 to {LONGEST_WAIT}")
    await deferLater(rpc.reactor, seconds)
    return f"{seconds} s later"


@methods.add(name="time")
async def now() -> str:
    """The server's time."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Rpc(App):
    """Calls methods for its clients."""

    reactor: IReactorTime
    groups = False  # clients are reached one by one: any number of nodes need no broker
    limits = {"maxMessage": 16 * 1024}
    log = Logger()

    def __init__(self) -> None:
        super().__init__()
        self.dispatcher = AsyncDispatcher[Rpc](json_loader=load, max_batch_size=MOST_IN_BATCH)
        self.dispatcher.add_methods(methods)

    def resource(self) -> IResource:
        return StaticFolder(PAGES / "rpc", also={"base.css": PAGES / "base.css"})

    def announcement(self, client: Client, text: str) -> str:
        """What whoever runs the server says by its console: a notification, as all here is JSON-RPC."""
        return json.dumps({"jsonrpc": "2.0", "method": "announcement", "params": {"text": text}})

    def onConnect(self, client: Client) -> None:
        client.data = DeferredSemaphore(MOST_CALLS)

    async def onMessage(self, client: Client, message: str | bytes) -> None:
        if isinstance(message, bytes):
            client.close(1003, "JSON-RPC is text")
            return
        # While this waits the hook is not done, and the client's next message waits too.
        await client.data.acquire()
        call = Deferred.fromCoroutine(self.answer(client, message))
        call.addErrback(lambda failure: self.log.failure("a call failed", failure))
        call.addBoth(lambda _: client.data.release())

    async def answer(self, client: Client, text: str) -> None:
        """Do what a message asks for, and say how it went; nothing is said to notifications."""
        answered = await self.dispatcher.dispatch(text, self)
        if answered is not None and answered[0] != "[]":  # a batch of notifications (JSON-RPC 2.0, 6)
            client.send(answered[0])


def load(text: str, **options: Any) -> Any:
    """JSON, whose every mistake is one that pjrpc answers: also 5,000 digits, and brackets without end."""
    try:
        return json.loads(text, **options)
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(str(error), "", 0) from None
