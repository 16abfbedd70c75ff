"""Each line of what a hostile or broken peer can do, with the tests that hold what happens instead.

The lines are those of the plan's list of attacks, in its order, and what audits have added; a test may
stand for several.  This module holds that each line has tests and that they exist; what they say is theirs.
"""

from __future__ import annotations

import ast
import importlib
import unittest
from pathlib import Path

LIVE = Path(__file__).with_name("live")

WIRE = "tests.wire.test_"
HANDSHAKE = "tests.live.test_attacks_handshake."
PLAIN = HANDSHAKE + "PlainTests."
FRAMES = "tests.live.test_attacks_frames."
FLOW = "tests.live.test_attacks_flow."
PROCESS = "tests.live.test_attacks_process."
HYBI = WIRE + "hybi.Rfc6455ServerTests."
DEFLATE = WIRE + "hybi_deflate.SharedServerTests."

LINES: dict[str, tuple[str, ...]] = {
    # the opening handshake
    "head trickled, partial line": (
        "tests.test_connection.HandshakeTimeTests",
        HANDSHAKE + "SlowTests.test_timeout",
    ),
    "TLS hello or garbage on a plain port": (
        "tests.test_connection.GarbageTests",
        HANDSHAKE + "WrongTests.test_notHttp",
    ),
    "head, line, count of headers over the limit": (
        WIRE + "http.BoundTests",
        HANDSHAKE + "SlowTests.test_floods",
    ),
    "control characters, obs-fold, names that are no tokens; latin-1 kept; nothing reflected": (
        WIRE + "http.BadHeaderTests",
        WIRE + "http.HeadTests.test_highBytes",
        "tests.test_connection.GarbageTests.test_nothingReflected",
        HANDSHAKE + "WrongTests.test_refused",
    ),
    "missing or repeated fields, bad keys, methods, versions": (
        WIRE + "handshake.UpgradeTests",
        WIRE + "handshake.HybiTests",
        "tests.test_deciding.RefusedTests",
        HANDSHAKE + "WrongTests.test_refused",
    ),
    "a body with an upgrade": (
        WIRE + "handshake.UpgradeTests.test_body",
        "tests.test_deciding.RefusedTests.test_body",
        "tests.test_plainhttp.RequestTests.test_ambiguous",
    ),
    "cross-origin, rebinding": (
        "tests.test_hijacking.HijackingTests",
        "tests.test_origins.HostTests",
        HANDSHAKE + "WrongTests.test_refused",
    ),
    "a PROXY header that is wrong, or never ends": ("tests.test_announced.AnnouncedTests",),
    "too many connections, too many handshakes": (
        "tests.test_admission.ServedTests",
        "tests.test_admission.RateTests",
        HANDSHAKE + "WrongTests.test_tooMany",
    ),
    "hixie-76 without its 8 bytes": (
        "tests.test_deciding.Hixie76Tests.test_never",
        HANDSHAKE + "SlowTests.test_timeout",
    ),
    "a hixie length or text that never ends": (
        WIRE + "hixie.Hixie76Tests.test_lengthThatNeverEnds",
        WIRE + "hixie.Hixie76Tests.test_textWithoutEnd",
        HANDSHAKE + "WrongTests.test_hixie",
    ),
    "hixie frames that say nothing": (
        WIRE + "hixie.Hixie76Tests.test_discardedCounts",
        "tests.test_rates.CloseTests.test_discarded",
        HANDSHAKE + "WrongTests.test_hixieDiscarded",
    ),
    # plain HTTP
    "forms that are costly to parse, or cannot be": (
        "tests.web.test_site.SiteTests.test_forms",
        "tests.admin.test_site.HealthTests.test_form",
        PLAIN + "test_forms",
    ),
    "thousands of requests in one read": (
        "tests.test_plainhttp.RequestTests.test_thousandsInOneRead",
        "tests.test_plainhttp.FairTests",
        PLAIN + "test_pipelined",
    ),
    "a body in very many chunks": (
        "tests.test_plainhttp.FairTests.test_manyChunks",
        WIRE + "http_body.BodyTests.test_aFewLines",
        PLAIN + "test_chunks",
    ),
    "a descriptor for each body": ("tests.web.test_site.SiteTests.test_bodies",),
    # the admin port
    "connections that keep probes out": ("tests.admin.test_site.CrowdTests",),
    "wrong tokens that keep the operator out": (
        "tests.admin.test_site.LoginTests.test_wrong",
        "tests.admin.test_gate.GateTests.test_tries",
    ),
    # frames
    "frames that the RFC forbids": (
        HYBI + "test_wrongMask",
        HYBI + "test_reservedBits",
        HYBI + "test_reservedBitOnContinuation",
        HYBI + "test_reservedOpcodes",
        HYBI + "test_fragmentedControl",
        HYBI + "test_longControl",
        HYBI + "test_continuationOfNothing",
        HYBI + "test_messageAmidMessage",
        HYBI + "test_longerLengthThanNeeded",
        HYBI + "test_lengthWithTopBit",
        FRAMES + "WrongTests.test_violations",
    ),
    "declared length over the limit, near 2^63": (
        HYBI + "test_declaredLengthOverLimit",
        WIRE + "work.KeptTests.test_declaredIsNotAllocated",
        FRAMES + "WrongTests.test_lengths",
    ),
    "a million fragments": (
        WIRE + "work.ManyFragmentsTests",
        WIRE + "work.CallsTests.test_fragments",
        "tests.test_delivery.FairTests.test_fragments",
        FRAMES + "ManyTests.test_fragments",
    ),
    "bytes one at a time, a dribble of unfinished frames": (
        WIRE + "work.EveryWireTests.test_oneByteAtATime",
        WIRE + "work.CopiesTests.test_dribbleMovesLittle",
        FRAMES + "ManyTests.test_bytes",
    ),
    "invalid UTF-8, bad closes": (
        HYBI + "test_invalidTextFailsFast",
        HYBI + "test_closeCodes",
        HYBI + "test_closeBody",
        FRAMES + "WrongTests.test_violations",
    ),
    "decompression bomb, bad deflate, bad offers": (
        DEFLATE + "test_bomb",
        DEFLATE + "test_badDeflate",
        WIRE + "handshake.HybiTests.test_extensions",
        FRAMES + "DeflateTests.test_bomb",
        FRAMES + "DeflateTests.test_badData",
    ),
    "a burst that inflates 1000:1; very many cheap messages in one read": (
        DEFLATE + "test_burst",
        "tests.test_delivery.FairTests",
        FRAMES + "DeflateTests.test_burst",
        FRAMES + "ManyTests.test_emptyMessages",
        FRAMES + "ManyTests.test_emptyEcho",
    ),
    # flow
    "flood of pings by who does not read": (
        "tests.test_websocket.SendTests.test_pingFlood",
        FLOW + "DeafTests.test_pings",
    ),
    "flood of new keys (TLS) by who does not read": (
        "tests.loop.test_secured.SecuredTests.test_unreadAnswers",
        "tests.test_unread.UnreadTests.test_flood",
    ),
    "echo or broadcast to who does not read": (
        "tests.test_websocket.SendTests.test_fullPausesReading",
        "tests.test_websocket.SendTests.test_stalled",
        "tests.test_backlog.DropTests",
        FLOW + "DeafTests.test_echo",
        FLOW + "DeafTests.test_broadcast",
    ),
    "who never reads and never answers": (
        "tests.test_websocket.LifeTests.test_fullBufferDoesNotSuspend",
        FLOW + "DeafTests.test_neitherReadsNorAnswers",
    ),
    "who vanished, half-closed, was reset": (
        "tests.test_keepalive.SilenceTests.test_vanished",
        "tests.test_websocket.EndTests.test_gone",
        "tests.live.test_wire.HybiTests.test_deadClient",
        FLOW + "EndTests.test_reset",
    ),
    "no closing handshake, data after a Close": (
        "tests.test_websocket.CloseTests.test_notAnswered",
        HYBI + "test_discardsAfterTheEnd",
        FLOW + "EndTests.test_noClosingHandshake",
        FLOW + "EndTests.test_afterClose",
    ),
    "messages faster than the hook": (
        "tests.test_delivery.PressureTests",
        "tests.test_websocket.HookTests.test_readingPauses",
        FLOW + "FastTests.test_slowHook",
    ),
    "clients that come, send and go faster than their hooks": (
        "tests.test_admission.ServedTests.test_hooksThatRun",
        "tests.test_admission.ServedTests.test_hooksGivenUp",
    ),
    "rate over the limit": ("tests.test_rates.CloseTests", "tests.test_rates.SlowTests"),
    "slow downloads, dripped bodies": ("tests.test_plainhttp.PaceTests",),
    # the process
    "out of file descriptors": (
        "tests.loop.test_transports.PortTests.test_fewDescriptors",
        "tests.loop.test_transports.PortTests.test_noDescriptorBeforeTheFirst",
        "tests.test_descriptors.RaiseTests",
        PROCESS + "DescriptorTests.test_shortage",
    ),
    "thousands who come and go": (
        "tests.test_heap.GiveBackTests",
        "tests.test_heap.HeapTests.test_givesBack",
        "tests.test_connection.NothingLeftTests",
        PROCESS + "LeftTests.test_nothing",
    ),
    "SIGTERM with clients connected; a second one": (
        "tests.test_service.StopTests",
        "tests.live.test_process.SignalTests",
        PROCESS + "StopTests.test_nothingLost",
        PROCESS + "StopTests.test_secondTerm",
    ),
    "no traceback, no stack of log lines, no exit": (
        "tests.test_connection.GarbageTests.test_anything",
        "tests.test_incidents.ServedTests",
        "tests.test_incidents.IncidentTests.test_printable",
        "tests.test_deciding.RejectTests.test_log",
        HANDSHAKE + "WrongTests.test_refused",
    ),
}


