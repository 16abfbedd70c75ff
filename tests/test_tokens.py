"""Tests of `wsapp.tokens`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import wsapp
from wsapp import tokens
from wsapp.tokens import BadToken, Keys, Token, mint, verify

SECRET = b"only for tests, and long enough to be a key"
NOW = 1_000_000.0


def encoded(data: bytes) -> str:
    """base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(payload: object, head: object = None, key: bytes = SECRET) -> str:
    """A token made by hand, of whatever it is to say."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode()
        for part in (head or {"alg": "HS256"}, payload)
    ]
    text = ".".join(map(encoded, parts))
    return f"{text}.{encoded(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def said(**claims: Any) -> dict[str, Any]:
    """What a good token says, with changes; None leaves out."""
    full = {"sub": "ann", "aud": "chat", "exp": NOW + 60, **claims}
    return {name: value for name, value in full.items() if value is not None}


class TokenCase(SynchronousTestCase):
    """With a key."""

    def setUp(self) -> None:
        self.keys = Keys(SECRET)

    def good(self, token: str, **options: Any) -> Token:
        """The token is believed."""
        return verify(self.keys, token, "chat", **{"now": NOW, **options})

    def bad(self, token: str, why: str, **options: Any) -> None:
        """It is not; the error says why, and nothing of the token."""
        error = self.assertRaises(BadToken, self.good, token, **options)
        self.assertIn(why, str(error))
        for part in re.findall("[^.]{9,}", token):
            self.assertNotIn(part, str(error))


class MintTests(TokenCase):
    """What is minted."""

    def test_roundTrip(self) -> None:
        """User, end of the session, claims."""
        token = mint(self.keys, "Änn", "chat", claims={"room": "kitchen", "level": 3}, now=NOW)
        found = self.good(token)
        self.assertEqual((found.user, found.expires), ("Änn", NOW + 3600))
        self.assertEqual(found.claims, {"room": "kitchen", "level": 3})

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
    def test_anyUser(self, user: str) -> None:
        """Whoever has a name, in characters that a header and a subprotocol take."""
        token = mint(self.keys, user, "chat", now=NOW)
        self.assertRegex(token, r"\A[A-Za-z0-9_.-]+\Z")
        self.assertEqual(self.good(token).user, user)

    def test_session(self) -> None:
        """It ends when it is said to, or with the token."""
        self.assertEqual(self.good(mint(self.keys, "a", "chat", session=7200, now=NOW)).expires, NOW + 7200)
        self.assertEqual(self.good(mint(self.keys, "a", "chat", session=None, now=NOW)).expires, NOW + 60)

    def test_systemsTime(self) -> None:
        """Without a time it is now."""
        with mock.patch("wsapp.tokens.time.time", return_value=NOW):
            token = mint(self.keys, "ann", "chat")
            self.assertEqual(verify(self.keys, token, "chat").expires, NOW + 3600)
        self.assertEqual(self.good(token).user, "ann")

    def test_wrong(self) -> None:
        """What makes no sense is said to whoever mints."""
        for options, why in (
            ({"user": ""}, "user is empty"),
            ({"audience": ""}, "audience is empty"),
            ({"lifetime": 0}, "lifetime is 0"),
            ({"lifetime": 86401}, "lifetime is 86401"),
            ({"lifetime": float("nan")}, "lifetime is nan"),
            ({"session": 0}, "session is 0"),
            ({"session": float("inf")}, "session is inf"),
            ({"claims": {"sub": "bob"}}, "sub: the arguments"),
            ({"claims": {"expire_at": 1}}, "expire_at: the arguments"),
            ({"claims": {"when": object()}}, "plain JSON"),
            ({"claims": {"x": float("nan")}}, "JSON"),
            ({"claims": {"x": "y" * 4000}}, "at most 4096"),
            ({"user": "\ud800"}, None),
        ):
            arguments: dict[str, Any] = {"user": "ann", "audience": "chat", **options}
            if why is None:
                token = mint(self.keys, **arguments, now=NOW)
                self.bad(token, "no user")
                continue
            error = self.assertRaises(ValueError, mint, self.keys, **arguments)
            self.assertIn(why, str(error))
        self.assertIn("str(7)", str(self.assertRaises(TypeError, mint, self.keys, 7, "chat")))
        self.assertRaises(TypeError, mint, self.keys, "ann", None)

    def test_long(self) -> None:
        """What can be minted can be read."""
        token = mint(self.keys, "ann", "chat", claims={"x": "y" * 2880}, now=NOW)
        self.assertGreater(len(token), 4000)
        self.assertEqual(self.good(token).user, "ann")


class VerifyTests(TokenCase):
    """What is believed."""

    def test_standard(self) -> None:
        """The example of RFC 7515 A.1 is signed well; that it names nobody is another matter."""
        key = base64.urlsafe_b64decode(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
        )
        token = (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        )
        error = self.assertRaises(BadToken, verify, Keys(key), token, "chat", now=1300819379)
        self.assertIn("no user", str(error))
        error = self.assertRaises(BadToken, verify, self.keys, token, "chat", now=1300819379)
        self.assertIn("not signed", str(error))

    def test_othersMint(self) -> None:
        """One that PyJWT 2.15 has made: several audiences, a key's name, no end of the session."""
        token = (
            "eyJhbGciOiJIUzI1NiIsImtpZCI6IjciLCJ0eXAiOiJKV1QifQ"
            ".eyJzdWIiOiJhbm4iLCJhdWQiOlsiY2hhdCIsIm90aGVyIl0sImV4cCI6MTAwMDA2MCwicm9vbSI6ImtpdGNoZW4ifQ"
            ".HGpOSWICKE8xvqfddntlypxF9Q1tHndbTP1VxUWfGRw"
        )
        found = self.good(token)
        self.assertEqual((found.user, found.expires), ("ann", NOW + 60))
        self.assertEqual(found.claims, {"room": "kitchen"})
        self.assertEqual(verify(self.keys, token, "other", now=NOW).user, "ann")

    def test_shape(self) -> None:
        """What is no token."""
        for token in (
            "",
            ".",
            "..",
            "a.b",
            "a.b.c.d",
            "a b.c.d",
            "é.b.c",
            "a.b.c\n",
            "a=.b=.c=",
            "\ud800.b.c",
        ):
            self.bad(token, "not a token")
        self.bad("a" * 5000, "too long")

    def test_everyBit(self) -> None:
        """No character of it can be another one, and none be missing."""
        token = mint(self.keys, "ann", "chat", now=NOW)
        for place, character in enumerate(token):
            for other in {"A", "B", "_", ".", chr(ord(character) ^ 1)} - {character}:
                changed = token[:place] + other + token[place + 1 :]
                self.assertRaises(BadToken, self.good, changed)
            self.assertRaises(BadToken, self.good, token[:place] + token[place + 1 :])

    def test_signedFirst(self) -> None:
        """Nothing is parsed of what we have not signed."""
        for payload in (b"[" * 2000, b"{", b"\xff"):
            self.bad(jwt(payload, key=b"x" * 32), "not signed")
        with mock.patch("wsapp.tokens.json.loads", side_effect=AssertionError):
            self.assertRaises(BadToken, self.good, jwt(said(), key=b"x" * 32))

    def test_algorithms(self) -> None:
        """No other algorithm, least of all none, and no extensions that must be understood."""
        for name in ("none", "None", "HS512", "RS256", "hs256", None, ["HS256"]):
            self.bad(jwt(said(), {"alg": name}), "HS256")
        self.bad(jwt(said(), {"alg": "HS256", "crit": ["exp"], "exp": 1}), "HS256")
        head, payload, _ = jwt(said(), {"alg": "none"}).split(".")
        self.bad(f"{head}.{payload}.", "not a token")

    def test_notObjects(self) -> None:
        """Signed, but not JSON's objects."""
        for payload in (b"[]", b"1", b'"a"', b"{", b"\xff", b"[" * 2900, b""):
            token = jwt(payload)
            self.bad(token, "JSON objects" if payload else "not a token")
        self.bad(jwt(said(), b"[1]"), "JSON objects")

    def test_who(self) -> None:
        """A user that can be named."""
        for user in (None, "", 7, ["ann"], {"a": 1}, "\ud800"):
            self.bad(jwt(said(sub=user)), "no user")

    def test_forWhom(self) -> None:
        """An audience, and ours among several."""
        for audience in (None, "other", "", "Chat", "chat ", [], ["other"], 7, {"chat": 1}, [["chat"]]):
            self.bad(jwt(said(aud=audience)), "another application")
        self.assertEqual(self.good(jwt(said(aud=["other", "chat"]))).user, "ann")

    def test_until(self) -> None:
        """To the second, but for the skew."""
        token = jwt(said())
        self.good(token, now=NOW + 69.9)
        self.bad(token, "has expired", now=NOW + 70)
        self.good(token, now=NOW + 59.9, skew=0)
        self.bad(token, "has expired", now=NOW + 60, skew=0)
        self.bad(token, "has expired", now=NOW + 120, skew=60)

    def test_notYet(self) -> None:
        """Nor before its time."""
        for name in ("nbf", "iat"):
            token = jwt(said(**{name: NOW + 20}))
            self.bad(token, f"not good yet ({name})", now=NOW + 9)
            self.good(token, now=NOW + 10)
            self.bad(token, "not good yet", now=NOW + 19, skew=0)

    def test_tooLong(self) -> None:
        """A token is for a day at most, whoever mints it."""
        self.good(jwt(said(exp=NOW + 86400)))
        self.bad(jwt(said(exp=NOW + 86411)), "longer than a day")

    def test_sessionOver(self) -> None:
        """A token for a session that is over opens none."""
        self.bad(jwt(said(expire_at=NOW - 10)), "session")
        self.bad(jwt(said(expire_at=0)), "session")
        self.assertEqual(self.good(jwt(said(expire_at=NOW + 1))).expires, NOW + 1)

    def test_times(self) -> None:
        """Times are numbers of this age."""
        self.bad(jwt(said(exp=None)), "when it ends")
        for name in ("exp", "nbf", "iat", "expire_at"):
            wrong: tuple[object, ...] = ("1", True, [], -1, 1e13, 10**300)
            for value in wrong:
                self.bad(jwt(said(**{name: value})), f"{name} is not a time")
        payload = json.dumps(said()).replace(str(NOW + 60), "%s")
        for text in ("1e999", "NaN", "Infinity"):
            self.bad(jwt((payload % text).encode()), "exp is not a time")

    def test_skewIsBounded(self) -> None:
        """Or tokens would hardly end."""
        for skew in (-1, 61, float("nan")):
            self.assertRaises(ValueError, self.good, jwt(said()), skew=skew)

    def test_shownWithoutSecrets(self) -> None:
        """Neither keys nor claims are in what is logged."""
        self.assertEqual(repr(Keys(SECRET, SECRET)), "<2 keys>")
        shown = repr(self.good(jwt(said(password="x"))))
        self.assertEqual(shown, "<Token for 'ann' until 1000060>")


