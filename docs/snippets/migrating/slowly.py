"""Hooks that call asyncio's coroutines: `twistd -n wsapp --app slowly.py:Slowly`."""

import asyncio

from twisted.internet.defer import Deferred

from wsapp import App


class Slowly(App):
    async def onMessage(self, client, message):
        await Deferred.fromFuture(asyncio.ensure_future(asyncio.sleep(0.01)))
        client.send(message)
