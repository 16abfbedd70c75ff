"""A Twisted program of one's own that has WebSockets too: `python embedded.py`."""

import sys
from typing import Any

from hello import Hello
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.python import log

from wsapp import Limits, Server


async def main(reactor: Any, endpoint: str = "tcp:8080:interface=127.0.0.1") -> None:
    log.startLogging(sys.stdout)
    server = Server(reactor, {"hello": Hello()}, limits=Limits(maxMessage=64 * 1024))
    factory = server.factory()  # for a port that you open yourself
    server.startService()
    await server.started  # onStart is done
    port = await serverFromString(reactor, endpoint).listen(factory)
    factory.listener.loopback = True  # then only localhost and its addresses are taken for the Host
    print(f"listening on {port.getHost().port}", flush=True)
    # In order: no more connections, a farewell to all, onStop; run() waits for it.
    reactor.addSystemEventTrigger("before", "shutdown", server.stopService)
    await Deferred()


if __name__ == "__main__":
    task.react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
