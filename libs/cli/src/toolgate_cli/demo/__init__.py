"""`toolgate demo`: tool calls end to end, with real processes and the official client."""

from __future__ import annotations

import json
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
from openai import DefaultHttpxClient, OpenAI
from rich.console import Console

from toolgate_cli.demo.asking import Row, ask, cases
from toolgate_cli.demo.loop import run_loop
from toolgate_cli.demo.questions import QUESTIONS
from toolgate_cli.demo.report import new_console, table
from toolgate_cli.stack import Stack, terminated_as_interrupt

PERSONAS = ("gpt-oss-20b", "gpt-oss-20b-recent", "qwen-strong", "hermes-leaky", "plain-text")
MODES = ("auto", "emulate")


def run(options: Namespace) -> int:
    """Run the command: 0 where every call is right."""
    console = new_console()
    began = time.perf_counter()
    with terminated_as_interrupt(), ExitStack() as held:
        folder = Path(options.logs or held.enter_context(tempfile.TemporaryDirectory(prefix="toolgate-")))
        folder.mkdir(parents=True, exist_ok=True)
        console.print("Starting the services and a simulated model, each in a separate process …")
        stack = held.enter_context(Stack(folder.resolve()))
        for process in stack.processes:
            console.print(f"  {process.name:<19} 127.0.0.1:{process.port:<6} pid {process.pid}")
        problems = _show(console, stack)
    seconds = time.perf_counter() - began
    if problems:
        console.print(f"\n[bold red]Failed[/] after {seconds:.1f} s:")
        for problem in problems:
            console.print(f"  {problem}", markup=False)
        return 1
    console.print(f"\n[bold green]Every call was valid and right.[/] All processes have ended; {seconds:.1f} s in all.")
    return 0


def _show(console: Console, stack: Stack) -> list[str]:
    """Send all requests, print the results, and return the problems."""
    with ExitStack() as held:
        http = held.enter_context(httpx.Client(base_url=stack.gateway_url, timeout=30.0, trust_env=False))
        clients = {mode: held.enter_context(_client(stack, mode)) for mode in MODES}
        rows = [ask(clients[case.mode], case) for case in cases(PERSONAS, MODES, QUESTIONS)]
        console.print()
        console.print(table(rows))
        console.print("\n[bold]A loop of two turns with a tool that runs on the server[/]")
        problems = [f"{row.case.persona}, {row.case.mode}: {row.problem}" for row in rows if row.problem]
        problems += run_loop(console, clients["auto"], http, PERSONAS[0])
        stats = http.get("/stats").raise_for_status().json()
    console.print("\n[bold]GET /stats[/]")
    console.print(json.dumps(stats, indent=2, ensure_ascii=False), markup=False, highlight=False)
    return problems + _uncounted(rows, stats["statistics"]["total_requests"])


def _client(stack: Stack, mode: str) -> OpenAI:
    path = "/v1" if mode == "auto" else f"/{mode}/v1"
    return OpenAI(
        base_url=stack.gateway_url + path,
        api_key="none",
        max_retries=0,
        http_client=DefaultHttpxClient(trust_env=False, timeout=60.0),
    )


def _uncounted(rows: Sequence[Row], counted: int) -> list[str]:
    sent = len(rows) + 2  # the loop's two turns
    return [] if counted == sent else [f"/stats counted {counted} requests, {sent} were sent"]
