"""Limits on everything that a client, a model or an upstream can send.

`scripts/limits.py` writes `docs/limits.md` from this file. A section begins with a comment `# == Title ==`; one line
of comment above each constant says what it counts, the unit and why. Settings may change those that say so; the
others are fixed.
"""

from __future__ import annotations

from typing import Final

# == Connections and heads ==

# Bytes of a request's head, or of its trailers; a common limit of servers. Beyond it 431, and the connection closes.
MAX_HEAD_BYTES: Final = 64 * 1024

# Bytes of a request's URL; longer ones get 414. No path or query of this API comes close.
MAX_URL_BYTES: Final = 32 * 1024

# Headers of a request; more get 431. Browsers and proxies send about thirty.
MAX_HEADERS: Final = 256

# Seconds from the first to the last byte of a head, and from a new connection to its first byte; then 408.
HEAD_TIMEOUT_S: Final = 20.0

# Seconds in which at least MIN_BODY_BYTES of a body must arrive; then 408. The request's time limit applies as well.
BODY_TIMEOUT_S: Final = 20.0

# Bytes of a body that must arrive in BODY_TIMEOUT_S; real connections are faster, and real clients do not pause.
MIN_BODY_BYTES: Final = 16 * 1024

# Pipelined requests that wait on one connection; one more gets 429, and the connection closes after the last answer.
MAX_PIPELINED: Final = 32

# Concurrent client connections; default of the setting MAX_CONNECTIONS, capped at half of the process's file limit.
MAX_CONNECTIONS: Final = 10_000

# Bytes of the file of client keys; enough for about ten thousand keys.
MAX_KEYS_FILE_BYTES: Final = 1024 * 1024

# Bytes of log lines that wait to be written to stderr; further lines are dropped and counted.
MAX_WAITING_LOG_BYTES: Final = 1024 * 1024

# Seconds for which the gateway keeps reading from a rejected connection, so that the client can read the error.
LINGER_S: Final = 2.0

# Bytes that the gateway reads and discards from a rejected connection.
MAX_LINGER_BYTES: Final = 64 * 1024 * 1024

# Seconds in which a client must read the rest of an answer after its connection was closed.
FLUSH_S: Final = 30.0

# == Request bodies ==

# Total bytes of all bodies in progress; default of the setting MAX_BODIES_BYTES. Further requests get 503.
MAX_BODIES_BYTES: Final = 256 * 1024 * 1024

# Bytes of each body that do not count towards MAX_BODIES_BYTES, so that large requests do not block small ones.
FREE_BODY_BYTES: Final = 32 * 1024

# Characters of a model's name in a request or a path; longer ones get 400, before any lookup.
MAX_MODEL_NAME: Final = 256

# Fields of a form that are searched for the model's name; audio requests have about ten.
MAX_FORM_FIELDS: Final = 64

# Bytes of a request's body; default of the setting MAX_BODY_BYTES. No context window holds as much text.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024

# Nesting depth of objects and arrays in a body; agents' histories stay far below it.
MAX_BODY_NESTING: Final = 256

# Objects and arrays in one field of a body; to build 200,000 of them blocks the event loop for about 50 ms.
MAX_BODY_CONTAINERS: Final = 200_000

# Values in one field of a body.
MAX_BODY_VALUES: Final = 1_000_000

# Strings in one field of a body; counted only where the field has more brackets or commas than the two limits above.
MAX_BODY_STRINGS: Final = 250_000

# Bytes of a body, or of a text for extraction, above which the work on it moves to a thread.
MAX_INLINE_BYTES: Final = 64 * 1024

# Characters of an answer above which its calls are settled in a thread.
MAX_INLINE_CHARS: Final = 8 * 1024

# Steps per value above which a schema's calls are settled in a thread, however short they are.
MAX_INLINE_STEPS: Final = 100

# Estimated memory of the cached compiled tools, in bytes.
MAX_REMEMBERED_TOOLS_BYTES: Final = 64 * 1024 * 1024

# Strings in `stop`; OpenAI's limit.
MAX_STOPS: Final = 4

# Calls in one assistant message of the history; the same as MAX_CALLS of an answer.
MAX_CALLS_PER_MESSAGE: Final = 128

# Characters of a client's text (a name, an id, a reference) that an error message quotes.
MAX_QUOTED: Final = 64

# == Tools ==

# Tools of one request; OpenAI's limit.
MAX_TOOLS: Final = 128

# Characters of a tool's name; OpenAI's limit.
MAX_TOOL_NAME: Final = 64

# Nesting depth of a schema; the functions that walk it are recursive.
MAX_SCHEMA_NESTING: Final = 100

# Schemas that may apply to one value, through all paths of references; without this limit a check is exponential.
MAX_SCHEMA_EXPANSION: Final = 2_000

# Characters of a model's name that are matched against families and presets; the patterns backtrack.
MAX_FAMILY_NAME: Final = 256

# Subschemas of one schema; each takes 5 µs to compile, all in one call that blocks the event loop.
MAX_SCHEMAS: Final = 10_000

# Values in the enums of one schema plus names in its `required` lists.
MAX_LISTED: Final = 20_000

# Subschemas of all tools of a request.
MAX_SCHEMAS_PER_REQUEST: Final = 50_000

# Characters of a pattern.
MAX_PATTERN: Final = 8_192

