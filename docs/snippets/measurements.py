"""Binary messages, and text for those who cannot be sent any."""

import base64

from wsapp import App, Client, UnsupportedByVersion


class Measurements(App):
    def onConnect(self, client: Client) -> None:
        reading = bytes([17, 4, 230])
        try:
            client.send(reading)
        except UnsupportedByVersion:  # hixie-75 or hixie-76
            client.send(base64.b64encode(reading).decode())
