"""The application of the broadcast jobs: what one client says, everybody is sent."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from wsapp import App, Client

__all__ = ["Fanout"]


class Fanout(App):
    """One group with everybody in it."""

    def onConnect(self, client: Client) -> Deferred[None]:
        """Join the rest."""
        return client.join("everybody")

    def onMessage(self, client: Client, message: str | bytes) -> Deferred[None]:
        """Send it to all, the sender included."""
        return self.group("everybody").send(message)
