"""Tests of `wsapp.workers.meeting`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import re
import stat

from twisted.trial.unittest import SynchronousTestCase

from wsapp.workers.meeting import Meeting


class MeetingTests(SynchronousTestCase):
    """The folder, and who is in it."""

    def test_all(self) -> None:
        """It is its user's alone; names are new each time; what is left behind is removed."""
        meeting = Meeting()
        self.addCleanup(meeting.close)
        meeting.open()
        folder, node, first = meeting.place(1)
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        self.assertEqual(node, meeting.node)
        self.assertNotEqual(node, Meeting().node)
        second = meeting.place(1)[2]
        self.assertNotEqual(first, second)
        for name in (first, second, "other"):
            self.assertTrue(re.fullmatch(r"1-[A-Za-z0-9_-]{8}|other", name))
            with open(os.path.join(folder, name), "w"):
                pass
        meeting.sweep([second])
        self.assertEqual(sorted(os.listdir(folder)), sorted([second, "other"]))
        meeting.sweep([])
        self.assertEqual(os.listdir(folder), ["other"])
        meeting.place(2)
        meeting.sweep([])  # there was none
        meeting.close()
        self.assertFalse(os.path.exists(folder))
        meeting.close()
        meeting.sweep([])