# States of all compiled patterns of a schema, in copies of a letter (`.` counts 15, a Unicode class 1,000); 40 ms.
MAX_PATTERN_STATES: Final = 150_000

# States of all compiled patterns of a request's tools.
MAX_PATTERN_STATES_PER_REQUEST: Final = 400_000

# Bytes of one compiled pattern; the regex engine fails above it.
MAX_PATTERN_BYTES: Final = 8 * 1024 * 1024

# Types in a `type` list; JSON Schema has seven.
MAX_TYPES: Final = 32

# Characters of a word in `type`; the longest known one (such as `list[...]` of other languages) is far shorter.
MAX_TYPE_WORD: Final = 64

# Characters of a `$ref`, which is resolved again for each value.
MAX_REFERENCE: Final = 1_000

# `minItems` and `maxItems` in a schema that is sent upstream; grammars unroll repetitions.
MAX_SENT_ITEMS: Final = 1_000

# Item schemas of a tuple that are sent upstream as alternatives.
MAX_SENT_TUPLE: Final = 16

# Estimated memory of the cached decision schemas, in bytes. Cached answer formats, and declarations of tools, may each
# use as much again.
MAX_REMEMBERED_DECISIONS_BYTES: Final = 32 * 1024 * 1024

# == What a model writes ==

# Characters of one call's arguments; longer ones are a fault of the model.
MAX_ARGUMENTS: Final = 1024 * 1024

# Steps to validate a value: its parts times the schemas and enum values that may apply to one; about 5 ns each.
MAX_CHECK_STEPS: Final = 5_000_000

# Characters of a value's strings times the states of the patterns that search them; at most about 2 ns each.
MAX_SEARCH_STEPS: Final = 20_000_000

# Backtracking steps for all strings of a value, for patterns with lookaround or backreferences; 0.4 µs each.
BACKTRACK_STEPS: Final = 65_536

# Backtracking steps that each string needs at least; a value with so many strings that each gets fewer is invalid.
MIN_BACKTRACK_STEPS: Final = 64

# Pairs of schema and value part that are visited to estimate the cost of a check or an explanation.
MAX_VISITS: Final = 3_000

# Parts of a value that are copied into explanations of its violations.
MAX_EXPLAINED: Final = 50_000

# Steps of one coercion: schemas applied to values, and the values that they list; about 5 µs each.
MAX_COERCION_STEPS: Final = 20_000

# Characters of strings that one coercion parses as another type; a string counts each time that it is parsed.
MAX_COERCION_CHARS: Final = 2 * 1024 * 1024

# Enum values that are also compared without regard to case, spacing and type; longer enums are compared exactly.
MAX_FOLDED_OPTIONS: Final = 1_000

# Total characters of the enum values that are compared like this.
MAX_FOLDED_CHARS: Final = 64 * 1024

# Subschemas that are searched for the types that a value may have; above it any type is accepted.
MAX_TYPE_PARTS: Final = 128

# Schema violations that are quoted to the model, which fixes the first ones first.
MAX_VIOLATIONS: Final = 5

# == What an upstream serves ==

# Bytes of an unstreamed response, which is read whole before it is forwarded.
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024

# Bytes of one event of a stream; an incomplete event is buffered.
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024

# Bytes of an error's body that are read.
MAX_ERROR_BYTES: Final = 256 * 1024

# Bytes of a model list.
MAX_MODEL_LIST_BYTES: Final = 16 * 1024 * 1024

# Model names that are cached for upstreams without a model list.
MAX_REMEMBERED_MODELS: Final = 1024

# Bytes of a whole stream: a million tokens, one event each.
MAX_STREAM_BYTES: Final = 256 * 1024 * 1024

# Bytes that one read may decompress to, so that a decompression bomb never fills the memory.
MAX_INFLATED_READ_BYTES: Final = 256 * 1024

# Characters of text, reasoning and arguments in one answer, which may be buffered until a call has settled.
MAX_ANSWER_CHARS: Final = 32 * 1024 * 1024

# Calls of one answer; official clients parse no more.
MAX_CALLS: Final = 128

# Bytes of unknown fields in one message that are passed on; enough for a few images.
MAX_FIELDS_BYTES: Final = 16 * 1024 * 1024

# Tokens in a usage count; a larger number is an error of the upstream.
MAX_TOKEN_COUNT: Final = 2**53

# Headers of an upstream's response that are forwarded.
MAX_FORWARDED_HEADERS: Final = 64

# Characters in the value of a forwarded header.
MAX_FORWARDED_HEADER: Final = 1024

# == What the ladder reads and remembers ==

# Forms of requests per model whose refusal or acceptance is remembered; clients choose the fields in a form.
MAX_REMEMBERED_REFUSALS: Final = 1024

# Equal calls (same name and arguments) in one answer; models may repeat a call a few times.
MAX_EQUAL_CALLS: Final = 5

# Consecutive white-space characters after which an answer counts as a runaway; no prose or code has as many.
MAX_BLANK: Final = 1_024

# Characters at the start of a native answer that may be held to detect a call in disguise.
MAX_SCREENED: Final = 64 * 1024

# Characters of an upstream's error message that are forwarded; longer messages quote the request.
MAX_ERROR_MESSAGE: Final = 2_000

# Characters of an upstream's error `code`, and of its `param`.
MAX_ERROR_CODE: Final = 100

# Characters of a fault that an error message quotes.
MAX_FAULT_DETAIL: Final = 400
