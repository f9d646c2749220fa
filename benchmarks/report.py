"""Medians of the rounds, and the tables that are printed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.load import Measured
from benchmarks.scripts import CHUNKS


@dataclass(frozen=True)
class Sample:
    """One run of one case: what the load generator saw, and the CPU time that the measured process used for it."""

    measured: Measured
    cpu_s: float

    @property
    def cpu_us(self) -> float:
        """CPU time per request, in microseconds."""
        return self.cpu_s * 1e6 / max(1, self.measured.requests)

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.measured.requests / self.measured.seconds


Samples = Sequence[Sample]


def median(samples: Samples, value: Callable[[Sample], float]) -> float:
    """Return the median of a value over the rounds."""
    return statistics.median(map(value, samples))


def spread(samples: Samples, value: Callable[[Sample], float]) -> float:
    """Return how far the rounds lie apart, as a share of their median."""
    values = [value(sample) for sample in samples]
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


@dataclass(frozen=True)
class Row:
    """One case of one gateway: alone, under load, and the direct limit to compare with."""

    name: str
    alone: Samples
    loaded: Samples
    spaced: Samples = ()
    rss_mib: float = 0.0
    start_s: float = 0.0


def requests_table(rows: Sequence[Row]) -> str:
    """Return the table of whole answers; the first row is the direct limit, the second the yardstick."""
    direct, plain = rows[0], rows[1]
    yardstick = median(plain.loaded, lambda sample: sample.cpu_us)
    lines = [
        "| requests | CPU µs | ± | plain ÷ this | RPS c=32 | added p50 µs c=1 | added p99 ms | RSS MiB | ready s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cpu = median(row.loaded, lambda sample: sample.cpu_us)
        alone = _added(row.alone, direct.alone, lambda sample: sample.measured.p50)
        loaded = _added(row.loaded, direct.loaded, lambda sample: sample.measured.p99) / 1000
        cells = [
            row.name,
            f"{cpu:.0f}",
            f"{spread(row.loaded, lambda sample: sample.cpu_us):.0%}",
            f"{yardstick / cpu:.1f}" if cpu else "–",
            f"{median(row.loaded, lambda sample: sample.per_second):,.0f}",
            "–" if row is direct else f"{alone:.0f}",
            "–" if row is direct else f"{loaded:.1f}",
            f"{row.rss_mib:.0f}" if row.rss_mib else "–",
            f"{row.start_s:.2f}" if row.start_s else "–",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def streams_table(rows: Sequence[Row]) -> str:
    """Return the table of streams of `CHUNKS` chunks."""
    direct, plain = rows[0], rows[1]
    yardstick = median(plain.loaded, lambda sample: sample.cpu_us)
    lines = [
        "| streams c=64 | CPU µs/chunk | ± | plain ÷ this | chunks/s | CPU µs/chunk 10 ms apart | added first µs c=1 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cpu = median(row.loaded, lambda sample: sample.cpu_us)
        first = _added(row.alone, direct.alone, lambda sample: sample.measured.first_p50)
        cells = [
            row.name,
            f"{cpu / CHUNKS:.2f}",
            f"{spread(row.loaded, lambda sample: sample.cpu_us):.0%}",
            f"{yardstick / cpu:.1f}" if cpu else "–",
            f"{median(row.loaded, lambda sample: sample.per_second) * CHUNKS:,.0f}",
            f"{median(row.spaced, lambda sample: sample.cpu_us) / CHUNKS:.1f}" if row.spaced else "–",
            "–" if row is direct else f"{first:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def peers_table(rows: Sequence[Row], peers: Sequence[str]) -> str:
    """Return how many times each row's CPU time the peers use, empty where no peer was measured."""
    known = [row for row in rows if row.name in peers]
    own = [row for row in rows[2:] if row.name not in peers]
    if not known:
        return ""
    lines = ["| | " + " | ".join(f"{row.name} ÷ this" for row in known) + " |", "|---|" + "---:|" * len(known)]
    for row in own:
        cpu = median(row.loaded, lambda sample: sample.cpu_us)
        ratios = [median(peer.loaded, lambda sample: sample.cpu_us) / cpu for peer in known if cpu]
        lines.append(f"| {row.name} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    return "\n".join(lines)


def _added(row: Samples, direct: Samples, value: Callable[[Sample], float]) -> float:
    return median(row, value) - median(direct, value)


def noise(direct: Samples) -> str:
    """Return how much the machine itself changed during the run, by the direct limit's rounds."""
    share = spread(direct, lambda sample: sample.per_second)
    return (
        f"The direct limit's rounds lie {share:.0%} apart. A column ± says the same of a row's CPU time. On a shared"
        " machine read ratios of one run, never absolute figures of two."
    )
