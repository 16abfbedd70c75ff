"""
What people in the chat may call themselves and say, and how they are told of it: pure functions.

Everything that happens is an *event*, a dict with a ``type``. `toJson` and `toLine` write the same
event for a program and for a terminal. This module imports nothing of wsapp.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "JSON",
    "LINES",
    "MAX_NAME",
    "MAX_TEXT",
    "Event",
    "Form",
    "SpeechError",
    "cleanName",
    "cleanText",
    "freeName",
    "parse",
    "sameName",
]

#: The longest name, in characters (code points).
MAX_NAME = 32

#: The longest text of one message, in characters.
MAX_TEXT = 4_000

#: The longest message that is read as JSON, in characters: a text of the longest kind with each
#: character written as two ``\\uXXXX`` escapes, and some room. Beyond it nothing is parsed.
_MAX_JSON = 12 * MAX_TEXT + 16_384

#: Names of members told to one client at most; past it they are only counted, so that a room of
#: thousands does not send each newcomer a megabyte.
MAX_MEMBERS = 500

#: The longest reference that a client may give a message of its own, in characters.
_MAX_REF = 64

Event = dict[str, Any]

# In text: controls but newline and tab (a terminal obeys them), and those that turn the direction of
# writing, with which one person's words can pass for another's. Names lose all of Unicode's format
# characters but the two joiners, which emoji and several scripts need.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200c\u200d"
# Letters and symbols by category, but blank to the eye.
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"


class SpeechError(ValueError):
    """
    Something that a client said cannot be taken.

    :ivar event: The error as an event, to be told to that client.
    """

    def __init__(self, code: str, text: str, ref: str | None = None) -> None:
        super().__init__(text)
        self.event: Event = {"type": "error", "code": code, "text": text}
        if ref is not None:
            self.event["ref"] = ref


def cleanName(raw: str) -> str:
    """
    :param raw: What somebody wants to be called.
    :return: It on one line, without characters that cannot be seen, of at most `MAX_NAME`
        characters; empty when nothing visible is left.
    """
    # A bound before the work: the text may be as long as a message.
    spaced = " ".join(unicodedata.normalize("NFC", raw[: 16 * MAX_NAME]).split())
    kept = "".join(
        char
        for char in spaced
        if char in _JOINERS or (char not in _BLANK and unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
    )
    name = kept.strip()[:MAX_NAME].strip()
    return (
        name
        if any(unicodedata.category(char)[0] in "LNPSC" and char not in _JOINERS for char in name)
        else ""
    )


def cleanText(raw: object, ref: str | None = None) -> str:
    """
    :param raw: What somebody says.
    :param ref: The sender's own reference to it, told with an error.
    :return: It without control characters, in characters that UTF-8 can carry.
    :raise SpeechError: If it is not text, has nothing in it, or is longer than `MAX_TEXT`.
    """
    if not isinstance(raw, str):
        raise SpeechError("malformed", f"text must be a string, not {_kind(raw)}", ref)
    if len(raw) > MAX_TEXT:
        raise SpeechError("too-long", f"{len(raw):,} characters are too many: {MAX_TEXT:,} at most", ref)
    text = re.sub("\r\n?|[\u2028\u2029]", "\n", raw)
    text = _SURROGATE.sub("\ufffd", _UNSAFE.sub("", text)).strip("\n").rstrip()
    if not text:
        raise SpeechError("empty", "there is nothing in it", ref)
    return text


def sameName(name: str) -> str:
    """:return: A form that is equal for names that people would take for the same."""
    return unicodedata.normalize("NFKC", name).casefold()


def freeName(wanted: str, taken: Iterable[str]) -> str:
    """
    :param wanted: A clean name.
    :param taken: The names of all others.
    :return: The name, or if somebody has it the name with the lowest number that nobody has
        (``Ann-2``), of at most `MAX_NAME` characters.
    """
    used = {sameName(name) for name in taken}
    name, number = wanted, 1
    while sameName(name) in used:
        number += 1
        name = withSuffix(wanted, str(number))
    return name


def withSuffix(name: str, suffix: str) -> str:
    """:return: The name, a hyphen and the suffix, the name cut so that it all fits `MAX_NAME`."""
    return f"{name[: MAX_NAME - 1 - len(suffix)].rstrip()}-{suffix}"


def parse(message: str | bytes) -> Event:
    """
    Read what a client of the JSON form sent.

    :param message: A whole message. A JSON object is an event; any other text is something said.
    :return: The event, its ``type`` a string and its ``ref``, if there is one, a short string.
    :raise SpeechError: If it is binary, too long, or an object without these.
    """
    if isinstance(message, bytes):
        raise SpeechError("binary", "binary messages are not understood here, only text")
    if len(message) > _MAX_JSON:
        raise SpeechError("too-long", f"{len(message):,} characters are too many: {MAX_TEXT:,} at most")
    event: object = None
    if message.lstrip()[:1] == "{":
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            pass  # Not JSON, or nested past all reason: somebody's words that begin with a brace.
    if not isinstance(event, dict):
        return {"type": "message", "text": message}
    ref = event.get("ref")
    if ref is not None and not (isinstance(ref, str) and len(ref) <= _MAX_REF and ref.isascii()):
        raise SpeechError("malformed", f"ref must be ASCII text of at most {_MAX_REF} characters")
    if not isinstance(event.get("type"), str):
        raise SpeechError("malformed", f"type must be a string, not {_kind(event.get('type'))}", ref)
    return event


def _kind(value: object) -> str:
    """:return: What JSON calls a value of this type."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "missing"}
    return kinds.get(type(value), "a number")


def toJson(event: Event) -> str:
    """:return: The event as one JSON object."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def toLine(event: Event) -> str:
    """:return: The event as a line of text for people, in ``* ...`` or ``! ...`` if nobody said it."""
    return _LINES[event["type"]](event)


def _membersLine(event: Event) -> str:
    """:return: Who is here, in a line."""
    names = [member["name"] for member in event["members"]]
    if event["count"] > len(names):
        names.append(f"{event['count'] - len(names)} more")
    return "* Here: " + ", ".join(names)


#: A message of several lines is indented, so that no line of it looks like another person's.
_LINES: dict[str, Callable[[Event], str]] = {
    "message": lambda event: f"{event['name']}: " + event["text"].replace("\n", "\n    "),
    "join": lambda event: f"* {event['name']} joined",
    "leave": lambda event: f"* {event['name']} left",
    "rename": lambda event: f"* {event['old']} is now {event['name']}",
    "welcome": lambda event: (
        f"* Welcome to {event['room']}, {event['name']}. "
        "What you type is said to all; /who tells who is here, /name NEW gives you another name."
    ),
    "members": _membersLine,
    "announcement": lambda event: "! Announcement: " + event["text"].replace("\n", "\n    "),
    "error": lambda event: f"! Not sent: {event['text']}",
}


@dataclass(frozen=True)
class Form:
    """
    One of the forms in which clients are told of events.

    :ivar suffix: What the names of its groups have after the room's.
    :ivar write: Makes the message of an event.
    """

    suffix: str
    write: Callable[[Event], str]


#: For programs, such as the chat page.
JSON = Form("", toJson)

#: For people at a terminal.
LINES = Form(".plain", toLine)
