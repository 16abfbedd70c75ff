"""From samples to figures: medians over the rounds, ratios to the best."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field

__all__ = ["Figures", "Results", "figures", "ranked"]

Sample = dict[str, float]


@dataclass
class Results:
    """All that one run has found; what is written as JSON."""

    machine: dict[str, str]
    rounds: int
    seconds: float
    #: By the names of job and server.
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    #: Why there are none, by the same names.
    errors: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, job: str, server: str, sample: Sample) -> None:
        """Note one round."""
        self.samples.setdefault(job, {}).setdefault(server, []).append(sample)

    def fail(self, job: str, server: str, why: str) -> None:
        """Note that a server did not do a job: the first reason stays."""
        self.errors.setdefault(job, {}).setdefault(server, why)

    def toJson(self) -> str:
        """:return: All of it as text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def fromJson(cls, text: str) -> Results:
        """:return: What :meth:`toJson` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Figures:
    """One server's figures for one job: medians over the rounds; None where there are none."""

    server: str
    #: The figure that servers are compared by: microseconds or KiB.
    value: float | None
    #: To the best server's.
    ratio: float | None = None
    #: The middle half of the rounds, as a share of the median: how far to trust the figure.
    spread: float | None = None
    perSecond: float | None = None
    p50: float | None = None
    p99: float | None = None
    #: Why there are no figures.
    error: str = ""


def _median(samples: list[Sample], key: str) -> float | None:
    found = [sample[key] for sample in samples if key in sample]
    return statistics.median(found) if found else None


def _spread(values: list[float]) -> float | None:
    if len(values) < 4:
        return None
    low, middle, high = statistics.quantiles(values, n=4)
    return (high - low) / middle if middle else None


def figures(
    samples: dict[str, list[Sample]], key: str, errors: dict[str, str] | None = None
) -> dict[str, Figures]:
    """
    Sum up one job.

    :param samples: By server, one for each round.
    :param key: The key of the sample to compare servers by; less is better.
    :param errors: By server, why it has none; a server that failed in any round has no figures.
    :return: By server, in the order of ``samples``, then of ``errors``.
    """
    errors = errors or {}
    fit = {server: taken for server, taken in samples.items() if taken and server not in errors}
    values = {server: statistics.median(sample[key] for sample in taken) for server, taken in fit.items()}
    best = min(values.values(), default=0.0)
    found = {
        server: Figures(
            server,
            values[server],
            # Nothing at all is possible for memory, and is nobody's measure.
            values[server] / best if best > 0 else None,
            _spread([sample[key] for sample in taken]),
            _median(taken, "per_s"),
            _median(taken, "p50_us"),
            _median(taken, "p99_us"),
        )
        for server, taken in fit.items()
    }
    return {**found, **{server: Figures(server, None, error=why) for server, why in errors.items()}}


def ranked(found: dict[str, Figures]) -> list[Figures]:
    """:return: The best first, those without figures last."""
    return sorted(found.values(), key=lambda f: (f.value is None, f.value or 0.0))
