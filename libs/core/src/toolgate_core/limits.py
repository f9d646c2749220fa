"""The bounds on everything that a stranger can send or serve.

One place, so that they can be read together: `scripts/limits.py` writes `docs/limits.md` from this file. A section
begins with a comment `# == Title ==`; each constant has one line of comment above it that says what it counts, the
unit and why. A service's setting may lower or raise those that say so; the others are fixed.
"""

from __future__ import annotations

from typing import Final

# == Connections and heads ==

# Bytes of a request's head, and of its trailers: the common limit of servers. Beyond it 431, and the connection ends.
MAX_HEAD_BYTES: Final = 64 * 1024

# Bytes of a request's URL; beyond it 414. No path or query of this API comes near it.
MAX_URL_BYTES: Final = 32 * 1024

# Headers of a request; beyond it 431. Browsers and proxies send some thirty.
MAX_HEADERS: Final = 256

# Seconds from a head's first byte to its last, and from a new connection to its first byte; then 408.
HEAD_TIMEOUT_S: Final = 20.0

# Seconds in which at least MIN_BODY_BYTES of a body must come, else 408; the request's own time limit ends it anyway.
BODY_TIMEOUT_S: Final = 20.0

# Bytes that a body must bring in BODY_TIMEOUT_S; slower than any line, and no honest client waits inside its body.
MIN_BODY_BYTES: Final = 16 * 1024

# Requests that wait on one connection for the answers of those before them; the connection ends behind the last.
MAX_PIPELINED: Final = 32

# Client connections at once, default of the setting MAX_CONNECTIONS; at most half of what the process may open.
MAX_CONNECTIONS: Final = 10_000

# Bytes of the file of client keys; some ten thousand keys.
MAX_KEYS_FILE_BYTES: Final = 1024 * 1024

# Bytes of log lines that wait for a reader of stderr; beyond it lines are lost, and counted.
MAX_WAITING_LOG_BYTES: Final = 1024 * 1024

# Seconds for which a connection that was refused is read on, so that its client can read why.
LINGER_S: Final = 2.0

# Bytes that are read on, and thrown away, of a connection that was refused.
MAX_LINGER_BYTES: Final = 64 * 1024 * 1024

# Seconds that a client may take to read the rest of an answer after its connection was closed.
FLUSH_S: Final = 30.0

# == Request bodies ==

# Bytes of all bodies that are read or served at once, default of the setting MAX_BODIES_BYTES; beyond it 503.
MAX_BODIES_BYTES: Final = 256 * 1024 * 1024

# Bytes of a body that do not count among them, so that small requests are served beside the large ones.
FREE_BODY_BYTES: Final = 32 * 1024

# Characters of a model's name in a request or a path; beyond it 400, before anything is looked up.
MAX_MODEL_NAME: Final = 256

# Fields of a form that are looked at for the model's name; audio requests have some ten.
MAX_FORM_FIELDS: Final = 64

# Bytes of a request's body, default of the setting MAX_BODY_BYTES; more than any context window holds as text.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024

# Objects and arrays inside each other, in a whole body; agents' histories stay far below it.
MAX_BODY_NESTING: Final = 256

# Objects and arrays in one field of a body; building 200,000 of them takes some 50 ms that nothing interrupts.
MAX_BODY_CONTAINERS: Final = 200_000

# Values in one field of a body.
MAX_BODY_VALUES: Final = 1_000_000

# Strings in one field of a body that has more brackets or commas than these, so that they have to be counted exactly.
MAX_BODY_STRINGS: Final = 250_000

# Bytes of a body, and of a text to be extracted from, beyond which work on them is done in a thread.
MAX_INLINE_BYTES: Final = 64 * 1024

# Characters of an answer beyond which its calls are settled in a thread.
MAX_INLINE_CHARS: Final = 8 * 1024

# Steps for one value beyond which a schema is one whose calls are settled in a thread, however short.
MAX_INLINE_STEPS: Final = 100

# Bytes of memory that compiled tools may take which are remembered; an estimate.
MAX_REMEMBERED_TOOLS_BYTES: Final = 64 * 1024 * 1024

# Strings of `stop`; OpenAI's limit.
MAX_STOPS: Final = 4

# Calls of one assistant message in the history; as many as one answer of ours may hold.
MAX_CALLS_PER_MESSAGE: Final = 128

# Characters of a client's own text (a name, an id, a reference) that an error message quotes.
MAX_QUOTED: Final = 64

# == Tools ==

# Tools of one request; OpenAI's limit.
MAX_TOOLS: Final = 128

# Characters of a tool's name; OpenAI's limit.
MAX_TOOL_NAME: Final = 64

# Levels of schemas inside schemas; the walks over a schema are recursive.
MAX_SCHEMA_NESTING: Final = 100

# Schemas that may apply to one value, over all ways of references; else checking a value is exponential.
MAX_SCHEMA_EXPANSION: Final = 2_000

# Characters of a model's name that are looked at for its family and its preset; their patterns backtrack.
MAX_FAMILY_NAME: Final = 256

# Schemas in one schema; each costs 5 µs to compile, in one call that nothing interrupts.
MAX_SCHEMAS: Final = 10_000

# Values in the enums of one schema, and names in its lists of required ones, together.
MAX_LISTED: Final = 20_000

# Schemas in all tools of a request.
MAX_SCHEMAS_PER_REQUEST: Final = 50_000

# Characters of a pattern.
MAX_PATTERN: Final = 8_192