class LineTests(unittest.TestCase):
    """The tests that are named exist."""

    def test_exist(self) -> None:
        """Each is a class with tests, or a test of a class."""
        for line, names in LINES.items():
            self.assertTrue(names, line)
            for name in names:
                with self.subTest(line=line, name=name):
                    if not name.startswith("tests.live."):
                        self.exists(name)
                    elif LIVE.is_dir():  # the unit suite may run without them
                        self.isWritten(name)

    def isWritten(self, name: str) -> None:
        """A live test is not imported: what it needs may be missing."""
        module, case, *method = name.removeprefix("tests.live.").split(".")
        tree = ast.parse((LIVE / f"{module}.py").read_text(encoding="utf-8"))
        (found,) = [each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == case]
        tests = {each.name for each in found.body if isinstance(each, ast.FunctionDef)}
        self.assertLessEqual(set(method), tests, name)
        self.assertTrue(any(each.startswith("test_") for each in tests), name)

    def exists(self, name: str) -> None:
        path, _, method = name.rpartition(".")
        if not method.startswith("test_"):
            path, method = name, ""
        module, _, case = path.rpartition(".")
        found = getattr(importlib.import_module(module), case)
        self.assertTrue(issubclass(found, unittest.TestCase), name)
        if method:
            self.assertTrue(callable(getattr(found, method)), name)
        else:
            self.assertTrue(any(each.startswith("test_") for each in dir(found)), name)
