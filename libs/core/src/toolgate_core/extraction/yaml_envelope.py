"""Envelopes that are written in YAML instead of JSON, between the same markers.

```
body = ["-"] "name:" NAME  "arguments:" mapping …           up to a closing tag of any name, or the next opener
```
Granite 4 writes hermes' calls so at times, and closes them with an invented tag (`</weather>`). The body has
no braces that would balance, so its end is a tag at the start of a line. Nothing is emitted before that: indentation
can be read only as a whole. False where the body is not YAML or names no call; then nothing was emitted, and the text
stays.
"""

from __future__ import annotations

import regex

from toolgate_core.dialects.base import EnvelopeGrammar
from toolgate_core.extraction.block_reader import BlockReader
from toolgate_core.extraction.call_writer import CallWriter
from toolgate_core.extraction.cursor import Steps
from toolgate_core.extraction.envelope_patterns import EnvelopePatterns
from toolgate_core.extraction.json_calls import calls_in
from toolgate_core.extraction.json_reader import MalformedBlockError
from toolgate_core.extraction.yaml_body import dedented, read_until, yaml_value

_YAML = regex.compile(r"(?:-[ \t]{1,8})?(?:name|function|tool_name)[ \t]{0,8}:[ \t\n]")


def read_yaml_envelopes(reader: BlockReader, grammar: EnvelopeGrammar, patterns: EnvelopePatterns) -> Steps[bool]:
    """Read calls that are written in YAML, up to a closing tag of any name."""
    if (yield from reader.cursor.peek_match(_YAML, window=128)) is None:
        return False
    try:
        text = yield from read_until(reader, patterns.yaml_edge)
        found = calls_in(yaml_value(dedented(text)), grammar)
    except MalformedBlockError:
        return False
    for one in found:
        call = CallWriter(reader)
        call.call_id = one.call_id
        # In YAML a key without a value is null or an empty text.
        arguments = {} if one.arguments in (None, "") else one.arguments
        if not isinstance(arguments, dict) or not call.begin(one.name):
            return False
        if arguments:
            call.write_value(arguments)
        call.add_repairs("yaml_body")
        call.end()
    yield from reader.cursor.read_match(patterns.yaml_edge)
    return bool(found)
