"""Tests of `wsapp.outgoing.protocol`: errors in words; the rest is in :mod:`tests.outgoing.test_init`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from OpenSSL.SSL import Error
from service_identity import VerificationError
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from wsapp.outgoing.protocol import explained


class ExplainedTests(SynchronousTestCase):
    """A transport's errors in words."""

    def test_words(self) -> None:
        """OpenSSL's lists, service_identity's, and others' own."""
        for error, words in (
            (Error([("SSL routines", "", "certificate verify failed")]), "certificate verify failed"),
            (Error([]), "Error"),
            (VerificationError(errors=[]), "the server's certificate is for another host"),
            (OSError("no route"), "no route"),
            (KeyError(), "KeyError"),
        ):
            self.assertEqual(explained(Failure(error)), words)
        self.assertIn("non-clean", explained(Failure(ConnectionLost())))
