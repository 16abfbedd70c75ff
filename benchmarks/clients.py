"""``python -m benchmarks.clients``: what a client costs, ours beside ``websockets``' and picows'.

One process of each, with a number of connections to one server that echoes (picows'); each connection
sends its next message when its last has come back.  The figure is the client process's own CPU time per
message there and back, so that the server does not matter as long as it is not the slower one.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["CLIENTS", "main"]

MESSAGE = "x" * 32


class Meter:
    """Counts messages between the end of a warm-up and the end."""

    def __init__(self, seconds: float) -> None:
        self.count = 0
        self._seconds = seconds
        self._began = 0.0

    def begin(self) -> None:
        """The warm-up is over."""
        self.count = 0
        self._began = time.process_time()

    def report(self) -> str:
        """Microseconds of CPU a message, and messages a second."""
        spent = time.process_time() - self._began
        return f"{spent / max(1, self.count) * 1e6:.2f} {self.count / self._seconds:.0f}"


def wsappClient(url: str, connections: int, seconds: float, reactorName: str = "epoll") -> None:
    """Ours, with hooks."""
    if reactorName == "uvloop":
        from wsapp.loop import install

        install()
    from twisted.internet import reactor as installed

    import wsapp

    reactor: Any = installed
    meter = Meter(seconds)

    class Hooks:
        def onConnect(self, connection: Any) -> None:
            connection.send(MESSAGE)

        def onMessage(self, connection: Any, message: str) -> None:
            meter.count += 1
            connection.send(MESSAGE)

    for _ in range(connections):
        wsapp.connect(url, Hooks(), compression="off", proxy=None)
    reactor.callLater(1, meter.begin)

    def end() -> None:
        print(meter.report(), flush=True)
        reactor.stop()

    reactor.callLater(1 + seconds, end)
    reactor.run()


def wsappOnUvloop(url: str, connections: int, seconds: float) -> None:
    """Ours, on uvloop's transports."""
    wsappClient(url, connections, seconds, "uvloop")


def websocketsClient(url: str, connections: int, seconds: float) -> None:
    """``websockets`` on uvloop."""
    import uvloop
    from websockets.asyncio.client import connect

    meter = Meter(seconds)

    async def talk() -> None:
        async with connect(url, compression=None, proxy=None, ping_interval=None) as connection:
            while True:
                await connection.send(MESSAGE)
                await connection.recv()
                meter.count += 1

    uvloop.run(_measured(meter, [talk() for _ in range(connections)], seconds))


def picowsClient(url: str, connections: int, seconds: float) -> None:
    """picows on uvloop."""
    import uvloop
    from picows import WSListener, WSMsgType, ws_connect

    meter = Meter(seconds)

    class Listener(WSListener):  # type: ignore[misc, unused-ignore]
        def on_ws_connected(self, transport: Any) -> None:
            transport.send(WSMsgType.TEXT, MESSAGE.encode())

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            frame.get_payload_as_utf8_text()
            meter.count += 1
            transport.send(WSMsgType.TEXT, MESSAGE.encode())

    async def talk() -> None:
        transport, _ = await ws_connect(Listener, url)
        await transport.wait_disconnected()

    uvloop.run(_measured(meter, [talk() for _ in range(connections)], seconds))


async def _measured(meter: Meter, talks: list[Any], seconds: float) -> None:
    tasks = [asyncio.ensure_future(talk) for talk in talks]
    await asyncio.sleep(1)
    meter.begin()
    await asyncio.sleep(seconds)
    print(meter.report(), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


CLIENTS: dict[str, Callable[[str, int, float], None]] = {
    "wsapp-uvloop": wsappOnUvloop,
    "wsapp": wsappClient,
    "picows": picowsClient,
    "websockets": websocketsClient,
}


def main(words: list[str] | None = None) -> None:
    """Measure each client in processes of its own, in turns, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clients", description=__doc__)
    add = parser.add_argument
    add("--client", choices=CLIENTS, help="be this client, of the server at --url")
    add("--url")
    add("--connections", type=int, default=50)
    add("--seconds", type=float, default=3)
    add("--rounds", type=int, default=3)
    read = parser.parse_args(words)
    if read.client:
        CLIENTS[read.client](read.url, read.connections, read.seconds)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.peers.picows_server", str(port)])
    try:
        _awaitListening(port)
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
        for _ in range(read.rounds):
            for name in CLIENTS:
                command = [sys.executable, "-m", "benchmarks.clients", "--client", name]
                command += ["--url", f"ws://127.0.0.1:{port}/", "--connections", str(read.connections)]
                ended = subprocess.run(
                    [*command, "--seconds", str(read.seconds)],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                    timeout=read.seconds + 30,
                )
                cost, rate = ended.stdout.split()
                results[name].append((float(cost), float(rate)))
    finally:
        server.terminate()
        server.wait()
    print(
        f"{read.connections} connections, {len(MESSAGE)} bytes, "
        f"median of {read.rounds} rounds of {read.seconds:g} s"
    )
    for name, samples in results.items():
        costs, rates = zip(*samples, strict=True)
        print(
            f"{name:14} {statistics.median(costs):7.2f} us of CPU a message "
            f"{statistics.median(rates):10,.0f} a second"
        )


def _awaitListening(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()
