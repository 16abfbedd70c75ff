"""
A chat room, with its page.

The page, and any program that asks for it with ``?format=json``, is told of everything in JSON, one
object for each message; any other client is a person at a terminal, who types lines and reads
lines. What is known of others comes from groups alone, never from this process's own clients, so that
a room is the same room on any number of nodes.

A room has four groups: for each form one of what is said, whose members are who is here and whose
history newcomers get, and one (``.events``) of who comes and goes, which is not worth keeping and
would push what was said out of the history.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.web.resource import IResource

from wsapp.app import App
from wsapp.apps.speech import (
    JSON,
    LINES,
    MAX_MEMBERS,
    Event,
    Form,
    SpeechError,
    cleanName,
    cleanText,
    freeName,
    parse,
    sameName,
    withSuffix,
)
from wsapp.brokers import Member
from wsapp.client import Client, Disconnection
from wsapp.web.pages import BROWSER_CLIENT, StaticFolder

__all__ = ["Chat"]

_FORMS = (JSON, LINES)


@dataclass
class _Person:
    """What is known of a client of this node, in its `data`."""

    name: str
    form: Form
    announced: bool = False


class Chat(App):
    """
    One room, where what one says all hear.

    A client of the JSON form connects to ``/chat?name=Ann&format=json`` and may send:

    - ``{"type": "message", "text": ..., "ref": ...}``: say something; ``ref`` is the sender's own
      mark, given back with the message or the error. Text that is not a JSON object is said too.
    - ``{"type": "rename", "name": ...}``: be called something else.
    - ``{"type": "who"}``: ask for ``members``.
    - ``{"type": "ping"}``: ask for ``{"type": "pong"}``, for scripts that cannot see WebSocket's own.

    It receives ``welcome`` (its own ``id`` and ``name``, the ``room``, ``title`` and ``history``); then
    each ``message`` of the last (``id``, ``time`` in milliseconds since 1970, ``from``, ``name``,
    ``text``, ``ref``); then ``members`` (``count``, and the first `MAX_MEMBERS` ``members`` by name,
    each with ``id`` and ``name``); and from then on ``message``, ``join``, ``leave``, ``rename`` (with
    ``old``) as they happen, ``announcement`` (``text``) of whoever runs the server, and ``error``
    (``code``, ``text``, ``ref``) for what it did itself.

    :param room: The room's name, also that of its groups; 1 to 32 characters.
    :param title: What the page is headed with.
    :param history: How many messages a newcomer is given, and the room keeps.
    :raise ValueError: If one of them cannot be.
    """

    #: A day, so that the evening's talk is still there in the morning.
    historySeconds = 86_400.0

    #: What time it is, in seconds since 1970; tests put their own here.
    now: Callable[[], float] = staticmethod(time.time)

    def __init__(self, room: str = "lobby", title: str = "Chat", history: int = 50) -> None:
        super().__init__()
        if not room or cleanName(room) != room:
            raise ValueError(f"room={room!r} is not a name of 1 to 32 visible characters, such as lobby")
        if not cleanName(title):
            raise ValueError(f"title={title!r} cannot be seen; give the page a heading, such as Chat")
        if history < 0:
            raise ValueError(f"history={history} is below 0; it is how many messages a newcomer is given")
        self.room = room
        self.title = cleanText(title)
        self.historySize = history

    def resource(self) -> IResource:
        """:return: The chat page."""
        return StaticFolder(
            Path(__file__).with_name("pages") / "chat", also={BROWSER_CLIENT.name: BROWSER_CLIENT}
        )

    def announcement(self, client: Client, text: str) -> str | None:
        """:return: What an operator says, in the client's form; None for one that is not in the room yet."""
        person = client.data
        if not isinstance(person, _Person):
            return None
        return person.form.write({"type": "announcement", "text": text})

    async def onConnect(self, client: Client) -> None:
        """Give the newcomer a name, the last messages and who is here; then tell the others."""
        query = client.request.query
        form = JSON if query.get("format", [""])[0] == "json" else LINES
        wanted = cleanName(query.get("name", [""])[0]) or cleanName(client.user or "")
        others = await self._members()
        name = freeName(wanted or f"guest-{secrets.token_hex(2)}", _names(others, client))
        client.data = person = _Person(name, form)
        welcome: Event = {"type": "welcome", "id": client.id, "name": name}
        welcome |= {"room": self.room, "title": self.title, "history": self.historySize}
        _tell(client, welcome)
        # The events first: whoever comes after the list of members is made is then heard of.
        await client.join(self._groupName(form, kept=False))
        await client.join(self._groupName(form), history=self.historySize, info=name)
        await self._resolveClash(client, person)
        if not _tell(client, self._membersEvent(await self._members())):
            return  # Gone while it was being taken in: the others need not hear of it at all.
        person.announced = True
        await self._publish({"type": "join", "id": client.id, "name": person.name}, exclude=[client])

    async def onMessage(self, client: Client, message: str | bytes) -> None:
        """Do what the client asks; what cannot be done is told to it alone."""
        try:
            event = self._read(client, message)
            if event is not None:
                deed = _DEEDS.get(event["type"])
                if deed is None:
                    text = f"this type is not known; there are {', '.join(_DEEDS)}"
                    raise SpeechError("unknown-type", text, event.get("ref"))
                await deed(self, client, event)
        except SpeechError as error:
            _tell(client, error.event)

    async def onDisconnect(self, client: Client, reason: Disconnection) -> None:
        """Tell the others, if they had heard of the client."""
        person = client.data
        if isinstance(person, _Person) and person.announced:
            await self._publish({"type": "leave", "id": client.id, "name": person.name})

    def _read(self, client: Client, message: str | bytes) -> Event | None:
        """
        :return: What a message asks for, None for nothing (an empty line).
        :raise SpeechError: If it cannot be understood.
        """
        if client.data.form is JSON or isinstance(message, bytes):
            return parse(message)
        command, _, rest = message.strip().partition(" ")
        if command == "/who" and not rest:
            return {"type": "who"}
        if command == "/name":
            return {"type": "rename", "name": rest}
        return {"type": "message", "text": message} if command else None

    async def _say(self, client: Client, event: Event) -> None:
        """Say something to everyone, the speaker too: all then see one order."""
        ref = event.get("ref")
        said: Event = {
            "type": "message",
            "id": secrets.token_urlsafe(9),
            "time": round(self.now() * 1000),
            "from": client.id,
            "name": client.data.name,
            "text": cleanText(event.get("text"), ref),
        }
        if ref is not None:
            said["ref"] = ref
        await self._publish(said, kept=True)

    async def _rename(self, client: Client, event: Event) -> None:
        """Give a client another name, for itself and for all."""
        raw = event.get("name")
        name = cleanName(raw) if isinstance(raw, str) else ""
        if not name:
            raise SpeechError("name", "a name is text of 1 to 32 visible characters", event.get("ref"))
        person: _Person = client.data
        name = freeName(name, _names(await self._members(), client))
        renamed = {"type": "rename", "id": client.id, "name": name, "old": person.name}
        if name == person.name:
            _tell(client, renamed)
            return
        person.name = name
        await client.join(self._groupName(person.form), info=name)
        await self._publish(renamed)

    async def _who(self, client: Client, event: Event) -> None:
        """Tell a client who is here."""
        _tell(client, self._membersEvent(await self._members()))

    async def _pong(self, client: Client, event: Event) -> None:
        """Answer a client that wants to know whether the connection is alive."""
        _tell(client, {"type": "pong"})

    async def _resolveClash(self, client: Client, person: _Person) -> None:
        """
        Change the newcomer's name if somebody else came with it at the same moment.

        Both may have seen it free, on two nodes. Each looks again once the other can see it, and
        takes one made of its own id, so neither can collide with the other a second time.
        """
        taken = {sameName(name) for name in _names(await self._members(), client)}
        if sameName(person.name) in taken:
            old, person.name = person.name, withSuffix(person.name, client.id[:6])
            await client.join(self._groupName(person.form), info=person.name)
            _tell(client, {"type": "rename", "id": client.id, "name": person.name, "old": old})

    def _groupName(self, form: Form, kept: bool = True) -> str:
        """:return: The group for what is kept (or not) in one form."""
        return self.room + form.suffix + ("" if kept else ".events")

    def _publish(
        self, event: Event, kept: bool = False, exclude: Iterable[Client] = ()
    ) -> Deferred[list[None]]:
        """Tell everyone, each in its form; the Deferred fires when both are on their way."""
        sends = []
        for form in _FORMS:
            group = self.group(self._groupName(form, kept))
            sends.append(group.send(form.write(event), exclude=exclude))
        return gatherResults(sends, consumeErrors=True)

    async def _members(self) -> list[Member]:
        """:return: Who is here, on every node, in both forms."""
        groups = [self.group(self._groupName(form)).members() for form in _FORMS]
        return [member for members in await gatherResults(groups, consumeErrors=True) for member in members]

    def _membersEvent(self, members: list[Member]) -> Event:
        """:return: Who is here, as an event."""
        people = sorted(({"id": member.id, "name": _nameOf(member)} for member in members), key=_order)
        return {"type": "members", "count": len(people), "members": people[:MAX_MEMBERS]}


#: What a client may ask for, by the `type` of its message.
_DEEDS: dict[str, Callable[[Chat, Client, Event], Awaitable[None]]] = {
    "message": Chat._say,
    "rename": Chat._rename,
    "who": Chat._who,
    "ping": Chat._pong,
}


def _tell(client: Client, event: Event) -> bool:
    """Tell one client, in its form; whether it is still there to be told."""
    return client.send(client.data.form.write(event))


def _names(members: list[Member], but: Client) -> list[str]:
    """:return: The names of all members but one client."""
    return [_nameOf(member) for member in members if member.id != but.id]


def _nameOf(member: Member) -> str:
    """:return: The name that a member joined with."""
    # A node of another release might give something else.
    return member.info if isinstance(member.info, str) else "guest"


def _order(person: dict[str, str]) -> tuple[str, str]:
    """:return: The key by which people are listed: by name, however it is written."""
    return sameName(person["name"]), person["id"]
