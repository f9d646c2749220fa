"""Where a server runs, as far as it decides what mends a fault: a remedy that does not exist there helps nobody."""

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
    """What mends a fault; `{model}` stands for the model's name.

    Attributes:
        any: what is right anywhere; empty: nothing can be said in general.
        vllm: the flags of vLLM.
        chart: the values of the chart.
        gateway: what to do at a gateway that is no release of the chart.
    """

    any: str = ""
    vllm: str = ""
    chart: str = ""
    gateway: str = ""

    def at(self, place: Place, model: str) -> str:
        """Return what helps there: the chart's values before the gateway's settings, and those of vLLM with them."""
        first = (self.chart if place.chart else "") or (self.gateway if place.gateway else "")
        # A release runs its models too: its values set vLLM's flags.
        flags = self.vllm if place.vllm and not (place.chart and self.chart) else ""
        found = "; ".join(filter(None, (first, flags))) or self.any
        return found.replace("{model}", model)
