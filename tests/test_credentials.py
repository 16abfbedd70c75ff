"""Tests of `wsapp.credentials`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from wsapp import credentials
from wsapp.credentials import Credentials, basic


def b64(text: str | bytes) -> str:
    """In base64."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class BasicTests(SynchronousTestCase):
    """RFC 7617."""

    def test_standard(self) -> None:
        """The examples of RFC 7617 2 and 2.1."""
        for value, user, password in (
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
            ("Basic dGVzdDoxMjPCow==", "test", "123£"),
        ):
            found = basic([value])
            assert found is not None
            self.assertEqual((found.user, found.password), (user, password))

    def test_good(self) -> None:
        """Any case of the scheme; colons in the password; either of them empty; latin-1 of old clients."""
        for value, pair in (
            (f"basic {b64('a:b')}", ("a", "b")),
            (f"BASIC   {b64('a:b')} ", ("a", "b")),
            (f"Basic {b64('a:b:c')}", ("a", "b:c")),
            (f"Basic {b64(':')}", ("", "")),
            (f"Basic {b64(b'J' + bytes([0xFC]) + b'rg:x')}", ("Jürg", "x")),
        ):
            found = basic([value])
            assert found is not None, value
            self.assertEqual((found.user, found.password), pair)

    def test_none(self) -> None:
        """What is absent, malformed, of another scheme, or there twice."""
        for values in (
            [],
            [""],
            ["Basic"],
            ["Basic "],
            [f"Basic{b64('a:b')}"],
            [f"Bearer {b64('a:b')}"],
            [f"Basic {b64('no colon')}"],
            [f"Basic {b64('a:b')[:-1]}"],
            [f"Basic {b64('a:b')}, Basic {b64('a:b')}"],
            ["Basic YTp i"],
            ["Basic YTpi\x00"],
            ["Basic \xff\xfe"],
            ["Basic YTpi!!"],
            ["Basic _-_-"],
            [f"Basic {b64('a:b' + chr(10))}"],
            [f"Basic {b64('a' + chr(0) + ':b')}"],
            [f"Basic {b64('a:b')}", f"Basic {b64('a:b')}"],
        ):
            self.assertIsNone(basic(values), values)

    @given(st.text(st.characters(max_codepoint=255)))
    def test_anything(self, value: str) -> None:
        """Nothing that a header can hold raises."""
        basic([value])
        basic(["Basic " + value])
        credentials.token([value], ["Bearer " + value])

    def test_match(self) -> None:
        """Both have to be right, and both are always compared, by hmac."""
        given = Credentials("ann", "pässword")
        self.assertTrue(given.match("ann", "pässword"))
        for user, password in (("ann", "pässwor"), ("bob", "pässword"), ("bob", ""), ("", "pässword")):
            with mock.patch("wsapp.credentials.hmac.compare_digest", return_value=False) as compare:
                given.match(user, password)
                self.assertEqual(compare.call_count, 2)
            self.assertFalse(given.match(user, password))

    def test_shown(self) -> None:
        """Without the password."""
        self.assertEqual(repr(Credentials("ann", "secret")), "<Credentials of 'ann'>")


class TokenTests(SynchronousTestCase):
    """Tokens by subprotocol and by header."""

    def test_subprotocol(self) -> None:
        """The one that begins so; none is better than two."""
        for offered, token in (
            ((), None),
            (("chat",), None),
            (("chat", "token.a.b.c"), "a.b.c"),
            (("token.a.b.c", "chat"), "a.b.c"),
            (("token.a", "token.b"), None),
            (("token.a", "token.a"), None),
            (("token.",), None),
            (("token",), None),
            (("Token.a",), None),
            (("xtoken.a",), None),
        ):
            self.assertEqual(credentials.token(offered, []), token, offered)

    def test_bearer(self) -> None:
        """RFC 6750 2.1; the subprotocol comes first, even where it is no good."""
        self.assertEqual(credentials.token(["chat"], ["Bearer a.b.c"]), "a.b.c")
        self.assertEqual(credentials.token([], ["bearer a.b.c"]), "a.b.c")
        self.assertEqual(credentials.token(["token.x"], ["Bearer a.b.c"]), "x")
        for values in (["Bearer"], ["Basic a.b.c"], ["Bearer a b"], ["Bearer a", "Bearer b"]):
            self.assertIsNone(credentials.token([], values))
        self.assertIsNone(credentials.token(["token.x", "token.y"], ["Bearer a.b.c"]))

    def test_withoutTokens(self) -> None:
        """What can be agreed to."""
        self.assertEqual(
            credentials.withoutTokens(["a", "token.b", "token", "token.", "c"]), ("a", "token", "c")
        )
