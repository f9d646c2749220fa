r"""The records that a dialect is made of: grammars, which describe how calls are read, and a writer for prompts.

Grammars are data. Each kind of grammar has one frame in `toolgate_core.extraction.frames` that reads it, so that a new
dialect of a known kind is a new record and nothing else.

Where a grammar holds a pattern, it is a regular expression (of the package `regex`) with one condition: a match must
stay the same however much text follows, because frames match against text that is still coming. So a pattern does not
end in an optional part, in `\Z` or in a negative look-ahead, and its quantifiers are bounded (`\s{0,16}`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from toolgate_core.types.requests import ToolChoice, ToolDefinition


class Grammar(Struct, frozen=True, kw_only=True):
    """The attributes of every grammar.

    Attributes:
        tags: names of opening tags (`tool_call` for `<tool_call …>`); white space, `/` or `>` must follow the name.
        tokens: openers that are used unchanged.
        close_tags: names of closing tags; one without its opener is markup, once there has been a call.
        close_tokens: closers that are used unchanged; the same holds.
        special: the markers are special tokens of a model, so that they count even inside code.
        where: openers count anywhere, only where a line begins, or only where a word begins.
        begins: a pattern of how a block without an opener begins; it counts only where a text begins.
        auto: the openers cannot be ordinary prose; they are looked for whichever dialect was asked for.
        after: what becomes of text after a block: it is text, or it is dropped because the block ends the turn.
        plain_opener: the openers are ordinary characters, so that text which the end cuts after one stays text.
    """

    tags: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    close_tags: tuple[str, ...] = ()
    close_tokens: tuple[str, ...] = ()
    special: bool = False
    where: Literal["anywhere", "line", "word"] = "anywhere"
    begins: str = ""
    auto: bool = True
    after: Literal["emit", "drop"] = "emit"
    plain_opener: bool = False


class EnvelopeGrammar(Grammar, frozen=True, kw_only=True):
    """A JSON object, several of them or an array of them, each with name and arguments, between the markers.

    Attributes:
        open: a pattern of what opens a block; unset: any of the markers.
        keyed: the key of each object is the tool's name, its value the arguments.
        bare: there are no markers, so that an object counts only with a declared name and with arguments.
        close: a pattern of what closes a block; unset: any of the closing markers.
        yaml: the same may be written in YAML, up to any closing tag.
    """

    open: str = ""
    name_keys: tuple[str, ...] = ("name",)
    argument_keys: tuple[str, ...] = ("arguments", "parameters")
    id_keys: tuple[str, ...] = ("id", "call_id")
    keyed: bool = False
    bare: bool = False
    close: str = ""
    yaml: bool = False


class NamedGrammar(Grammar, frozen=True, kw_only=True):
    """The name is in a header, the arguments are one JSON object after it.

    Attributes:
        call: a pattern of all that is before the object, opener included; group `name`, perhaps group `id`.
        close: a pattern of what closes the call.
        empty: a pattern of a block without a call.
        declared_only: only the names of declared tools open a call.
        numbered: a number may be in the place of the name; then the tool is inferred from the arguments.
        no_arguments: a pattern of the opener and the name of a declared tool that takes no arguments; it counts where
            the text ends, or where a closer or an opener of a call follows.
    """

    call: str
    close: str
    empty: str = ""
    declared_only: bool = False
    numbered: bool = False
    no_arguments: str = ""


class TaggedGrammar(Grammar, frozen=True, kw_only=True):
    """One element per call, one element per argument; the value's type comes from the tool's schema.

    Attributes:
        section: a pattern of the tag around the calls; it may be missing.
        section_close: a pattern of its end.
        call: a pattern of what opens a call; group `name`, or `inside` with attributes.
        call_close: a pattern of what closes it; `{name}` in it is the name of the call.
        parameter: a pattern of what opens an argument; group `key`, or `inside` with attributes, perhaps `kind`.
        parameter_close: a pattern of what closes it.
        name_attribute: the attribute of a call that is the tool's name.
        key_attribute: the attribute of an argument that is its key.
        kind_attribute: the attribute that says whether the value is raw (`true` or `string`) or JSON; unset: none.
        entities: whether the five XML entities and numeric ones are decoded, once: `always`, and CDATA sections count
            anywhere in a value; `unless_markup`, not in values that hold tags, which are meant as they are; or `never`.
            A CDATA section at the beginning of a value counts in any case.
        trim: the white space around a value that is layout: none, one line break on each side (`line`), the same where
            the value begins with one (`layout`), all (`strip`).
        property_tags: a tag named after a declared parameter opens that parameter.
        declared_only: only the names of declared tools open a call, and only where arguments follow; with
            `property_tags`, any element in such a call is an argument.
        bare_name: the name is plain text after the opener, so that without arguments only a declared one counts.
        yaml: the arguments may be a YAML mapping.
    """

    section: str = ""
    section_close: str = ""
    call: str
    call_close: str
    parameter: str
    parameter_close: str
    name_attribute: str = "name"
    key_attribute: str = "name"
    kind_attribute: str = ""
    entities: Literal["never", "unless_markup", "always"] = "never"
    trim: Literal["none", "line", "layout", "strip"] = "none"
    property_tags: bool = False
    declared_only: bool = False
    bare_name: bool = False
    yaml: bool = False


class ElementsGrammar(Grammar, frozen=True, kw_only=True):
    """One element per call; the arguments are nested elements named after their keys.

    Attributes:
        tag_prefix: what is before the `<` of every structural tag.
        section: the name of the tag around the calls; it may be missing.
        call: the name of the tag around a call; its attribute `name` is the tool's.
    """

    tag_prefix: str
    section: str
    call: str


class PythonGrammar(Grammar, frozen=True, kw_only=True):
    """Calls in Python's syntax: `[f(a=1), g()]`, or one a line.

    Attributes:
        open: a pattern of what is before the first call or its bracket; may match nothing.
        close: a pattern of what closes the block; empty: nothing does.
        bare: there are no markers, so that only declared names count, and only once the block is complete.
        nothing_after: nothing may be after the block.
        keywords: arguments must be named.
        call_method: a call is the method `call` of the tool.
        echo: the block, if it is closed, repeats the one before it, which some models do; it is markup.
        statements: the calls are statements, printed or assigned to a variable.
    """

    open: str = ""
    close: str = ""
    bare: bool = False
    nothing_after: bool = False
    keywords: bool = False
    call_method: bool = False
    echo: bool = False
    statements: bool = False


class BraceGrammar(Grammar, frozen=True, kw_only=True):
    """`call:NAME{key:value, …}` with bare keys and strings between the form's own delimiters.

    Attributes:
        call: a pattern of all that is before the opening brace; group `name`.
        close: a pattern of what closes the call.
        another: a pattern of all that is before the brace of a call right after one in the same block.
        quote: the delimiter of strings.
        declared_only: only the names of declared tools open a call.
    """

    call: str
    close: str
    quote: str
    another: str = ""
    declared_only: bool = False


class MessageGrammar(Grammar, frozen=True, kw_only=True):
    """Messages with a header of channel and recipient, as in harmony: the recipient is the tool, the body its JSON.

    Attributes:
        reasoning: channels, or recipients, of messages that are the model's reasoning.
        content: channels, or recipients, of messages for the user.
        ends: tokens that end a message.
        body: the arguments are JSON, or a block of another grammar that is live only there.
        glued: the special tokens are gone, so that words are glued to each other.
    """

    reasoning: frozenset[str]
    content: frozenset[str]
    ends: tuple[str, ...] = ("<|end|>", "<|call|>", "<|return|>")
    body: Literal["json", "block"] = "json"
    glued: bool = False


class PayloadGrammar(Grammar, frozen=True, kw_only=True):
    """JSON that no marker announces, of any envelope that is in use; nothing may be after it.

    Attributes:
        fenced: it may be in a code fence.
        arguments_only: where a single tool is declared, an object that its schema accepts is a call to it.
        settled: every call must fit the schema of its tool.
    """

    fenced: bool = False
    arguments_only: bool = False
    settled: bool = False


class DecisionGrammar(Grammar, frozen=True, kw_only=True):
    """The decision JSON: `{"action":"call","calls":[…]}` or `{"action":"answer","answer":…}`."""

    envelope: EnvelopeGrammar


AnyGrammar: TypeAlias = (
    EnvelopeGrammar
    | NamedGrammar
    | TaggedGrammar
    | ElementsGrammar
    | PythonGrammar
    | BraceGrammar
    | MessageGrammar
    | PayloadGrammar
    | DecisionGrammar
)


class Reasoning(Struct, frozen=True, kw_only=True):
    """How a model marks its reasoning.

    Attributes:
        open: the marker that begins it.
        close: the marker that ends it.
        header: a pattern of what follows the opening marker and belongs to it.
        answer: a pattern of what follows the opening marker where it begins the answer.
        special: the markers are special tokens: they count in code, too, but not in the middle of a sentence.
        auto: the markers cannot be ordinary prose; they count whichever dialect was asked for.
    """

    open: str
    close: str
    header: str = ""
    answer: str = ""
    special: bool = False
    auto: bool = False


class WrittenCall(Struct, frozen=True):
    """A call as a history shows it: the arguments' JSON text, the id, and its number in the conversation, from 0."""

    name: str
    arguments: str
    id: str = ""
    index: int = 0


