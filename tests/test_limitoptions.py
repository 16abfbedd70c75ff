"""Tests of `wsapp.limitoptions`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import dataclasses
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsapp import App
from wsapp.limitoptions import OPTIONS, PER_APP, ofApp, parseLimit
from wsapp.limits import Limits
from wsapp.testing import TestServer


class OptionsTests(SynchronousTestCase):
    """The names."""

    def test_names(self) -> None:
        """Each field has one option, called as it is; each name has a dash, which no argument's can have."""
        self.assertEqual(
            {name: option.field for name, option in OPTIONS.items()},
            {
                re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), field.name): field.name
                for field in dataclasses.fields(Limits)
            },
        )
        for name in OPTIONS:
            self.assertIn("-", name)

    def test_shown(self) -> None:
        """Defaults are shown as they would be written, and can be."""
        shown = {name: option.shown for name, option in OPTIONS.items()}
        self.assertEqual(
            [shown[name] for name in ("max-head", "max-message", "max-connections", "ping-interval")],
            ["16K", "1M", "10000", "20"],
        )
        self.assertEqual(
            [shown[name] for name in ("message-rate", "byte-rate", "rate-policy", "hook-timeout")],
            ["off", "off", "close", "off"],
        )
        for name, text in shown.items():
            if text != "off" or name.endswith("rate"):
                field, value = parseLimit(name, text)
                self.assertEqual(value, getattr(Limits(), field))

    def test_parse(self) -> None:
        """What cannot be is said with the option's name."""
        self.assertEqual(parseLimit("max-message", "16K"), ("maxMessage", 16384))
        self.assertEqual(parseLimit("hook-timeout", "0"), ("hookTimeout", 0))
        for name, text, why in (
            ("max-message", "0", "max-message: '0'"),
            ("ping-interval", "0", "ping-interval: '0' is too little: it must be more than 0"),
            ("message-rate", "fast", "message-rate: 'fast' is not a rate"),
            ("rate-policy", "stop", "rate-policy: 'stop' is not one of close, slow"),
        ):
            self.assertIn(why, str(self.assertRaises(ValueError, parseLimit, name, text)))


class OfAppTests(SynchronousTestCase):
    """Limits of an application's own."""

    def test_own(self) -> None:
        """They stand in the place of the server's; the others are the server's."""
        found = ofApp(Limits(maxQueue=3), {"maxMessage": 100, "messageRate": 2, "ratePolicy": "slow"}, "chat")
        self.assertEqual(found, Limits(maxQueue=3, maxMessage=100, messageRate=2, ratePolicy="slow"))
        self.assertEqual(ofApp(Limits(maxQueue=3), {}, "chat"), Limits(maxQueue=3))

    def test_every(self) -> None:
        """All that can be an application's can be given."""
        for field in PER_APP:
            value = getattr(Limits(), field)
            self.assertEqual(ofApp(Limits(), {field: value}, "chat"), Limits())

    def test_wrong(self) -> None:
        """What is none, or not an application's, or cannot be so."""
        for own, why in (
            ({"maxHead": 5}, "chat: maxHead is the whole server's: an application's limits are"),
            ({"max-message": 5}, "chat: max-message is no limit"),
            ({"maxMessage": 0}, "chat: maxMessage is 0: it must be more than 0"),
            ({"maxMessage": "16K"}, "chat: maxMessage is '16K': it must be int"),
            ({"maxMessage": 1.5}, "chat: maxMessage is 1.5: it must be int"),
            ({"maxMessage": True}, "chat: maxMessage is True: it must be int"),
            ({"messageRate": "5"}, "chat: messageRate is '5': it must be float"),
            ({"ratePolicy": "stop"}, "chat: ratePolicy is 'stop': it must be close or slow"),
            ({"ratePolicy": 5}, "chat: ratePolicy is 5: it must be str"),
        ):
            given: dict[str, Any] = dict(own)
            self.assertIn(why, str(self.assertRaises(ValueError, ofApp, Limits(), given, "chat")))

    def test_served(self) -> None:
        """Each application's clients have its own, and no others."""

        class Small(App):
            limits = {"maxMessage": 10, "closeTimeout": 1}

        server = TestServer({"small": Small(), "big": App()}, limits=Limits(maxMessage=100))
        self.addCleanup(server.stop)
        small, big = server.connect("/small"), server.connect("/big")
        for client in (small, big):
            client.send("x" * 50)
        self.assertEqual(small.closed, (1009, "a message is larger than 10 bytes"))
        self.assertIsNone(big.closed)
        big.send("x" * 101)
        self.assertEqual(big.closed, (1009, "a message is larger than 100 bytes"))

    def test_notServed(self) -> None:
        """A server does not begin with what cannot be."""

        class Wrong(App):
            limits = {"maxHead": 10}

        self.assertRaises(ValueError, TestServer, Wrong())
