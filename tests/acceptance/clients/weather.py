"""The task of every agent here: look up the weather and deliver it as a typed result."""

from __future__ import annotations

from pydantic import BaseModel

QUESTION = "What is the weather in Paris?"
SUNNY = "sunny in Paris, 21 degrees"


class WeatherReport(BaseModel):
    """The weather in a city."""

    city: str
    degrees: float


REPORT = WeatherReport(city="Paris", degrees=21.5)
FACTS = {"city": "Paris", "degrees": 21.5}
