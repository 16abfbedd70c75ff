"""Tests of `wsapp.admin.prometheus`: what Prometheus reads."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SkipTest

from tests.peers import Recorder, ServedCase, World, opening
from wsapp.admin import prometheus
from wsapp.admin.node import Node


class ExpositionTests(ServedCase):
    """The text, as prometheus-client's own parser reads it."""

    def setUp(self) -> None:
        super().setUp()
        if not prometheus.available():
            raise SkipTest("prometheus-client is not installed")

    def samples(self, *snapshots: Any) -> dict[str, float]:
        """Every sample by its name and labels."""
        from prometheus_client.parser import text_string_to_metric_families

        found: dict[str, float] = {}
        for family in text_string_to_metric_families(prometheus.exposition(snapshots).decode()):
            self.assertTrue(family.documentation, family.name)
            for sample in family.samples:
                labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
                key = f"{sample.name}{{{labels}}}"
                self.assertNotIn(key, found)
                found[key] = sample.value
        return found

    def gathered(self, worker: str = "0") -> Any:
        """The snapshot of a server that has seen something."""
        world = World(Recorder(onMessage=lambda client, message: client.send(message)))
        node = Node(world.server, worker)
        world.open().send("hi")
        gone = world.open()
        gone.close(1000)
        gone.lose()
        world.peer().feed(opening(target="/no"))
        world.advance(1)
        return self.successResultOf(node.snapshot())

    def test_lag(self) -> None:
        """The worst lag of a minute, so that who asks once a minute misses no stall."""
        found = self.samples({**self.gathered(), "lag": 0.25, "worstLag": 0.5})
        self.assertEqual(found["wsapp_event_loop_lag_seconds{worker=0}"], 0.5)

    def test_one(self) -> None:
        """Everything that the snapshot has, under names that say the unit."""
        found = self.samples(self.gathered())
        for key, value in {
            "wsapp_state{state=ready,worker=0}": 1,
            "wsapp_state{state=draining,worker=0}": 0,
            "wsapp_connections_total{worker=0}": 3,
            "wsapp_handshakes_total{worker=0}": 2,
            "wsapp_requests_refused_total{status=404,worker=0}": 1,
            "wsapp_refusals_total{reason=NoSuchApp,worker=0}": 1,
            "wsapp_clients{app=app,transport=tcp,version=RFC 6455,worker=0}": 1,
            "wsapp_clients_closed_total{code=1000,worker=0}": 1,
            "wsapp_clients_opened_total{app=app,worker=0}": 2,
            "wsapp_messages_received_total{app=app,worker=0}": 1,
            "wsapp_messages_sent_total{app=app,worker=0}": 1,
            "wsapp_bytes_received_total{app=app,worker=0}": 16,
            "wsapp_bytes_sent_total{app=app,worker=0}": 8,
            "wsapp_slow_consumers{app=app,worker=0}": 0,
            "wsapp_broker_up{worker=0}": 1,
            "wsapp_broker_lost_total{worker=0}": 0,
            "wsapp_hook_seconds_count{app=app,hook=onMessage,worker=0}": 1,
            "wsapp_hook_seconds_bucket{app=app,hook=onConnect,le=+Inf,worker=0}": 2,
            "wsapp_send_buffer_bytes_bucket{app=app,le=0,worker=0}": 1,
            "wsapp_send_buffer_bytes_bucket{app=app,le=+Inf,worker=0}": 1,
        }.items():
            self.assertEqual(found.get(key), value, f"{key} of {sorted(found)}")

    def test_workers(self) -> None:
        """Each worker's samples have its name, and the families stand once."""
        snapshots = [self.gathered("0"), self.gathered("1")]
        found = self.samples(*snapshots)
        for worker in "01":
            self.assertEqual(found[f"wsapp_handshakes_total{{worker={worker}}}"], 2)
        self.assertEqual(prometheus.exposition(snapshots).count(b"# TYPE wsapp_handshakes_total "), 1)

    def test_down(self) -> None:
        """A broker that cannot be used."""
        snapshot = self.gathered()
        snapshot["broker"]["state"] = "down"
        self.assertEqual(self.samples(snapshot)["wsapp_broker_up{worker=0}"], 0)
