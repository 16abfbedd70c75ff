"""
An application that returns what it is sent, with a page to try it.

It is the smallest application there is, and what conformance suites are run against.
"""

from __future__ import annotations

from pathlib import Path

from twisted.web.resource import IResource

from wsapp.app import App
from wsapp.client import Client
from wsapp.web.pages import StaticFolder

__all__ = ["Echo"]


class Echo(App):
    """Returns each message to its sender, as it was: text as text, binary as binary."""

    groups = False

    def onMessage(self, client: Client, message: str | bytes) -> None:
        """Send it back."""
        # A hixie client can only send text, so it is never sent the binary that it could not take.
        client.send(message)

    def resource(self) -> IResource:
        """:return: A page that sends what one types and shows what comes back, with the time it took."""
        return StaticFolder(Path(__file__).with_name("pages") / "echo")
