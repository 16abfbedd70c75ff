"""Follows a WebSocket server, through its restarts, and prints what it says."""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

import wsapp


class Follower:
    def onConnect(self, connection):
        connection.send("here I am")

    def onMessage(self, connection, message):
        print(message, flush=True)


def main(reactor, url):
    client = wsapp.ReconnectingClient(url, Follower, delay=0.5, maxDelay=30, reactor=reactor)
    client.startService()
    reactor.addSystemEventTrigger("before", "shutdown", client.stopService)
    return Deferred()


if __name__ == "__main__":
    react(main, sys.argv[1:])
