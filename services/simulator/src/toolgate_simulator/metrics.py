"""The `vllm:*` metrics of the simulated engine, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_HISTOGRAMS = {
    "vllm:e2e_request_latency_seconds": "Histogram of e2e request latency in seconds.",
    "vllm:time_to_first_token_seconds": "Histogram of time to first token in seconds.",
    "vllm:request_queue_time_seconds": "Histogram of time spent in WAITING phase for request.",
}
_COUNTERS = {
    "vllm:prompt_tokens": "Number of prefill tokens processed.",
    "vllm:generation_tokens": "Number of generation tokens processed.",
    "vllm:request_success": "Count of successfully processed requests.",
    "vllm:admission_rejections": "Number of requests rejected by admission control.",
    "vllm:tool_call_parser_invocations": "Count of tool call parser invocations.",
}


class _Histogram:
    def __init__(self) -> None:
        self.buckets = [0] * (len(_SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds


class Metrics:
    """Counts of one simulator."""

    def __init__(self, models: tuple[str, ...]) -> None:
        self._models = models
        self._running: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._counters: Counter[tuple[str, str, str]] = Counter()
        self._histograms = {(name, model): _Histogram() for name in _HISTOGRAMS for model in models}

    @property
    def running(self) -> int:
        """The number of requests in progress."""
        return self._running.total()

    def begin(self, model: str) -> None:
        """A request has begun."""
        self._running[model] += 1

    def end(self, model: str, seconds: float) -> None:
        """A request has ended, however; `seconds` since it began."""
        self._running[model] -= 1
        self._histograms["vllm:e2e_request_latency_seconds", model].observe(seconds)

    def first_token(self, model: str, seconds: float) -> None:
        """The first token of a request is out."""
        self._histograms["vllm:time_to_first_token_seconds", model].observe(seconds)

    def wait(self, model: str, by: int) -> None:
        """A request begins to wait, or has waited."""
        self._waiting[model] += by

    def waited(self, model: str, seconds: float) -> None:
        """A request has got its place after `seconds`."""
        self._histograms["vllm:request_queue_time_seconds", model].observe(seconds)

    def rejected(self, model: str) -> None:
        """A request was refused since too many wait."""
        self._counters["vllm:admission_rejections", model, ',reason="max_num_queued_reqs"'] += 1

    def prompt(self, model: str, tokens: int) -> None:
        """A prompt was read."""
        self._counters["vllm:prompt_tokens", model, ""] += tokens

    def generated(self, model: str, tokens: int) -> None:
        """Tokens were written."""
        self._counters["vllm:generation_tokens", model, ""] += tokens

    def finished(self, model: str, reason: str, *, parsed: bool) -> None:
        """A choice has ended with `reason`; `parsed`: its calls were parsed natively."""
        known = "stop" if reason == "tool_calls" else reason
        self._counters["vllm:request_success", model, f',finished_reason="{known}"'] += 1
        if parsed:
            self._counters["vllm:tool_call_parser_invocations", model, ',mode="auto",outcome="tool_calls"'] += 1

    def render(self) -> str:
        """Return the exposition text."""
        lines: list[str] = []
        for name, help_text, values in (
            ("vllm:num_requests_running", "Number of requests in model execution batches.", self._running),
            ("vllm:num_requests_waiting", "Number of requests waiting to be processed.", self._waiting),
            ("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", Counter[str]()),
        ):
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{_labels(model)}}} {float(values[model])}" for model in self._models]
        for name, help_text in _COUNTERS.items():
            lines += [f"# HELP {name}_total {help_text}", f"# TYPE {name}_total counter"]
            lines += [
                f"{name}_total{{{_labels(model)}{more}}} {float(value)}"
                for (counter, model, more), value in sorted(self._counters.items())
                if counter == name
            ]
        for name, help_text in _HISTOGRAMS.items():
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} histogram"]
            for model in self._models:
                lines += self._histogram(name, model)
        return "\n".join(lines) + "\n"

    def _histogram(self, name: str, model: str) -> list[str]:
        histogram = self._histograms[name, model]
        lines, seen = [], 0
        for bound, amount in zip((*_SECONDS, "+Inf"), histogram.buckets, strict=True):
            seen += amount
            lines.append(f'{name}_bucket{{le="{bound}",{_labels(model)}}} {float(seen)}')
        lines.append(f"{name}_count{{{_labels(model)}}} {float(seen)}")
        lines.append(f"{name}_sum{{{_labels(model)}}} {histogram.total}")
        return lines


def _labels(model: str) -> str:
    return f'engine="0",model_name="{model}"'
