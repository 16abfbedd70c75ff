"""Tests of `wsapp.errors`."""

from __future__ import annotations

import http
import inspect
import unittest

from wsapp import errors
from wsapp.errors import HandshakeError, WsappError
from wsapp.wire.headers import Headers

# What each implies; a new one has to be written down here.
STATUSES = {
    "HandshakeError": 400,
    "BadRequest": 400,
    "NotAllowed": 403,
    "NoSuchApp": 404,
    "MethodNotAllowed": 405,
    "BodyTooLarge": 413,
    "LineTooLong": 414,
    "UnsupportedVersion": 426,
    "TooManyConnections": 429,
    "HeadTooLarge": 431,
    "HandshakeFailed": 500,
    "ServerFull": 503,
}


class ErrorsTests(unittest.TestCase):
    """Every exception of wsapp's own."""

    def setUp(self) -> None:
        self.classes: dict[str, type[Exception]] = {
            name: value
            for name, value in vars(errors).items()
            if inspect.isclass(value) and issubclass(value, Exception)
        }

    def test_public(self) -> None:
        """All are public, and all are wsapp's."""
        self.assertEqual(sorted(self.classes), sorted(errors.__all__))
        for each in self.classes.values():
            self.assertTrue(issubclass(each, WsappError))
            self.assertTrue(each.__doc__)

    def test_statuses(self) -> None:
        """Those that are a response say which, with a reason phrase that HTTP knows for it."""
        found = {}
        for name, each in self.classes.items():
            if issubclass(each, HandshakeError):
                found[name] = each.status
                self.assertEqual(http.HTTPStatus(each.status).value, each.status)
                self.assertRegex(each.phrase, r"\A[A-Z][A-Za-z ]+\Z")
        self.assertEqual(found, STATUSES)

    def test_refusalIsPrintable(self) -> None:
        """What a server says as its reason cannot reach a terminal's controls, or forge a line of a log."""
        error = errors.HandshakeRefused(403, "N\x1b[2J\x89\n\u2028ö", Headers([]), b"")
        self.assertEqual(str(error), "the server has answered 403 N?[2J???ö")

    def test_parts(self) -> None:
        """What the peer reads, what only the log says, and the headers of the response."""
        error = errors.MethodNotAllowed("not so", [("Allow", "GET")], detail="from 127.0.0.1")
        self.assertEqual(str(error), "not so")
        self.assertEqual(
            (error.message, error.headers, error.detail), ("not so", (("Allow", "GET"),), "from 127.0.0.1")
        )
        plain = errors.BadRequest("why")
        self.assertEqual((plain.headers, plain.detail), ((), ""))
