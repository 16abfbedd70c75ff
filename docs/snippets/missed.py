"""Clients that come back, after a second or a day, ask for exactly what they have missed."""

import json

from wsapp import App, Client
from wsapp.errors import HistoryGone


class Notes(App):
    """`ws://host/notes`

    `{"note": "..."}` adds a note.  Whenever somebody has, all clients are told `{"new": true}`; they ask for
    what they do not have by `{"since": [epoch, offset]}`, or at first `{"since": null}`.
    """

    historySize = 1000

    async def onMessage(self, client: Client, message: str) -> None:
        form = json.loads(message)
        notes = self.group("notes")  # nobody joins it: it is there for its history
        if "note" in form:
            await notes.send(form["note"])
            await self.broadcast(json.dumps({"new": True}))
            return
        since = form["since"]
        try:
            found = await notes.history(since=since)
            anew = since is None
        except HistoryGone:  # it was away for too long, or the broker has forgotten
            found, anew = await notes.history(), True
        if found:
            since = [found[-1].epoch, found[-1].offset]
        elif anew:
            since = None
        answer = {"anew": anew, "notes": [one.message for one in found], "since": since}
        client.send(json.dumps(answer))
