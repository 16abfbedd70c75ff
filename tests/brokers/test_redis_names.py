"""Tests of `wsapp.brokers.redis.names`: keys, and how publications and members are written."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.brokers.suite import LOBBY, OTHERS
from wsapp.brokers import Dismissal, Member, Publication
from wsapp.brokers.redis.names import Names, memberFrom, pack, parse, shown


class NamesTests(SynchronousTestCase):
    """Keys."""

    def test_apart(self) -> None:
        """No two things have one key."""
        names = Names("p", 0)
        channels = [LOBBY, *OTHERS, LOBBY._replace(app="chat:lobby", name=""), LOBBY._replace(app="ch at")]
        keys = [
            key(channel)
            for channel in channels
            for key in (names.stream, names.place, names.members, names.news)
        ]
        keys += [names.origin, names.nodes, names.turn, names.list + b"1", names.sequence(b"1")]
        self.assertEqual(len(keys), len(set(keys)))
        self.assertTrue(all(key.startswith(b"p:") for key in keys))

    def test_database(self) -> None:
        """Pub/sub channels have the database in their names, for Redis has one space of them for all."""
        self.assertNotEqual(Names("p", 0).news(LOBBY), Names("p", 1).news(LOBBY))
        self.assertEqual(Names("p", 0).stream(LOBBY), Names("p", 1).stream(LOBBY))

    def test_surrogates(self) -> None:
        """Whatever a str may hold can be a name."""
        self.assertIsInstance(Names("p", 0).stream(LOBBY._replace(name="\ud800")), bytes)


class PayloadTests(SynchronousTestCase):
    """What is published."""

    @given(
        st.one_of(st.text(), st.binary()),
        st.frozensets(st.text(max_size=5), max_size=3),
        st.booleans(),
        st.integers(1, 2**53),
    )
    def test_publication(
        self, message: str | bytes, exclude: frozenset[str], kept: bool, offset: int
    ) -> None:
        """It comes back as it was, and its size is the message's."""
        payload, size = pack(message, exclude, kept)
        self.assertEqual(size, len(message if isinstance(message, bytes) else message.encode()))
        notice = parse(b"ab.1 %d %d 1500 me 7\n" % (offset, offset - 1) + payload)
        place: tuple[str, int] = ("ab.1", offset) if kept else ("", 0)
        self.assertEqual(notice.item, Publication(message, *place, 1.5, exclude))
        self.assertEqual(notice[:5], ("ab.1", offset, offset - 1, b"me", 7))

    @given(st.integers(1000, 4999), st.text(max_size=40))
    def test_dismissal(self, code: int, reason: str) -> None:
        """An order to close too."""
        payload, _ = pack(Dismissal(code, reason), frozenset(), False)
        self.assertEqual(parse(b"e 1 0 1 p 1\n" + payload).item, Dismissal(code, reason))

    @given(st.binary())
    def test_others(self, data: bytes) -> None:
        """What somebody else writes there is a ValueError, whatever it is."""
        for notice in (data, b"e 1 0 1 p 1\n" + b"x" + data, b"e 1 0 1 p\n" + data, b"e x 0 1 p 1\nt" + data):
            self.assertRaises(ValueError, parse, notice)

    def test_excludes(self) -> None:
        """Who is left out has to be a list of ids."""
        for left in (b"7", b"null", b"[7]", b'{"a": 1}', b"[" * 100_000, b"\xff"):
            payload = b"t" + len(left).to_bytes(4, "big") + left
            self.assertRaises(ValueError, parse, b"e 1 0 1 p 1\n" + payload)

    @given(st.binary(max_size=12))
    def test_cut(self, data: bytes) -> None:
        """So is what is cut short, or is no JSON, no UTF-8."""
        for kind in (b"t", b"d", b"B"):
            try:
                parse(b"e 1 0 1 p 1\n" + kind + data)
            except ValueError as error:
                self.assertIn("no publication of wsapp's", str(error))


class MemberTests(SynchronousTestCase):
    """Who is listed."""

    @given(
        st.text(),
        st.one_of(st.none(), st.text()),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)
            ),
        ),
    )
    def test_member(self, identity: str, user: str | None, info: Any) -> None:
        """They come back as they were."""
        member = Member(identity, user, info)
        self.assertEqual(memberFrom(identity.encode("utf-8", "surrogatepass"), shown(member)), member)

    def test_others(self) -> None:
        """What somebody else writes there is a ValueError."""
        for name, told in (
            (b"a", b""),
            (b"a", b"7"),
            (b"a", b"[1]"),
            (b"\xff", b"[1, 2]"),
            (b"a", b"[" * 100_000),
        ):
            self.assertRaises(ValueError, memberFrom, name, told)
