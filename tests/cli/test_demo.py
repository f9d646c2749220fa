from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from toolgate_cli.demo.asking import Reply, problem_of, readable
from toolgate_cli.demo.questions import Question
from toolgate_cli.demo.report import way
from toolgate_cli.stack import ServiceProcess, StackError, free_ports

PARIS = Question("What is the weather in Paris?", "get_weather", {"city": "Paris"})
FACTS = {"strategy": "native", "attempts": []}


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.slow
def test_the_demo_shows_the_main_job_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "toolgate_cli", "demo", "--logs", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        seen: list[psutil.Process] = []
        output = []
        for line in process.stdout:
            output.append(line)
            seen = seen or ([] if "persona" not in line else descendants(process))
        assert process.wait(60) == 0, "".join(output)
    text = "".join(output)
    for word in ("gpt-oss-20b-recent", "qwen-strong", "hermes-leaky", "plain-text", "emulate", "7006652", "/stats"):
        assert word in text
    assert len(seen) == 5
    assert [process for process in seen if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
    assert len(list(tmp_path.glob("*.log"))) == 5


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_no_process_either(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "toolgate_cli", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        children: list[psutil.Process] = []
        deadline = time.monotonic() + 30
        while len(children) < 5 and time.monotonic() < deadline:
            children = descendants(process)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    # CPython ends by SIGINT itself where the interrupt came within exec() of a string; a shell says 130 either way.
    assert process.returncode in (130, -signal.SIGINT), output
    assert psutil.wait_procs(children, timeout=10)[1] == []


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (Reply([("get_weather", '{"city": "Paris"}')], "tool_calls", FACTS), ""),
        (Reply([], "stop", FACTS), "expected one call, got 0"),
        (Reply([("launch", "{}")], "tool_calls", FACTS), "not a declared tool"),
        (Reply([("get_weather", '{"city": ')], "tool_calls", FACTS), "not JSON"),
        (Reply([("get_weather", '{"days": 1}')], "tool_calls", FACTS), "do not fit the schema"),
        (Reply([("get_weather", '{"city": "Rome"}')], "tool_calls", FACTS), 'expected get_weather({"city": "Paris"})'),
        (Reply([("get_weather", '{"city": "Paris"}')], "stop", FACTS), "finish_reason is stop"),
        (Reply([("get_weather", '{"city": "Paris"}')], "tool_calls", {}), "no `toolgate` field"),
    ],
)
def test_a_reply_is_judged_by_its_call(reply: Reply, word: str) -> None:
    problem = problem_of(reply, PARIS)
    assert word in problem
    assert bool(problem) == bool(word)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [('{"city": "서울", "days": 3}', 'f(city="서울", days=3)'), ("{}", "f()"), ("[1]", "f([1])"), ("{", "f({)")],
)
def test_a_call_is_shown_as_a_person_writes_it(arguments: str, shown: str) -> None:
    assert readable("f", arguments) == shown


def test_failed_attempts_are_shown_in_order_and_counted() -> None:
    assert way([("native", "success_tool")]) == "-"
    attempts = [("native", "no_tool_call"), *[("bridge", "parse_error")] * 2, ("bridge", "success_tool")]
    assert way(attempts) == "native no_tool_call → bridge parse_error ×2"


def test_a_process_that_ends_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    [port] = free_ports(1)
    process = ServiceProcess("simulator", port, tmp_path, {}, ("--port", "none"))
    process.start()
    child = psutil.Process(process.pid)
    while child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    with pytest.raises(StackError, match="simulator ended with status 2"):
        process.check()


def test_a_process_that_was_not_started_has_no_pid(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="simulator has not been started"):
        _ = ServiceProcess("simulator", 1, tmp_path, {}).pid