class KeysTests(TokenCase):
    """The keys, and changing them."""

    def test_rotation(self) -> None:
        """The first signs; each is believed, until it is taken away."""
        old, new = b"o" * 32, b"n" * 32
        token = mint(Keys(old), "ann", "chat", now=NOW)
        self.keys = Keys(new, old)
        self.assertEqual(self.good(token).user, "ann")
        fresh = mint(self.keys, "ann", "chat", now=NOW)
        self.keys = Keys(new)
        self.assertEqual(self.good(fresh).user, "ann")
        self.bad(token, "not signed")

    def test_wrong(self) -> None:
        """None, too many, and too short ones."""
        self.assertIn("0 keys", str(self.assertRaises(ValueError, Keys)))
        self.assertIn("17 keys", str(self.assertRaises(ValueError, Keys, *[SECRET] * 17)))
        error = str(self.assertRaises(ValueError, Keys, SECRET, "secret"))
        self.assertIn("a key of 6 bytes", error)
        self.assertNotIn("'secret'", error)

    def test_text(self) -> None:
        """A key in text is its UTF-8."""
        self.keys = Keys("ü" * 16)
        self.good(jwt(said(), key=("ü" * 16).encode()))

    def file(self, text: str) -> Path:
        path = Path(self.mktemp())
        path.write_text(text)
        return path

    def test_file(self) -> None:
        """One a line, with comments."""
        path = self.file(f"# 2026-11\n{'n' * 32}\n\n  {'o' * 32}  \r\n")
        self.keys = Keys.fromFile(path)
        self.assertEqual(repr(self.keys), "<2 keys>")
        self.good(jwt(said(), key=b"o" * 32))
        self.assertEqual(mint(self.keys, "a", "b", now=1), mint(Keys("n" * 32), "a", "b", now=1))

    def test_noFile(self) -> None:
        """What is wrong is said with the file's name."""
        missing = self.mktemp()
        self.assertIn(missing, str(self.assertRaises(ValueError, Keys.fromFile, missing)))
        for text, why in (("# nothing\n", "0 keys"), ("short\n", "5 bytes")):
            path = self.file(text)
            error = str(self.assertRaises(ValueError, Keys.fromFile, str(path)))
            self.assertIn(f"{path}: ", error)
            self.assertIn(why, error)

    def test_constantTime(self) -> None:
        """Signatures are compared by hmac alone, with every key, whether or not one fits before."""
        keys = Keys(SECRET, b"o" * 32)
        with mock.patch("wsapp.tokens.hmac.compare_digest", wraps=hmac.compare_digest) as compare:
            verify(keys, jwt(said()), "chat", now=NOW)
            self.assertEqual(compare.call_count, 2)
            compare.return_value = False
            self.assertRaises(BadToken, verify, keys, jwt(said()), "chat", now=NOW)


class WeightTests(SynchronousTestCase):
    """What it costs a website."""

    def test_light(self) -> None:
        """No Twisted, nothing that is not Python's own."""
        run = subprocess.run(
            [sys.executable, "-c", "import sys, wsapp.tokens; print(*sys.modules)"],
            env={**os.environ, "PYTHONPATH": str(Path(wsapp.__file__).parents[1])},
            capture_output=True,
            text=True,
            check=True,
        )
        ours = {name for name in run.stdout.split() if name.startswith("wsapp")}
        self.assertEqual(ours, {"wsapp", "wsapp.errors", "wsapp.tokens"})
        self.assertEqual(
            {name.split(".")[0] for name in run.stdout.split()} & {"twisted", "zope", "OpenSSL"}, set()
        )

    def test_bounds(self) -> None:
        """As the documentation has them."""
        self.assertEqual((tokens.LONGEST_LIFE, tokens.MOST_SKEW, tokens.MOST_CHARACTERS), (86400, 60, 4096))