# States that all patterns of a schema compile to, in copies of a letter (`.` counts 15, a Unicode class 1,000); 40 ms.
MAX_PATTERN_STATES: Final = 150_000

# States that all patterns of a request's tools compile to.
MAX_PATTERN_STATES_PER_REQUEST: Final = 400_000

# Bytes of one compiled pattern; beyond it the engine gives up.
MAX_PATTERN_BYTES: Final = 8 * 1024 * 1024

# Types in a list of `type`; JSON Schema has seven.
MAX_TYPES: Final = 32

# Characters of a word in `type`; the longest that means anything (`list[...]` of other languages) is far shorter.
MAX_TYPE_WORD: Final = 64

# Characters of a `$ref`; it is followed again for each value that it applies to.
MAX_REFERENCE: Final = 1_000

# Items that a bound on an array may name in a schema sent upstream; grammars write repetitions out.
MAX_SENT_ITEMS: Final = 1_000

# Schemas of a tuple's items that are sent upstream as alternatives.
MAX_SENT_TUPLE: Final = 16

# Bytes of memory that remembered decision schemas may take, and checked answer formats as many; an estimate.
MAX_REMEMBERED_DECISIONS_BYTES: Final = 32 * 1024 * 1024

# == What a model writes ==

# Characters of one call's arguments; longer ones are a fault of the model.
MAX_ARGUMENTS: Final = 1024 * 1024

# Steps of checking a value: its parts, times the schemas and listed values that may apply to one; some 5 ns each.
MAX_CHECK_STEPS: Final = 5_000_000

# Characters of a value's texts, times the states of the patterns that they are searched with; some 2 ns each at worst.
MAX_SEARCH_STEPS: Final = 20_000_000

# Steps of backtracking for all texts of a value, where a pattern looks around or back; 0.4 µs each.
BACKTRACK_STEPS: Final = 65_536

# Steps of backtracking below which no text can be checked, so that a value with very many texts is not valid.
MIN_BACKTRACK_STEPS: Final = 64

# Pairs of a schema and a part of a value that are visited to tell what checking or explaining costs.
MAX_VISITS: Final = 3_000

# Parts of a value that are copied into explanations of what is wrong with it.
MAX_EXPLAINED: Final = 50_000

# Steps of one coercion: schemas applied to values, and what they list; some 5 µs each.
MAX_COERCION_STEPS: Final = 20_000

# Characters of text that one coercion reads for another type than a string, each time counted.
MAX_COERCION_CHARS: Final = 2 * 1024 * 1024

# Options of an enum that are compared in other forms (case, spacing, type); in a longer one only equal values count.
MAX_FOLDED_OPTIONS: Final = 1_000

# Characters of all of them.
MAX_FOLDED_CHARS: Final = 64 * 1024

# Schemas that are looked through for the types that a value may have; beyond them any will do.
MAX_TYPE_PARTS: Final = 128

# Violations of a schema that are quoted to the model; it fixes the first ones first.
MAX_VIOLATIONS: Final = 5

# == What an upstream serves ==

# Bytes of a whole answer that is read before it is passed on.
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024

# Bytes of one event of a stream; an unfinished event is held.
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024

# Bytes of an error's body; the rest of it is not read.
MAX_ERROR_BYTES: Final = 256 * 1024

# Bytes of a list of models.
MAX_MODEL_LIST_BYTES: Final = 16 * 1024 * 1024

# Names of models that are remembered for upstreams without a list of them.
MAX_REMEMBERED_MODELS: Final = 1024

# Bytes of a whole stream: a million tokens, one event each.
MAX_STREAM_BYTES: Final = 256 * 1024 * 1024

# Bytes that one read makes of compressed ones at most; a bomb is met piece by piece.
MAX_INFLATED_READ_BYTES: Final = 256 * 1024

# Characters of text, reasoning and arguments in one answer; what is held until a call has settled is held in memory.
MAX_ANSWER_CHARS: Final = 32 * 1024 * 1024

# Calls of one answer; official clients parse no more.
MAX_CALLS: Final = 128

# Bytes of fields in one message that are not OpenAI's and are passed on; enough for a few images.
MAX_FIELDS_BYTES: Final = 16 * 1024 * 1024

# Tokens that a usage may count; beyond it the number is an error of the upstream's.
MAX_TOKEN_COUNT: Final = 2**53

# Headers of an upstream's answer that are passed on.
MAX_FORWARDED_HEADERS: Final = 64

# Characters of the value of one such header.
MAX_FORWARDED_HEADER: Final = 1024

# == What the ladder reads and remembers ==

# Forms of requests of one model whose refusal or acceptance is remembered; the fields in a form are the client's.
MAX_REMEMBERED_REFUSALS: Final = 1024

# Equal calls (name and arguments) of one answer; models do repeat a call, but not for ever.
MAX_EQUAL_CALLS: Final = 5

# White space in a row, in characters, after which an answer counts as a runaway; no prose or code has as much.
MAX_BLANK: Final = 1_024

# Characters at the start of a native answer that may be held to see whether it is a call in disguise.
MAX_SCREENED: Final = 64 * 1024

# Characters of an upstream's error message that are passed on; longer ones quote the request.
MAX_ERROR_MESSAGE: Final = 2_000

# Characters of an upstream's error code and of its `param`.
MAX_ERROR_CODE: Final = 100

# Characters of a fault that the error of a request quotes.
MAX_FAULT_DETAIL: Final = 400
