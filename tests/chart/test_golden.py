"""The renders, as text, so that a review shows the effect of a template's change. TOOLGATE_GOLDEN=write writes them."""

import os
from pathlib import Path

import pytest

from tests.chart.rendering import VALUES, rendered

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", VALUES)
def test_the_render_is_unchanged(name: str) -> None:
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("TOOLGATE_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(rendered(name), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == rendered(name), "changed: look at it, then `make chart-golden`"


def test_every_golden_render_has_its_values_file() -> None:
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == set(VALUES)
