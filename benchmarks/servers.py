"""Who is measured: how each server is started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.environment import HOME, Environment
from benchmarks.jobs import Setup

__all__ = ["SERVERS", "Server"]

Command = Callable[[Environment, Setup, int], list[str]]


@dataclass(frozen=True)
class Server:
    """One server: what it is called and how it is started on a port."""

    name: str
    title: str
    command: Command
    #: Beside the environment of this process.
    variables: dict[str, str] = field(default_factory=dict)
    #: Whether it is wsapp.
    ours: bool = False
    #: Whether it needs the reactor named ``uvloop``.
    needsUvloopReactor: bool = False
    #: Whether it needs npm's ws.
    needsNode: bool = False

    def missing(self, environment: Environment) -> str | None:
        """:return: Why it cannot be measured here, or None."""
        if self.needsUvloopReactor and not environment.hasUvloopReactor():
            return "there is no reactor named uvloop"
        if self.needsNode and not environment.hasNode():
            return "there is no node, or npm could not install ws"
        return None


def _words(environment: Environment, setup: Setup, port: int) -> list[str]:
    words = [str(port)]
    if setup.broadcast:
        words.append("--broadcast")
    if setup.deflate:
        words.append("--deflate")
    if setup.tls:
        words += ["--key", str(environment.key), "--certificate", str(environment.certificate)]
    return words


def _peer(name: str) -> Command:
    def command(environment: Environment, setup: Setup, port: int) -> list[str]:
        return [
            str(environment.python),
            "-m",
            f"benchmarks.peers.{name}_server",
            *_words(environment, setup, port),
        ]

    return command


def _ws(environment: Environment, setup: Setup, port: int) -> list[str]:
    return ["node", str(HOME / "peers" / "ws_server.js"), *_words(environment, setup, port)]


def _wsapp(reactor: str) -> Command:
    def command(environment: Environment, setup: Setup, port: int) -> list[str]:
        place = f"{port}:interface=127.0.0.1:backlog=4096"
        if setup.tls:
            endpoint = f"ssl:{place}:privateKey={environment.key}:certKey={environment.certificate}"
        else:
            endpoint = f"tcp:{place}"
        words = ["-n", "--pidfile=", "--reactor", reactor, "wsapp", "--port", endpoint]
        words += ["--app", f"{HOME / 'fanout.py'}:Fanout" if setup.broadcast else "echo"]
        if setup.connections:
            words += ["--max-connections", str(setup.connections)]
        return [str(environment.program("twistd")), *words]

    return command


#: Every server by its name, in the order in which they take turns.
SERVERS: dict[str, Server] = {
    server.name: server
    for server in [
        Server("wsapp-uvloop", "wsapp, uvloop", _wsapp("uvloop"), ours=True, needsUvloopReactor=True),
        Server("wsapp-epoll", "wsapp, epoll", _wsapp("epoll"), ours=True),
        Server(
            "wsapp-uvloop-pure",
            "wsapp, uvloop, plain Python",
            _wsapp("uvloop"),
            {"WSAPP_PURE": "1"},
            ours=True,
            needsUvloopReactor=True,
        ),
        Server(
            "wsapp-epoll-pure", "wsapp, epoll, plain Python", _wsapp("epoll"), {"WSAPP_PURE": "1"}, ours=True
        ),
        Server("picows", "picows, uvloop", _peer("picows")),
        Server("websockets", "websockets, uvloop", _peer("websockets")),
        Server("aiohttp", "aiohttp, uvloop", _peer("aiohttp")),
        Server("tornado", "Tornado, uvloop", _peer("tornado")),
        Server("autobahn", "Autobahn, Twisted epoll", _peer("autobahn")),
        Server("twisted.web", "twisted.web.websocket, epoll", _peer("twisted")),
        Server("ws", "ws, Node.js", _ws, needsNode=True),
    ]
}
