"""Tests of `wsapp.apps.speech`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from wsapp.apps.speech import (
    MAX_NAME,
    MAX_TEXT,
    Event,
    SpeechError,
    cleanName,
    cleanText,
    freeName,
    parse,
    toJson,
    toLine,
    withSuffix,
)


class NameTests(SynchronousTestCase):
    """What people may be called."""

    def test_clean(self) -> None:
        """Names are one visible line of at most 32 characters."""
        table = {
            "Ann": "Ann",
            "  Ann \t of\r\nGreen  Gables ": "Ann of Green Gables",
            "Ann\x00\x1b[31m\x7f\x9b": "Ann[31m",
            "A\u202enn\u2066\u200b\ufeff": "Ann",
            "Zoe\u0308": "Zo\xeb",
            "日本": "日本",
            "👩\u200d🚀": "👩\u200d🚀",
            "\u200d\u200c": "",
            "\u3164\u2800": "",
            "\u0301": "",
            "\ud800x": "x",
            "": "",
            " \n\u2028 ": "",
            "x" * 40: "x" * MAX_NAME,
            "x" * 31 + " yy": "x" * 31,
            "<b>": "<b>",
            "y" * 1_000_000: "y" * MAX_NAME,
        }
        for raw, name in table.items():
            self.assertEqual(cleanName(raw), name, ascii(raw))
            self.assertEqual(cleanName(name), name, "cleaning a clean name must change nothing")

    def test_free(self) -> None:
        """A name that somebody has gets a number, compared as people would."""
        self.assertEqual(freeName("Ann", []), "Ann")
        self.assertEqual(freeName("Ann", ["Bob"]), "Ann")
        self.assertEqual(freeName("Ann", ["ann"]), "Ann-2")
        self.assertEqual(freeName("Ann", ["Ann", "ANN-2", "Ann-4"]), "Ann-3")
        self.assertEqual(freeName("Ａnn", ["Ann"]), "Ａnn-2")
        long = "x" * MAX_NAME
        self.assertEqual(freeName(long, [long]), "x" * 30 + "-2")

    def test_suffix(self) -> None:
        """A suffix fits, without a space before it."""
        self.assertEqual(withSuffix("Ann", "2"), "Ann-2")
        self.assertEqual(withSuffix("x" * 29 + " yz", "2"), "x" * 29 + "-2")


class TextTests(SynchronousTestCase):
    """What people may say."""

    def test_clean(self) -> None:
        """Text loses what a terminal would obey and what UTF-8 cannot carry."""
        table = {
            "hi": "hi",
            " hi \n": " hi",
            "\n\na\r\nb\rc\u2028d\n": "a\nb\nc\nd",
            "a\tb": "a\tb",
            "\x1b]0;x\x07\x9b2Jhi\x00": "]0;x2Jhi",
            "a\u202eb\u2067c": "abc",
            "\ud83d!": "\ufffd!",
            "👩\u200d🚀": "👩\u200d🚀",
        }
        for raw, text in table.items():
            self.assertEqual(cleanText(raw), text, ascii(raw))
            text.encode()

    def test_refused(self) -> None:
        """What cannot be said is an error with a code, and with the sender's reference."""
        table: list[tuple[object, str]] = [
            ("", "empty"), (" \n\t", "empty"), ("\x00", "empty"), ("x" * (MAX_TEXT + 1), "too-long"),
            (None, "malformed"), (5, "malformed"), (True, "malformed"), (["hi"], "malformed"),
            ({}, "malformed"),
        ]  # fmt: skip
        for raw, code in table:
            error = self.assertRaises(SpeechError, cleanText, raw, "r1")
            self.assertEqual(
                (error.event["type"], error.event["code"], error.event["ref"]), ("error", code, "r1")
            )
        self.assertEqual(len(cleanText("x" * MAX_TEXT)), MAX_TEXT)
        self.assertNotIn("ref", self.assertRaises(SpeechError, cleanText, "").event)

    def test_tooLongSaysHowMuch(self) -> None:
        """The error names both the length and the limit."""
        error = self.assertRaises(SpeechError, cleanText, "x" * 4_500)
        self.assertEqual(error.event["text"], "4,500 characters are too many: 4,000 at most")


class ParseTests(SynchronousTestCase):
    """What clients send."""

    def test_objects(self) -> None:
        """A JSON object is an event."""
        self.assertEqual(parse(' {"type": "who"}'), {"type": "who"})
        event = {"type": "message", "text": "hi", "ref": "r" * 64}
        self.assertEqual(parse(json.dumps(event)), event)

    def test_text(self) -> None:
        """All other text is something said, also what only looks like an object."""
        for text in (
            "hi", "", "[1]", '"x"', "5", "null", "{", "{hello}", '{"type": ', '{"a": 1} x',
            '{"a":' * 4_000, '{"a":' + "[" * 40_000, "{'type': 'who'}",
        ):  # fmt: skip
            self.assertEqual(parse(text), {"type": "message", "text": text}, text[:20])

    def test_refused(self) -> None:
        """What is not understood is an error, never an exception of another kind."""
        table: list[tuple[str | bytes, str]] = [
            (b"hi", "binary"), (b"", "binary"), ("x" * 100_000, "too-long"),
            ('{"type": "message", "text": "' + "x" * 100_000 + '"}', "too-long"),
            ("{}", "malformed"), ('{"type": 5}', "malformed"), ('{"type": ["who"]}', "malformed"),
            ('{"type": {}}', "malformed"), ('{"type": null}', "malformed"),
            ('{"type": "who", "ref": 5}', "malformed"), ('{"type": "who", "ref": "é"}', "malformed"),
            ('{"type": "who", "ref": "' + "x" * 65 + '"}', "malformed"),
        ]  # fmt: skip
        for message, code in table:
            error = self.assertRaises(SpeechError, parse, message)
            self.assertEqual(error.event["code"], code, message[:40])

    def test_longestEscaped(self) -> None:
        """A text of the longest kind is read however it is escaped."""
        text = "😀" * MAX_TEXT
        event = parse(json.dumps({"type": "message", "text": text}))
        self.assertEqual(cleanText(event["text"]), text)


class FormTests(SynchronousTestCase):
    """How events are written."""

    def test_json(self) -> None:
        """JSON is one compact line in the characters themselves."""
        event = {"type": "message", "text": "Grüße\n", "name": "</script>"}
        written = toJson(event)
        self.assertEqual(json.loads(written), event)
        self.assertNotIn("\n", written)
        self.assertIn("Grüße", written)

    def test_lines(self) -> None:
        """Lines are for people."""
        table: list[tuple[Event, str]] = [
            ({"type": "message", "name": "Ann", "text": "hi"}, "Ann: hi"),
            ({"type": "message", "name": "Ann", "text": "hi\nBob: no"}, "Ann: hi\n    Bob: no"),
            ({"type": "join", "name": "Bob"}, "* Bob joined"),
            ({"type": "leave", "name": "Bob"}, "* Bob left"),
            ({"type": "rename", "name": "Rob", "old": "Bob"}, "* Bob is now Rob"),
            (
                {"type": "members", "count": 2, "members": [{"name": "Ann"}, {"name": "Bob"}]},
                "* Here: Ann, Bob",
            ),
            ({"type": "members", "count": 9, "members": [{"name": "Ann"}]}, "* Here: Ann, 8 more"),
            ({"type": "error", "text": "no"}, "! Not sent: no"),
        ]
        for event, line in table:
            self.assertEqual(toLine(event), line)
