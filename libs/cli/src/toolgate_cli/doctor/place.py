"""Where a server runs: it decides which remedy applies, chart values, vLLM flags or gateway settings."""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True):
    """Where a model is served.

    Attributes:
        chart: the gateway is a release of the chart, whose values are the remedy.
        gateway: what answers is a Toolgate gateway.
        vllm: the model is served by vLLM, whose flags are the remedy.
    """

    chart: bool = False
    gateway: bool = False
    vllm: bool = False


class Remedy(Struct, frozen=True):
    """How to fix a fault, by place; `{model}` is replaced by the model's name.

    Attributes:
        any: the general remedy; empty: there is none.
        vllm: the flags of vLLM.
        chart: the values of the chart.
        gateway: the settings of a gateway outside the chart.
    """

    any: str = ""
    vllm: str = ""
    chart: str = ""
    gateway: str = ""

    def at(self, place: Place, model: str) -> str:
        """Return the remedy at `place`: chart values before gateway settings, and vLLM's flags with them."""
        first = (self.chart if place.chart else "") or (self.gateway if place.gateway else "")
        # The chart also runs the models: its values set vLLM's flags.
        flags = self.vllm if place.vllm and not (place.chart and self.chart) else ""
        found = "; ".join(filter(None, (first, flags))) or self.any
        return found.replace("{model}", model)
