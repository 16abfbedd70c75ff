"""Tests of `wsapp.wire.versions`."""

from __future__ import annotations

from tests.wire.case import Case
from tests.wire.machines import atOnce, frame
from tests.wire.test_handshake import EVERY, HIXIE_75, HIXIE_76, RFC, head, without
from wsapp.errors import BadRequest, HandshakeError, UnsupportedVersion
from wsapp.limits import Limits
from wsapp.wire.deflate import Compression, sharedDeflater
from wsapp.wire.hixie import HixieReceiver, HixieSender
from wsapp.wire.selection import HybiReceiver, HybiSender
from wsapp.wire.versions import VERSIONS, Opening, Receiver, Sender, isUpgrade, negotiate, parseVersions


def version(number: str) -> list[str]:
    """A request of today's framing that says another version."""
    return [*without(RFC, "Sec-WebSocket-Version"), f"Sec-WebSocket-Version: {number}"]


class ListTests(Case):
    """The list of versions."""

    def test_everyBrowserVersion(self) -> None:
        """Newest first, each with what sets it apart."""
        self.assertEqual(
            [(each.name, each.option, each.hasClose, each.trailing) for each in VERSIONS],
            [
                ("RFC 6455", "13", True, 0),
                ("hybi-08", "8", True, 0),
                ("hybi-07", "7", True, 0),
                ("hixie-76", "hixie-76", True, 8),
                ("hixie-75", "hixie-75", False, 0),
            ],
        )

    def test_parse(self) -> None:
        """Versions by their options; one that there is not is named, with those that there are."""
        self.assertEqual({each.name for each in parseVersions(["13", "hixie-75"])}, {"RFC 6455", "hixie-75"})
        self.assertEqual(parseVersions(iter([each.option for each in VERSIONS])), EVERY)
        self.assertEqual(parseVersions([]), frozenset())
        for wrong in ("", "14", "RFC 6455", "hybi-07", " 13"):
            message = str(self.raised(ValueError, parseVersions, ["13", wrong]))
            self.assertIn(repr(wrong), message)
            self.assertIn("13, 8, 7, hixie-76, hixie-75", message)


class UpgradeTests(Case):
    """What is an opening handshake at all."""

    def test_isUpgrade(self) -> None:
        """An Upgrade header that says websocket, in any case, in a list too."""
        for value in ("websocket", "WebSocket", "h2c, websocket"):
            self.assertTrue(isUpgrade(head(f"Upgrade: {value}")))
        for lines in (
            [],
            ["Upgrade: h2c"],
            ["Upgrade: websocket2"],
            ["Upgrade: websocket/13"],
            ["Connection: websocket"],
        ):
            self.assertFalse(isUpgrade(head(*lines)))


class NegotiateTests(Case):
    """Which version it is."""

    def test_recognised(self) -> None:
        """By the version header, by the two keys, by neither."""
        for lines, name in (
            (version("13"), "RFC 6455"),
            (version("8"), "hybi-08"),
            (version("7"), "hybi-07"),
            (HIXIE_76, "hixie-76"),
            (HIXIE_75, "hixie-75"),
            ([*version("13"), *HIXIE_76[-2:]], "RFC 6455"),
        ):
            self.assertEqual(negotiate(head(*lines), EVERY).version.name, name)

    def test_unknown(self) -> None:
        """Another version: 426 with the list (RFC 6455 4.4)."""
        for number in ("0", "9", "12", "14", "013", "13.0", "", "255", "13, 8", "x", "None", "hixie-76"):
            error = self.raised(UnsupportedVersion, negotiate, head(*version(number)), EVERY)
            self.assertEqual(error.status, 426)
            self.assertEqual(
                dict(error.headers), {"Upgrade": "websocket", "Sec-WebSocket-Version": "13, 8, 7"}
            )
            self.assertIn("13, 8, 7", error.message)

    def test_repeatedVersion(self) -> None:
        """A repeated version: 400."""
        for number in ("13", "8", "99"):
            self.raised(BadRequest, negotiate, head(*RFC, f"Sec-WebSocket-Version: {number}"), EVERY)

    def test_notServed(self) -> None:
        """A version that exists and is not served: 426, with those that are."""
        served = parseVersions(["13", "hixie-75"])
        for lines in (version("8"), version("7"), HIXIE_76):
            error = self.raised(UnsupportedVersion, negotiate, head(*lines), served)
            self.assertEqual(dict(error.headers)["Sec-WebSocket-Version"], "13")
        negotiate(head(*RFC), served)
        negotiate(head(*HIXIE_75), served)
        error = self.raised(UnsupportedVersion, negotiate, head(*RFC), parseVersions(["hixie-76"]))
        self.assertIn("none", error.message)

    def test_oneKey(self) -> None:
        """One of hixie-76's keys without the other is neither version: 400."""
        for name in ("Sec-WebSocket-Key1", "Sec-WebSocket-Key2"):
            self.raised(BadRequest, negotiate, head(*without(HIXIE_76, name)), EVERY)

    def test_nothingButErrors(self) -> None:
        """A handshake with any one of its lines left out is accepted or refused, never an accident."""
        for lines in (RFC, HIXIE_75, HIXIE_76):
            for line in lines:
                try:
                    negotiate(head(*(each for each in lines if each != line)), EVERY)
                except HandshakeError as error:
                    self.assertIn(error.status, (400, 426))


