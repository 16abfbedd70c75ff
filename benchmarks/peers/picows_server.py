"""picows, its own interface, on uvloop. It has no permessage-deflate."""

# mypy: allow-subclassing-any, disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from benchmarks.peers.setting import BACKLOG, HOST, MAX_MESSAGE, Setting, runOnUvloop

everybody: set[WSTransport] = set()


class Echo(WSListener):
    """Sends each message back."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame has come."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


class Fanout(WSListener):
    """Sends each message to everybody."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """One more."""
        everybody.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """One less."""
        everybody.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A frame has come."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            payload = frame.get_payload_as_bytes()
            for each in everybody:
                each.send(frame.msg_type, payload)


async def main(setting: Setting) -> None:
    """Serve."""
    listener = Fanout if setting.broadcast else Echo
    server = await ws_create_server(
        lambda request: listener(),
        HOST,
        setting.port,
        max_frame_size=MAX_MESSAGE,
        backlog=BACKLOG,
        ssl=setting.context(),
    )
    await server.serve_forever()


if __name__ == "__main__":
    runOnUvloop(main(Setting.read()))
