"""``wsapp`` on the command line: ``connect``, ``new`` and ``load``.

To serve there is ``twistd wsapp``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import wsapp
from wsapp.quantities import parseCount, parseSeconds, parseSize
from wsapp.wire.url import hidden

__all__ = ["main", "parser"]

#: What the process ends with.
EXITS = """\
exit status:
  0  all went well; the connection was closed in order (1000, 1001 or no code)
  1  the connection ended otherwise; the server does not echo (load); the folder is there (new)
  2  the command line cannot be understood
  3  there was no connection
  130  interrupted, by Ctrl-C (load)
"""


class _Parser(argparse.ArgumentParser):
    """One whose errors show no password, whichever word it stands in."""

    def error(self, message: str) -> NoReturn:
        super().error(" ".join(hidden(word) for word in message.split(" ")))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(
            f"{text.partition(':')[0]!r} is not a header: it must be 'Name: value'"
        )
    return name.strip(), value.strip()


def _quantity(read: Callable[[str], float], least: float, most: float) -> Callable[[str], Any]:
    """A number within bounds."""

    def quantity(text: str) -> float:
        try:
            value = read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return value

    return quantity


def _connecting(parser: argparse.ArgumentParser) -> None:
    """The options of whatever connects."""
    parser.add_argument("url", metavar="URL", help="ws://, wss:// or ws+unix:/path/of/socket:/request/path")
    parser.add_argument(
        "-H",
        "--header",
        action="append",
        default=[],
        type=_header,
        metavar="'NAME: VALUE'",
        help="send it too",
    )
    parser.add_argument(
        "-s", "--subprotocol", action="append", default=[], metavar="NAME", help="offer it; best first"
    )
    parser.add_argument("--origin", metavar="URL", help="the page to say it comes from")
    parser.add_argument(
        "--protocol", default="13", metavar="VERSION", help="13 (the default), 8, 7, hixie-76 or hixie-75"
    )
    parser.add_argument(
        "--compression",
        default="takeover",
        choices=["off", "shared", "takeover"],
        help="what to offer; takeover (the default) leaves the choice to the server",
    )
    parser.add_argument(
        "--ca", metavar="FILE", help="believe certificates that this one (PEM) has signed, alone"
    )
    parser.add_argument(
        "--proxy",
        metavar="URL",
        help="by CONNECT; none by an empty one; by default what HTTPS_PROXY and so on say",
    )
    parser.add_argument(
        "--timeout",
        default=30.0,
        type=_quantity(parseSeconds, 0.001, 3600),
        metavar="SECONDS",
        help="for the connection to be there [30]",
    )
    parser.add_argument(
        "--max-message",
        default=16 << 20,
        type=_quantity(parseSize, 1, 1 << 30),
        metavar="SIZE",
        help="to take [16m]",
    )


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    top = _Parser(
        prog="wsapp",
        description="WebSockets on the command line. To serve an application: twistd wsapp --help",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"wsapp {wsapp.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    connect = commands.add_parser(
        "connect",
        help="talk to a WebSocket server",
        description="Sends lines, shows messages. On a terminal, /help lists what else there is; in a pipe, "
        "lines go in and messages come out, one per line, binary ones as hexadecimal digits.",
    )
    _connecting(connect)
    connect.add_argument(
        "-v", "--verbose", action="store_true", help="show the handshake, frames and close codes"
    )
    connect.add_argument(
        "--wait",
        default=1.0,
        type=_quantity(parseSeconds, 0, 86400),
        metavar="SECONDS",
        help="when the input has ended, close after so long without a message [1]",
    )

    new = commands.add_parser(
        "new",
        help="write a small application, its test and a README",
        description="Writes a folder of that name with an application, its test and a README.",
    )
    new.add_argument("name", metavar="NAME", help="letters, digits and underscores, such as chat")

    load = commands.add_parser(
        "load",
        help="measure a server that echoes",
        description="Sends messages to a server that sends them back, and shows how long that took. Of hosts "
        "other than this one it wants the name twice, so that nobody's server is loaded by mistake.",
    )
    _connecting(load)
    load.add_argument(
        "--clients", default=50, type=_quantity(parseCount, 1, 10_000), metavar="N", help="[50]"
    )
    load.add_argument(
        "--seconds", default=10.0, type=_quantity(parseSeconds, 0.1, 600), metavar="SECONDS", help="[10]"
    )
    load.add_argument(
        "--rate",
        type=_quantity(parseSeconds, 0.1, 1e6),
        metavar="N",
        help="messages a second, of all clients together; by default each sends when its last has come back",
    )
    load.add_argument(
        "--size", default=32, type=_quantity(parseSize, 1, 1 << 24), metavar="SIZE", help="of a message [32]"
    )
    load.add_argument("--host", metavar="NAME", help="the URL's host, where it is not this machine")
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    :raises SystemExit: Always, with the status.
    """
    read = parser().parse_args(arguments)
    if read.command == "new":
        from wsapp.commands.new import new

        sys.exit(new(read.name))
    from twisted.internet.task import react

    from wsapp.outgoing.dialing import Dialing

    try:
        options = {
            "subprotocols": read.subprotocol,
            "headers": read.header,
            "origin": read.origin,
            "version": read.protocol,
            "compression": read.compression,
            "limits": wsapp.Limits(maxMessage=int(read.max_message), maxSendBuffer=16 << 20, closeTimeout=5),
            "trustRoot": _authority(read.ca),
            "proxy": True if read.proxy is None else read.proxy or None,
        }
        Dialing(read.url, **options)
    except (ValueError, OSError) as error:
        print(f"wsapp: {error}", file=sys.stderr)
        sys.exit(2)
    if read.command == "connect":
        from wsapp.commands.connect import talk

        react(talk, (read, options))
    else:
        from wsapp.commands.load import load

        react(load, (read, options))


def _authority(path: str | None) -> Any:
    if path is None:
        return None
    from OpenSSL.crypto import Error
    from twisted.internet.ssl import Certificate

    with open(path, "rb") as file:
        try:
            return Certificate.loadPEM(file.read())
        except Error:
            raise ValueError(f"{path} is not a certificate: it must be PEM") from None
