"""What a doctor says of a server: symptoms as data, and real servers that are set up wrongly."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from toolgate_cli.__main__ import main
from toolgate_cli.doctor.checks import CHECKS, UPSTREAM
from toolgate_cli.doctor.diagnosis import PARSERS, Call, Seen, in_health
from toolgate_simulator.settings import Settings
from toolgate_simulator.vllm import settings_of
from toolgate_simulator.vllm_flags import TOOL_PARSERS, vllm_parser

from tests.gateway.house import gateway
from tests.support.simulator import simulator

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "doctor.yaml").read_text("utf-8"))
TOOL_FLAGS = ("--enable-auto-tool-choice", "--tool-call-parser=hermes")


def told(*flags: str, model: str = "Qwen/Qwen2.5-7B") -> Settings:
    return settings_of(vllm_parser().parse_args([model, "--served-model-name=m", *flags, "--port=0"]), {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"])
def test_a_symptom_is_named_with_what_mends_it(case: dict[str, Any]) -> None:
    check = {each.name: each for each in (*CHECKS, UPSTREAM)}[case.get("check", "auto")]
    seen = dict(case["seen"])
    calls = tuple(Call(each["name"], each["arguments"]) for each in seen.pop("calls", []))
    verdict = check.judge(Seen(calls=calls, **seen), "m")
    assert (verdict.level, case["says"] in verdict.text) == (case["level"], True), verdict
    assert case.get("mends", "") in verdict.remedy


def test_every_parser_that_is_recommended_is_one_of_vllms() -> None:
    assert {parser for _, parser in PARSERS} <= set(TOOL_PARSERS)


def test_a_service_that_does_not_serve_is_named() -> None:
    assert in_health({"extractor": "serving"}).level == "ok"
    assert in_health({"extractor": "unavailable", "tool-executor": "serving"}).text == "extractor is unavailable"


@asynccontextmanager
async def behind_a_gateway(settings: Settings) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulator(settings))
        house = await stack.enter_async_context(gateway(upstreams={"gpu": {"url": url}}))
        yield house.url


async def doctor(url: str, *options: str) -> int:
    """Run the command beside the servers of this event loop."""
    return await asyncio.to_thread(main, ["doctor", url, *options])


async def lines(capsys: pytest.CaptureFixture[str], url: str, *options: str) -> tuple[int, dict[str, Any]]:
    status = await doctor(url, "--json", *options)
    said = json.loads(capsys.readouterr().out)
    return status, {line["check"]: line["verdict"] for line in said}


async def test_a_gateway_and_a_server_that_are_well_pass_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    names = [check.name for check in CHECKS]
    async with behind_a_gateway(told(*TOOL_FLAGS)) as url:
        status, found = await lines(capsys, url, "--strict")
    assert (status, list(found)) == (0, ["reach", "services", "upstream", *names])
    async with simulator(told(*TOOL_FLAGS)) as url:
        status, found = await lines(capsys, url, "--strict")
    assert (status, list(found)) == (0, ["reach", *names])


async def test_a_parser_that_is_off_is_found_behind_a_gateway_that_makes_up_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with behind_a_gateway(told()) as url:
        status, found = await lines(capsys, url)
    assert status == 1
    assert "models.m.toolCalling.enabled" in found["upstream"]["remedy"]
    assert found["auto"]["level"] == found["required"]["level"] == "ok"


async def test_another_models_parser_is_found_with_the_right_one_named(capsys: pytest.CaptureFixture[str]) -> None:
    async with behind_a_gateway(told("--enable-auto-tool-choice", "--tool-call-parser=mistral")) as url:
        status, found = await lines(capsys, url)
    assert status == 1
    assert "--tool-call-parser=hermes" in found["upstream"]["remedy"]
    assert found["auto"]["level"] == "ok"


async def test_a_missing_key_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    async with gateway(api_keys=["sesame"]) as house:
        status, found = await lines(capsys, house.url)
        assert (status, "secrets.clientKeys" in found["reach"]["remedy"]) == (1, True)
        (tmp_path / "key").write_text("sesame\n")
        _, found = await lines(capsys, house.url, "--api-key-file", str(tmp_path / "key"))
        assert found["reach"]["level"] == "ok"


async def test_a_key_that_the_upstream_refuses_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    async with behind_a_gateway(told(*TOOL_FLAGS, "--api-key=right")) as url:
        status, found = await lines(capsys, url, "--model", "gpu@m")
    assert status == 1
    assert "authSecretRef" in found["upstream"]["remedy"]


async def test_nobody_at_the_address_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor("http://127.0.0.1:9") == 1
    said = capsys.readouterr().out
    assert said.startswith("fail  reach")
    assert said.count("\n") == 1
