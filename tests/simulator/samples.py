"""Shared by the simulator's tests: sample tools, constraints, and a way to ask a persona directly."""

from __future__ import annotations

from typing import Any

from toolgate_simulator.behaviour import answer
from toolgate_simulator.mishaps import Draft
from toolgate_simulator.personas import load_personas

Json = dict[str, Any]
PERSONAS = load_personas()


def tool(name: str, description: str, required: tuple[str, ...] = (), **properties: Json) -> Json:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
WEATHER = tool(
    "get_weather",
    "Get the weather of a city",
    ("city",),
    city=TEXT,
    days=WHOLE,
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)
CALCULATOR = tool("calculator", "Evaluate an arithmetic expression", ("expression",), expression=TEXT)
CLOCK = tool("time_now", "Tell the current time", timezone=TEXT)
SYSTEM = tool(
    "system_info",
    "State of the system",
    sections={"type": "array", "items": {"type": "string", "enum": ["cpu", "memory", "disk", "runtime"]}},
)
TOOLS = [WEATHER, CALCULATOR, CLOCK, SYSTEM]


def user(text: str) -> list[Json]:
    return [{"role": "user", "content": text}]


def decision_schema(tools: list[Json], *, forced: bool = False, most: int | None = None) -> Json:
    """Return the JSON Schema of "these calls, or an answer", as a gateway would send it."""
    one_of = [
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "enum": [entry["function"]["name"]]},
                "arguments": entry["function"]["parameters"],
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for entry in tools
    ]
    calls: Json = {"type": "array", "minItems": 1, "items": one_of[0] if len(one_of) == 1 else {"anyOf": one_of}}
    if most:
        calls["maxItems"] = most
    call = {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": ["call"]}, "calls": calls},
        "required": ["action", "calls"],
        "additionalProperties": False,
    }
    spoken = {
        "type": "object",
        "properties": {"action": {"type": "string", "enum": ["answer"]}, "answer": TEXT},
        "required": ["action", "answer"],
        "additionalProperties": False,
    }
    return {"type": "object", "anyOf": [call]} if forced else {"type": "object", "anyOf": [call, spoken]}


def constrained(schema: Json) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "decision", "schema": schema}}


def ask(text: str, *, persona: str = "qwen-strong", seed: int = 0, **more: Any) -> Draft:
    """Return what a persona answers to a question; `messages` in `more` takes the question's place."""
    body = {"messages": user(text), **more}
    return answer(body, PERSONAS[persona], seed)


def called(text: str, **more: Any) -> list[tuple[str, Json]]:
    """Return the native calls that a persona makes."""
    return [(call.name, call.arguments) for call in ask(text, **{"tools": TOOLS, **more}).calls]