class Writer(Struct, frozen=True):
    """How prompts and histories are written in a dialect.

    Attributes:
        tools: the system block that declares the tools; gets them, the choice, and whether calls may be parallel.
        calls: calls as the model itself would have written them.
        result: a tool's result; gets the tool's name, the call's id and the text.
        call_id: the id by which the dialect knows a call; unset: the one that it has.
    """

    tools: Callable[[Sequence[ToolDefinition], ToolChoice, bool], str]
    calls: Callable[[Sequence[WrittenCall]], str]
    result: Callable[[str, str, str], str]
    call_id: Callable[[WrittenCall], str] | None = None


class Dialect(Struct, frozen=True, kw_only=True):
    """A text form in which a model family writes tool calls.

    Attributes:
        name: its name in policies, plans and metrics.
        models: the models that write it, for the documentation.
        grammars: how its calls are read, the likeliest first.
        writer: how prompts and histories are written in it.
        reasoning: how its models mark reasoning, besides `<think>`.
        wrappers: markers around ordinary text. They vanish where a text or a line begins, beside other markers, at the
            end of a text, and anywhere once one has vanished.
        ends: tokens that end a turn, which vanish at the end of a text and after a call.
        start_patterns: patterns of what vanishes where a text begins.
        aliases: other names of it, such as those of vLLM's and SGLang's parsers.
        no_call: names that its models call when no tool fits; ignored if a tool of that name is declared.
    """

    name: str
    models: str
    grammars: tuple[AnyGrammar, ...]
    writer: Writer
    reasoning: tuple[Reasoning, ...] = ()
    wrappers: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    start_patterns: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    no_call: tuple[str, ...] = ()

    def render_tools(self, tools: Sequence[ToolDefinition], choice: ToolChoice, parallel: bool) -> str:
        """Return the system block that declares the tools and says how to call them."""
        return self.writer.tools(tools, choice, parallel)

    def render_calls(self, calls: Sequence[WrittenCall]) -> str:
        """Return calls as the model itself would have written them."""
        return self.writer.calls(calls)

    def render_result(self, name: str, call_id: str, content: str) -> str:
        """Return a tool's result in the wrapper of the dialect, with markup in it escaped."""
        return self.writer.result(name, call_id, content)

    def call_id(self, call: WrittenCall) -> str:
        """Return the id by which the dialect knows a call."""
        return self.writer.call_id(call) if self.writer.call_id else call.id
