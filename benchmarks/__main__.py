"""`python -m benchmarks`: measure, print the tables, end with 1 where an answer was wrong."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import peers
from benchmarks.load import Job
from benchmarks.processes import (
    BenchError,
    Generator,
    Target,
    cores,
    cpu_seconds,
    embedded,
    generator,
    plain_proxy,
    resident_mib,
    upstream,
    with_services,
)
from benchmarks.report import Row, Sample, noise, peers_table, requests_table, streams_table
from benchmarks.scripts import LAST_TEXT

ALONE, LOADED, STREAMS = 1, 32, 64
CHAT = "/v1/chat/completions"
WARM_UP_S = 0.3
SPACED_S = 1.2
"""A spaced stream takes a second: no run is shorter."""
CALLED, STREAMED = '"get_weather"', LAST_TEXT.decode()


@dataclass
class Case:
    """One row of a table, with the results of its rounds."""

    name: str
    target: Target
    path: str
    stream: bool = False
    alone: list[Sample] = field(default_factory=list)
    loaded: list[Sample] = field(default_factory=list)
    spaced: list[Sample] = field(default_factory=list)

    def row(self) -> Row:
        """The row, with the current memory of the process."""
        rss = resident_mib(self.target.pid) if self.target.start_s else 0.0
        return Row(self.name, self.alone, self.loaded, self.spaced, rss, self.target.start_s)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds; each measures every case once")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds that each case is measured in a round")
    parser.add_argument("--only", default="", help="measure only cases whose name holds this text (and the yardsticks)")
    parser.add_argument(
        "--peers", action="store_true", help="install other gateways into .tools/bench, and measure them too"
    )
    return parser.parse_args(arguments)


@contextmanager
def _targets(folder: Path, *, with_peers: bool) -> Iterator[tuple[Target, dict[str, Target]]]:
    """Run everything; yield the direct limit and the gateways."""
    where = cores()
    with ExitStack() as held:
        port = held.enter_context(upstream(folder, where))
        base = f"http://127.0.0.1:{port}"
        starts = {"plain": plain_proxy, "embedded": embedded, "gRPC": with_services}
        gateways = {name: held.enter_context(start(base, folder, where)) for name, start in starts.items()}
        if with_peers:
            gateways |= peers.start_all(base, folder, where, held)
        yield Target("direct", os.getpid(), port), gateways


def _cases(direct: Target, gateways: dict[str, Target]) -> list[Case]:
    plain, here, remote, *others = gateways.values()
    return [
        Case("direct (the limit)", direct, CHAT),
        Case("plain FastAPI + httpx", plain, CHAT),
        Case("passthrough", here, f"/passthrough{CHAT}"),
        Case("native, embedded", here, CHAT),
        Case("native, gRPC", remote, CHAT),
        Case("bridge, embedded", here, f"/emulate{CHAT}"),
        Case("bridge, gRPC", remote, f"/emulate{CHAT}"),
        *(Case(peer.name, peer, CHAT) for peer in others),
        Case("direct (the limit)", direct, CHAT, stream=True),
        Case("plain FastAPI + httpx", plain, CHAT, stream=True),
        Case("passthrough", here, f"/passthrough{CHAT}", stream=True),
        Case("native, embedded", here, CHAT, stream=True),
        Case("native, gRPC", remote, CHAT, stream=True),
        *(Case(peer.name, peer, CHAT, stream=True) for peer in others),
    ]


class Runner:
    """Takes samples."""

    def __init__(self, load: Generator, seconds: float) -> None:
        self._load = load
        self._seconds = seconds

    def sample(self, case: Case, connections: int, *, spaced: bool = False, seconds: float | None = None) -> Sample:
        """Measure a case once; raise `BenchError` where an answer was wrong."""
        target = case.target
        expect = STREAMED if case.stream else CALLED
        job = Job(target.port, case.path, case.stream, connections, expect, spaced)
        before = cpu_seconds(target.pid)
        measured = self._load.run(job, seconds or self._seconds)
        used = cpu_seconds(target.pid) - before
        if measured.wrong or not measured.requests:
            said = measured.example or "nothing"
            raise BenchError(f"{case.name}: {measured.wrong} wrong answers of {measured.requests}; one was: {said}")
        return Sample(measured, 0.0 if target.pid == os.getpid() else used)

    def round(self, cases: Sequence[Case]) -> None:
        """Give every case its turn."""
        for case in cases:
            case.alone.append(self.sample(case, ALONE))
            case.loaded.append(self.sample(case, STREAMS if case.stream else LOADED))
            if case.stream:
                case.spaced.append(self.sample(case, STREAMS, spaced=True, seconds=max(SPACED_S, self._seconds)))


def _wanted(cases: Sequence[Case], only: str) -> list[Case]:
    yardsticks = ("direct", "plain", *(peer.name for peer in peers.PEERS))
    return [case for case in cases if only in case.name or case.name.startswith(yardsticks)]


def _print(cases: Sequence[Case]) -> None:
    rows = {stream: [case.row() for case in cases if case.stream is stream] for stream in (False, True)}
    names = [peer.name for peer in peers.PEERS]
    for stream, table in ((False, requests_table), (True, streams_table)):
        print(f"\n{table(rows[stream])}\n\n{peers_table(rows[stream], names)}".rstrip())
    print()
    print(noise([sample for case in cases[:1] for sample in case.loaded]))
    if cores().measured:
        print(
            "The measured process has a core for itself; load generator, upstream and gRPC services share the others."
        )
    print("CPU is the gateway process's own; what its services use comes on top in rows that say gRPC.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return 0, or 1 where something did not start or an answer was wrong."""
    options = _options(arguments)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="toolgate-bench-") as folder,
            generator(cores()) as load,
            _targets(Path(folder), with_peers=options.peers) as (direct, gateways),
        ):
            cases = _wanted(_cases(direct, gateways), options.only)
            runner = Runner(load, options.seconds)
            for case in cases:
                runner.sample(case, LOADED, seconds=WARM_UP_S)
            for number in range(options.rounds):
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
                runner.round(cases)
            _print(cases)
    except BenchError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