class OpeningTests(Case):
    """What an opening handshake offers."""

    def test_subprotocols(self) -> None:
        """All that are offered, in order; hixie-75 has a header of its own for it."""
        lines = ["Sec-WebSocket-Protocol: b, a", "Sec-WebSocket-Protocol: c", "WebSocket-Protocol: old"]
        self.assertEqual(negotiate(head(*RFC, *lines), EVERY).subprotocols, ("b", "a", "c"))
        self.assertEqual(negotiate(head(*HIXIE_76, *lines), EVERY).subprotocols, ("b", "a", "c"))
        self.assertEqual(negotiate(head(*HIXIE_75, *lines), EVERY).subprotocols, ("old",))
        self.assertEqual(negotiate(head(*RFC), EVERY).subprotocols, ())

    def test_origin(self) -> None:
        """Sec-WebSocket-Origin counts for hybi-07 and -08 alone, and there behind Origin."""
        old, new = "Sec-WebSocket-Origin: http://old", "Origin: http://new"
        for number in ("7", "8"):
            self.assertEqual(negotiate(head(*version(number), old), EVERY).origin, "http://old")
            self.assertEqual(negotiate(head(*version(number), old, new), EVERY).origin, "http://new")
            self.assertIsNone(negotiate(head(*version(number)), EVERY).origin)
        self.assertIsNone(negotiate(head(*RFC, old), EVERY).origin)
        self.assertEqual(negotiate(head(*HIXIE_75), EVERY).origin, "http://example.com")


class FramingTests(Case):
    """The two halves that a handshake leads to."""

    def framing(
        self, *lines: str, compression: Compression = Compression.OFF, limits: Limits | None = None
    ) -> tuple[Receiver, Sender]:
        """Those of an accepted handshake."""
        opening = negotiate(head(*lines), EVERY)
        self.assertIsInstance(opening, Opening)
        return opening.framing(opening.accept(None, [], "ws://a/", compression), limits or Limits())

    def test_hixie(self) -> None:
        """Only hixie-76 closes."""
        for lines, close in ((HIXIE_75, b""), (HIXIE_76, b"\xff\x00")):
            receiver, sender = self.framing(*lines, compression=Compression.SHARED)
            self.assertIsInstance(receiver, HixieReceiver)
            self.assertIsInstance(sender, HixieSender)
            self.assertEqual(sender.close(1000, ""), close)

    def test_hybi(self) -> None:
        """A receiver of masked frames, a sender of unmasked ones, each with its version's close codes."""
        for number, code in (("7", 1004), ("8", 1004), ("13", 1009)):
            receiver, sender = self.framing(*version(number), limits=Limits(maxMessage=5))
            self.assertIsInstance(receiver, HybiReceiver)
            self.assertIsInstance(sender, HybiSender)
            self.assertEqual(atOnce(receiver, frame(2, b"abc")), [b"abc"])
            self.assertEqual(atOnce(receiver, frame(2, b"abcdef"))[0][0], 1009)
            self.assertEqual(sender.close(1009, ""), b"\x88\x02" + code.to_bytes(2, "big"))
            self.assertEqual(sender.form, HybiSender().form)

    def test_compressionOfOldVersions(self) -> None:
        """permessage-deflate is agreed to by version 13 alone."""
        offer = "Sec-WebSocket-Extensions: permessage-deflate"
        for number in ("7", "8"):
            opening = negotiate(head(*version(number), offer), EVERY)
            accepted = opening.accept(None, [], "", Compression.TAKEOVER)
            self.assertIsNone(accepted.deflation)
            self.assertNotIn(b"Extensions", accepted.head)

    def test_forms(self) -> None:
        """Peers that share a window share their bytes; one with a context of its own shares with nobody."""
        offer = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="
        twelve = [self.framing(*RFC, offer + "12", compression=Compression.SHARED)[1] for _ in range(2)]
        ten = self.framing(*RFC, offer + "10", compression=Compression.SHARED)[1]
        plain = self.framing(*RFC, compression=Compression.SHARED)[1]
        own = self.framing(*RFC, offer + "12", compression=Compression.TAKEOVER)[1]
        self.assertEqual(twelve[0].form, twelve[1].form)
        self.assertEqual(twelve[0].encode("x" * 500), twelve[1].encode("x" * 500))
        self.assertEqual(len({twelve[0].form, ten.form, plain.form, HixieSender().form}), 4)
        self.assertIsNone(own.form)
        self.assertIs(sharedDeflater(12), sharedDeflater(12))

    def test_takeover(self) -> None:
        """Both sides' contexts are kept where both agreed, and each apart."""
        for more, kept in (("", True), ("; server_no_context_takeover", False)):
            offer = f"Sec-WebSocket-Extensions: permessage-deflate{more}"
            _, sender = self.framing(*RFC, offer, compression=Compression.TAKEOVER)
            first, second = (len(sender.encode("the same text again " * 10)) for _ in range(2))
            self.assertEqual(second < first, kept)
