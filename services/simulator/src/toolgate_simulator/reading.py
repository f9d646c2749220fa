"""Read a request as a model does: conversation, tools, constraints, and the wanted form of the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from toolgate_simulator.constrain import ANSWER_WORDS, ANY, callable_names, requires_call, tools_in_schema
from toolgate_simulator.conversation import read_conversation, text_of
from toolgate_simulator.forms import find_form
from toolgate_simulator.jsonfind import find_json
from toolgate_simulator.mind import prompt_allows_one, prompt_forces
from toolgate_simulator.personas import Persona
from toolgate_simulator.tool_finder import declared_tools, find_tools
from toolgate_simulator.values import Json, ToolSpec, Turn

_FOLLOWS = re.compile(r"\b(?:match(?:es)?|follows?|conforms? to) this (?:JSON )?schema:?\s*(?={)", re.IGNORECASE)
Channel = Literal["native", "guided", "bridge", "convert", "text", "draft", "none", "chat"]


@dataclass(frozen=True)
class Reading:
    """A request as a model reads it.

    Attributes:
        turn: the conversation.
        tools: the tools that may be called.
        channel: how the answer was asked for.
        schema: the JSON Schema that holds for the answer's text, if any.
        json_object: the answer has to be some JSON object.
        forced: an answer without a call was excluded.
        most: calls that one turn may have; None for any.
        prompt: the instructions without the tools' definitions.
        held: a grammar holds the calls to their tools' schemas.
    """

    turn: Turn
    tools: tuple[ToolSpec, ...]
    channel: Channel
    schema: Json | None
    json_object: bool
    forced: bool
    most: int | None
    prompt: str
    held: bool = False


def read_request(body: Json, persona: Persona) -> Reading:
    """Read a request as `persona` would: messages, tools and constraints, nothing else."""
    turn = read_conversation(body["messages"])
    schema, json_object = _constraint(body, persona)
    most = None if persona.parallel and body.get("parallel_tool_calls") is not False else 1
    choice = body.get("tool_choice") or "auto"
    declared = declared_tools(body.get("tools"))
    plain = Reading(turn, (), "chat", schema, json_object, forced=False, most=most, prompt=turn.instructions)
    if declared and choice == "none":
        return replace(plain, tools=tuple(declared), channel="none")
    if declared:
        held = all(tool["function"].get("strict") for tool in body["tools"])
        return replace(_read_native(plain, declared, choice), held=held)
    tools, prompt = _prompt_tools(body["messages"], turn)
    plain = replace(plain, prompt=prompt, most=1 if prompt_allows_one(prompt) else most)
    if schema is not None and callable_names(schema, schema):
        return _read_bridge(plain, tools, schema)
    return _read_prompt(plain, tools) if tools else plain


def _read_native(plain: Reading, tools: list[ToolSpec], choice: Any) -> Reading:
    named = choice["function"]["name"] if isinstance(choice, dict) else None
    usable = tuple(tool for tool in tools if named in (None, tool.name))
    if choice == "required" or named is not None:
        # vLLM's grammar of a forced call leaves no room for another constraint.
        most = 1 if named else plain.most
        return replace(plain, tools=usable, channel="native", schema=None, json_object=False, forced=True, most=most)
    if plain.schema is not None and callable_names(plain.schema, plain.schema):
        return replace(_read_bridge(plain, tools, plain.schema), channel="guided")
    return replace(plain, tools=usable, channel="guided" if plain.schema else "native")


def _read_bridge(plain: Reading, tools: list[ToolSpec], schema: Json) -> Reading:
    names = callable_names(schema, schema)
    tools = tools or tools_in_schema(schema, schema)
    usable = tuple(tool for tool in tools if ANY in names or tool.name in names | ANSWER_WORDS)
    channel: Channel = "convert" if plain.turn.draft else "bridge"
    return replace(plain, tools=usable, channel=channel, json_object=False, forced=requires_call(schema, schema))


def _read_prompt(plain: Reading, tools: list[ToolSpec]) -> Reading:
    must, only = prompt_forces(plain.prompt, tools)
    usable = tuple(tool for tool in tools if only in (None, tool.name))
    channel: Channel = "convert" if plain.turn.draft else "text" if find_form(plain.prompt) else "draft"
    return replace(plain, tools=usable, channel=channel, forced=must)


def _prompt_tools(messages: Sequence[Json], turn: Turn) -> tuple[list[ToolSpec], str]:
    found, rest = find_tools(turn.instructions)
    if found:
        return found, rest
    users = (text_of(message.get("content")) for message in messages if message.get("role") == "user")
    first = next(users, "")
    if "{" not in first or not turn.question or first.strip() == turn.question:
        return [], rest
    found, rest = find_tools(first)
    return found, rest


def schema_in_prompt(prompt: str) -> Json | None:
    """Return the JSON Schema that a prompt asks an answer in words to follow; None where it asks for none."""
    asked = _FOLLOWS.search(prompt)
    if asked is None:
        return None
    _, _, found = next(find_json(prompt[asked.end() :]), (0, 0, None))
    return found if isinstance(found, dict) else None


def _constraint(body: Json, persona: Persona) -> tuple[Json | None, bool]:
    """Return the schema that the answer has to follow, and whether any JSON object would do."""
    structured = body.get("structured_outputs") or {}
    wanted = body.get("response_format") or {}
    schema = structured.get("json")
    if wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema", {})
    anything = wanted.get("type") == "json_object" or bool(structured.get("json_object"))
    return (schema, anything) if isinstance(schema, dict) and persona.json_schema != "refused" else (None, anything)
