"""For programs, which can send a password, but not for pages."""

from pathlib import Path

from wsapp import App, Client, Reject, Request


class MachineRoom(App):
    """`--app machine_room.py:MachineRoom:password=/etc/machines/password`"""

    def __init__(self, password: str) -> None:
        self.password = Path(password).read_text().strip()

    def onHandshake(self, request: Request) -> None:
        given = request.credentials
        if given is None or not given.match("machine", self.password):
            request.setHeader("WWW-Authenticate", 'Basic realm="machines"')
            raise Reject(401, "name and password, please")
        request.user = given.user

    def onMessage(self, client: Client, message: str) -> None:
        client.send(f"noted: {message}")
