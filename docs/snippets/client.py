"""Says what is in its arguments to a WebSocket server, and prints what comes back."""

import sys

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react

import wsapp


async def talk(reactor, url, words):
    async with await wsapp.connect(url, reactor=reactor, timeout=10) as connection:
        for word in words:
            await connection.send(word)
        for _ in words:
            print(await connection.receive())


def main(reactor, url, *words):
    return ensureDeferred(talk(reactor, url, words))


if __name__ == "__main__":
    react(main, sys.argv[1:])
