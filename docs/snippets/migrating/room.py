"""The room for wsapp: `twistd -n wsapp --port tcp:8080:interface=127.0.0.1 --app room.py:Room`."""

from wsapp import App, Reject


class Room(App):
    limits = {"maxMessage": 65536}

    def onHandshake(self, request):
        names = request.query.get("name")
        if not names:
            raise Reject(403, "say who you are")
        request.user = names[0]

    def onMessage(self, client, message):
        if isinstance(message, bytes):
            return None
        if message == "bye":
            return client.close(1000, "goodbye")
        return self.broadcast(f"{client.user}: {message}")

    def onDisconnect(self, client, reason):
        return self.broadcast(f"{client.user} left")
