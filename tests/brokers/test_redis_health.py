"""Tests of `wsapp.brokers.redis.health`: what the broker's answers mean."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsapp.brokers.redis.health import Refused, codeOf, explain

_WRAPPED = "ERR Error running script (call to f_70afd0de): @user_script:81: @user_script: 81: "

#: As Redis 6.2, Redis 7, and Valkey 9 put it.
CODES = [
    ("NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT"),
    ("OOM command not allowed when used memory > 'maxmemory'. script: on @user_script:81.", "OOM"),
    (_WRAPPED + "-OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
    ("@user_script: 81: -OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
    (_WRAPPED + "-READONLY You can't write against a read only replica.", "READONLY"),
    (
        _WRAPPED + "-MISCONF Redis is configured to save RDB snapshots, but it's unable to",
        "MISCONF",
    ),
    (_WRAPPED + "The user executing the script can't run this command or subcommand", "NOPERM"),
    (_WRAPPED + "The user executing the script can't publish to the channel mentioned", "NOPERM"),
    ("ERR The user executing the script can't run this command or subcommand script: e3fd, on", "NOPERM"),
    ("ERR ACL failure in script: User wsapp has no permissions to run the 'xadd' command", "NOPERM"),
    ("NOPERM this user has no permissions to access one of the channels used as arguments", "NOPERM"),
    ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
    (_WRAPPED + "WRONGTYPE Operation against a key", "ERR"),
    ("ERR unknown command", "ERR"),
    ("", ""),
]


class CodeTests(SynchronousTestCase):
    """Codes."""

    def test_found(self) -> None:
        """Wherever in the answer they are."""
        for text, code in CODES:
            self.assertEqual(codeOf(Refused(text)), code, text)

    def test_explained(self) -> None:
        """What is known is put in words, with the broker's own behind."""
        text = _WRAPPED + "-OOM command not allowed when used memory > 'maxmemory'."
        self.assertEqual(
            explain(Refused(text)),
            f"it has no memory left: raise its maxmemory, or let it forget something ({text})",
        )
        self.assertEqual(explain(Refused("ERR odd")), "ERR odd")
        self.assertEqual(explain(None), "unknown")
