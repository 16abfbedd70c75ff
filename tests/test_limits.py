"""Tests of `wsapp.limits`."""

from __future__ import annotations

import dataclasses
import unittest

from wsapp.limits import OFF, POLICIES, Limits


class LimitsTests(unittest.TestCase):
    """The bounds."""

    def test_defaults(self) -> None:
        """Each stands as SECURITY and the documentation have it."""
        self.assertEqual(
            dataclasses.asdict(Limits()),
            {
                "maxHead": 16_384,
                "maxLine": 8_192,
                "maxHeaders": 128,
                "maxBody": 1_048_576,
                "handshakeTimeout": 10,
                "keepAliveTimeout": 60,
                "maxMessage": 1_048_576,
                "maxFragments": 131_072,
                "maxQueue": 16,
                "maxSendBuffer": 1_048_576,
                "backlogPolicy": "close",
                "maxDetached": 1000,
                "maxDetachedPerAddress": 100,
                "maxSessionBytes": 64 * 1024 * 1024,
                "stallTimeout": 10,
                "pingInterval": 20,
                "pingTimeout": 20,
                "maxPings": 16,
                "idleTimeout": 120,
                "closeTimeout": 5,
                "hookTimeout": 0,
                "maxConnections": 10_000,
                "maxConnectionsPerAddress": 1_000,
                "messageRate": 0,
                "byteRate": 0,
                "rateBurst": 5,
                "ratePolicy": "close",
                "handshakeRate": 0,
            },
        )

    def test_frozen(self) -> None:
        """They do not change under a connection that has them."""
        with self.assertRaises(dataclasses.FrozenInstanceError):
            Limits().maxHead = 1  # type: ignore[misc]

    def test_positive(self) -> None:
        """Nothing is without bounds but hooks' time and rates; the error names what is wrong."""
        for field in dataclasses.fields(Limits):
            for value in (0, -1):
                if field.name in POLICIES or (field.name in OFF and value == 0):
                    continue
                with self.assertRaises(ValueError) as context:
                    Limits(**{field.name: value})  # type: ignore[arg-type]
                self.assertIn(f"{field.name} is {value}", str(context.exception))
        for name in OFF:
            self.assertEqual(getattr(Limits(**{name: 0}), name), 0)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            Limits(closeTimeout=float("nan"))

    def test_policies(self) -> None:
        """There are these, and the error says so."""
        for name, policies in POLICIES.items():
            for policy in policies:
                self.assertEqual(getattr(Limits(**{name: policy}), name), policy)  # type: ignore[arg-type]
            with self.assertRaises(ValueError) as context:
                Limits(**{name: "other"})  # type: ignore[arg-type]
            self.assertIn(f"{name} is 'other': it must be {' or '.join(policies)}", str(context.exception))

    def test_equal(self) -> None:
        """They compare by value."""
        self.assertEqual(Limits(maxHead=5), Limits(maxHead=5))
        self.assertNotEqual(Limits(maxHead=5), Limits())
