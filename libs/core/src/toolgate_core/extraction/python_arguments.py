"""The arguments of a call in Python's syntax, up to its closing parenthesis.

```
arguments = "(" [ argument { "," argument } ] ")"       argument = [ NAME ("=" | ":") ] value
```
Each argument is emitted once it is complete: a value has no type until then, and Python's strings need their
closing quote found (`python_quotes`). `:` and quoted names are taken, too; models mix in JSON. An argument without a
name is the required parameter in its place, where the tool declares its required ones first; any other is refused,
since guessing would make a valid call with a wrong meaning. Of equal names the first counts: it was emitted.
"""

from __future__ import annotations

import regex

from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.json_reader import MalformedBlockError
from toolgate_core.extraction.python_quotes import NAMED, POSITIONAL, QuoteContext
from toolgate_core.extraction.python_values import PythonValues
from toolgate_core.jsontext import JsonObject, encode_str

_KEYWORD = regex.compile(r"""(?:["'])?(?P<key>[A-Za-z_][\w\-]{0,255})(?:["'])?\s{0,16}[=:]""")


def read_python_arguments(
    reader: BlockReader, call: CallWriter, following: QuoteContext, *, named: bool = False
) -> Steps[bool]:
    """Read arguments up to the closing parenthesis; false where one of them is not a value that JSON has.

    `named`: each one must say its name. Raise `MalformedBlockError` for arguments that do not belong to a call.
    """
    cursor, literals = reader.cursor, PythonValues(reader, following)
    places = [] if named else _places(call)
    seen: set[str] = set()
    while True:
        char = yield from cursor.skip_space()
        if char == ")":
            cursor.take(1)
            break
        # The parenthesis is closed for a model that stopped, but never after a scalar that may have been cut.
        if not char and reader.stopped and not literals.unsure:
            call.add_repairs("missing_close")
            break
        if seen:
            if char != ",":
                raise MalformedBlockError
            cursor.take(1)
            # A trailing comma, as Python allows it.
            if (yield from cursor.skip_space()) == ")":
                continue
        yield from _argument(reader, call, literals, places, seen)
    if not call.empty:
        call.write("}")
    call.add_repairs(*literals.repairs)
    return not literals.foreign


def properties_of(call: CallWriter) -> JsonObject:
    """Return the declared parameters of the call's tool, by name."""
    properties = call.tool.parameters.get("properties") if call.tool else None
    return properties if isinstance(properties, dict) else {}


def _places(call: CallWriter) -> list[str]:
    """Return the arguments that may be without their names: the required ones, where they are declared first."""
    # JSON Schema has no order of parameters, but models see them in the order in which they are declared.
    properties = properties_of(call)
    required = call.tool.parameters.get("required") if call.tool else None
    if not isinstance(required, list):
        return []
    names = list(properties)[: len(required)]
    return names if set(names) == set(map(str, required)) else []


def _argument(
    reader: BlockReader, call: CallWriter, literals: PythonValues, places: list[str], seen: set[str]
) -> Steps[None]:
    cursor, kind = reader.cursor, NAMED
    match = yield from cursor.read_match(_KEYWORD, window=300)
    if match is not None:
        key = match["key"]
        if (yield from cursor.peek()) == "=":
            raise MalformedBlockError  # a comparison
    elif len(seen) < len(places):
        key = places[len(seen)]
        kind = POSITIONAL if len(seen) + 1 < len(places) else NAMED
        call.add_repairs("positional")
    else:
        raise MalformedBlockError
    text = yield from literals.value(kind)
    if key in seen:
        call.add_repairs("duplicate_key")
        return
    seen.add(key)
    call.write(f"{'{' if call.empty else ','}{encode_str(key)}:{text}")
