"""``/metrics``: snapshots as Prometheus reads them.

Needs prometheus-client (``pip install wsapp[admin]``), which is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from wsapp.admin.snapshot import BUFFERS, SECONDS, STATES, Snapshot

__all__ = ["CONTENT_TYPE", "available", "exposition"]

#: The text format of version 0.0.4, which every collector reads.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Counters of the whole server: name, the snapshot's, help.
_COUNTERS = (
    ("connections", "connections", "Connections accepted, WebSockets or not."),
    ("handshakes", "clients", "Opening handshakes accepted."),
    ("slow_consumers_closed", "overrun", "Clients closed because their send buffer stayed full."),
    ("messages_dropped", "dropped", "Messages not sent as the client's send buffer was full."),
    ("messages_skipped", "skipped", "Binary messages that a hixie client could not be given."),
    ("rate_closed", "tooFast", "Clients closed because they sent faster than they may."),
    ("rate_slowed", "slowed", "Pauses in reading from clients that sent faster than they may."),
    ("hooks_failed", "failedHooks", "Hooks that raised."),
    ("sessions_resumed", "resumed", "Clients that have come back to their session."),
    ("sessions_afresh", "afresh", "Clients that wanted to, and could not."),
    ("sessions_expired", "expired", "Clients that were kept and have not come back."),
    ("sessions_unkept", "unkept", "Clients that were not kept, as there were too many."),
)

#: Counters by something: name, the snapshot's, label, help.
_LABELLED = (
    ("requests_refused", "refused", "status", "Requests refused, by HTTP status."),
    ("refusals", "reasons", "reason", "Requests refused, by what was wrong."),
    ("clients_turned_away", "turnedAway", "code", "Clients told a close code instead of being taken."),
    ("clients_closed", "closed", "code", "Clients gone, by close code."),
)

#: Of each application: name, the snapshot's, help.
_OF_APPS = (
    ("clients_opened", "opened", "Clients that have come."),
    ("messages_received", "messagesIn", "Messages given to the application."),
    ("messages_sent", "messagesOut", "Messages sent to clients."),
    ("bytes_received", "bytesIn", "Bytes that have come from clients, of frames and all."),
    ("bytes_sent", "bytesOut", "Bytes sent to clients, of frames and all."),
)

#: Of the broker: kind, name, the snapshot's, help.
_OF_BROKER = (
    ("counter", "reconnects", "reconnects", "How often the broker could be used again."),
    ("counter", "epochs", "epochs", "How often the broker had forgotten everything."),
    ("counter", "published", "published", "Messages that the broker has acknowledged."),
    ("counter", "received", "received", "Messages delivered from the broker."),
    ("counter", "dropped", "dropped", "Messages not taken for want of room in the outbox."),
    ("counter", "lost", "lost", "How often something of a channel could not be had any more."),
    ("gauge", "outbox_messages", "outbox", "Messages that the broker has not acknowledged."),
    ("gauge", "outbox_bytes", "outboxBytes", "Bytes of the messages that the broker has not acknowledged."),
    ("gauge", "lag_seconds", "lag", "How long the last message has waited for the broker."),
    ("gauge", "channels_behind", "behind", "Channels of which this node reads what it has missed."),
)


def available() -> bool:
    """Whether prometheus-client is installed."""
    try:
        import prometheus_client
    except ImportError:
        return False
    del prometheus_client
    return True


def exposition(snapshots: Sequence[Snapshot]) -> bytes:
    """The text for Prometheus.

    :param snapshots: Of all workers; each sample has its worker as a label.
    :raises ImportError: There is no prometheus-client.
    """
    from prometheus_client import generate_latest

    class Collected:
        def collect(self) -> Iterator[Any]:
            return _families(snapshots)

    text: bytes = generate_latest(Collected())
    return text


def _families(snapshots: Sequence[Snapshot]) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kinds: dict[str, Any] = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}

    def family(
        kind: str,
        name: str,
        help: str,
        labels: Sequence[str],
        samples: Callable[[Snapshot], Iterable[tuple[Sequence[str], float]]],
    ) -> Any:
        made = kinds[kind](f"wsapp_{name}", help, labels=["worker", *labels])
        for snapshot in snapshots:
            for values, number in samples(snapshot):
                made.add_metric([snapshot["worker"], *values], number)
        return made

    yield family("gauge", "state", "What state the server is in.", ["state"], _states)
    yield family("gauge", "start_time_seconds", "When it started, since the epoch.", [], _plain("since"))
    late = "How late the event loop came at worst in the last 60 seconds."
    yield family("gauge", "event_loop_lag_seconds", late, [], _plain("worstLag"))
    yield family("gauge", "sessions_detached", "Clients kept without a connection.", [], _plain("detached"))
    yield family("gauge", "connections_open", "Connections that there are.", [], _plain("open"))
    for name, key, help in _COUNTERS:
        yield family("counter", name, help, [], _plain("counters", key))
    for name, key, label, help in _LABELLED:
        yield family("counter", name, help, [label], _counted(key))
    for name, key, help in _OF_APPS:
        yield family("counter", name, help, ["app"], _ofApps(key))
    yield family("gauge", "clients", "Clients that there are.", ["app", "version", "transport"], _clients)
    yield family("gauge", "buffered_bytes", "Bytes that wait to be sent.", ["app"], _ofApps("buffered"))
    yield family("gauge", "slow_consumers", "Clients whose send buffer is full.", ["app"], _ofApps("slow"))
    yield _buffers(snapshots)
    yield _hooks(snapshots)
    yield family("gauge", "broker_up", "Whether the broker can be used.", [], _brokerUp)
    for kind, name, key, help in _OF_BROKER:
        yield family(kind, f"broker_{name}", help, [], _plain("broker", key))


def _plain(*path: str) -> Callable[[Snapshot], Iterable[tuple[Sequence[str], float]]]:
    def samples(snapshot: Snapshot) -> Iterable[tuple[Sequence[str], float]]:
        value: Any = snapshot
        for key in path:
            if key not in value:  # nothing of it is known yet
                return []
            value = value[key]
        return [((), value)]

    return samples


def _counted(key: str) -> Callable[[Snapshot], Iterable[tuple[Sequence[str], float]]]:
    return lambda snapshot: [((name,), count) for name, count in snapshot[key].items()]


def _ofApps(key: str) -> Callable[[Snapshot], Iterable[tuple[Sequence[str], float]]]:
    return lambda snapshot: [((name,), app[key]) for name, app in snapshot["apps"].items()]


def _states(snapshot: Snapshot) -> Iterable[tuple[Sequence[str], float]]:
    return [((state,), float(state == snapshot["state"])) for state in STATES]


def _brokerUp(snapshot: Snapshot) -> Iterable[tuple[Sequence[str], float]]:
    state = snapshot["broker"]["state"]
    return [] if state == "unknown" else [((), float(state == "up"))]


def _clients(snapshot: Snapshot) -> Iterable[tuple[Sequence[str], float]]:
    return [
        ((name, *kind.split("|")), count)
        for name, app in snapshot["apps"].items()
        for kind, count in app["clients"].items()
    ]


def _cumulative(counts: Sequence[int], bounds: Sequence[float]) -> list[tuple[str, float]]:
    """A histogram's buckets as Prometheus has them: each with all that is smaller."""
    total = 0
    made = []
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        total += count
        made.append((bound, float(total)))
    return made


def _buffers(snapshots: Sequence[Snapshot]) -> Any:
    """As they are now: not a distribution of what has been, so Prometheus calls it a gauge histogram."""
    from prometheus_client.core import GaugeHistogramMetricFamily

    made = GaugeHistogramMetricFamily(
        "wsapp_send_buffer_bytes",
        "Clients by the bytes that wait to be sent to them.",
        labels=["worker", "app"],
    )
    for snapshot in snapshots:
        for name, app in snapshot["apps"].items():
            made.add_metric([snapshot["worker"], name], _cumulative(app["buffers"], BUFFERS), app["buffered"])
    return made


def _hooks(snapshots: Sequence[Snapshot]) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    made = HistogramMetricFamily(
        "wsapp_hook_seconds",
        "How long hooks take, waiting included; one of 16 calls of onMessage.",
        labels=["worker", "app", "hook"],
    )
    for snapshot in snapshots:
        apps: Mapping[str, Any] = snapshot["apps"]
        for name, app in apps.items():
            for hook, durations in app["hooks"].items():
                made.add_metric(
                    [snapshot["worker"], name, hook],
                    _cumulative(durations["counts"], SECONDS),
                    durations["total"],
                )
    return made
