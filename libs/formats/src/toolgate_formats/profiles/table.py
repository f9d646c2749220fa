"""The profiles, one row per kind of server. Facts about servers live here and nowhere else.

Phrases are searched in the order of the rows, and each names the server that writes it; a row without `owners` is a
server that cannot be recognised by its list of models. What depends on the model rather than on the server is a preset
(`toolgate_core.presets`).
"""

from __future__ import annotations

from typing import Final

from toolgate_formats.profiles.base import Profile, Since

_FIELDS = (
    r"(?:tools|functions|tool_choice|parallel_tool_calls|response_format|structured_outputs|guided_\w{1,20}|strict)"
)
_NOT = (
    r"(?:(?:(?:is|are|was|were) )?(?:not|n't) (?:\w{1,12} )?(?:supported|permitted|allowed|enabled|available)"
    r"|(?:is |are )?unsupported)"
)
_UNKNOWN = r"(?:unrecognized request arguments? supplied|(?:un\w{5,9}) (?:parameter|field|argument))"
_TOOL_USE = r"(?:tools?|functions?|tool[_ ](?:use|call\w{0,3}|choice)|function[_ ]call\w{0,3})"
_COMPILED = r"(?:grammar|schema|regex|fsm|automaton)"
_CONSTRAINTS = r"(?:response[_ ]format|json[_ ]schema|json mode|structured[_ ]outputs?|guided[_ ]decoding)"

PROFILES: Final[tuple[Profile, ...]] = (
    Profile(
        name="vllm",
        owners=("vllm",),
        version_path="/version",
        # `skip_special_tokens: false` keeps markers visible in text.
        capabilities={"skip_special_tokens": True},
        # 0.24 holds calls to their schemas where `strict` asks for it.
        since=(Since((0, 24), {"strict": True}),),
        card_fields=("max_model_len", "root", "parent"),
        unsupported=(
            # `auto`, `required` and named choices without the parser's flags.
            r"requires? (?:the )?(?:--enable-auto-tool-choice|--tool-call-parser)",
            # Before `required` was known; before tools and constraints went together.
            r"only named tools are supported|only either use (?:structured outputs|guided decoding) or tools",
            # Pydantic (also TGI and other FastAPI servers): "tools: Extra inputs are not permitted".
            rf"(?:^|\n|; |\.){_FIELDS}:? ?(?:extra inputs are not permitted|extra fields not permitted|unknown field)",
        ),
        schema=(
            # "Grammar error: Unsatisfiable schema", "Unimplemented keys: ["contains"]", "Unknown format: colour".
            r"grammar error|unsatisfiable schema|unimplemented keys?|unknown format|invalid grammar specification",
            r"regex (?:parse|syntax|compile) error|error parsing (?:the )?regex|unsupported regex",
            r"look-?(?:ahead|behind|around)\b",
        ),
        overflow=(
            # "This model's maximum context length is 8192 tokens. However, …" (OpenAI's words); "The decoder prompt
            # (length 9000) is longer than the maximum model length of 8192".
            r"maximum model length",
        ),
        overflow_params=("input_tokens", "input_text"),
    ),
    Profile(
        name="openai",
        unsupported=(
            # "Unrecognized request argument supplied: tools", "Unknown parameter: 'tools'".
            rf"{_UNKNOWN}:? {_FIELDS}\b",
            # "Unsupported parameter: 'tools'", "tools is not supported with this model".
            rf"\b{_FIELDS} (?:of type \w{{1,20}} |parameter |field |param )?{_NOT}",
        ),
        schema=(
            # "Invalid schema for function 'f'", "Invalid schema for response_format 'decision'".
            r"not (?:a )?valid (?:json )?schema|keywords? .{0,40}(?:not supported|not permitted|unsupported)",
            r"(?:unsupported|invalid|bad|malformed) (?:json )?schema|(?<!_)schema is too (?:complex|large|deep)",
        ),
        schema_codes=("invalid_function_parameters", "invalid_json_schema", "invalid_response_format"),
        overflow=(r"maximum context length|context_length_exceeded",),
    ),
    Profile(
        # The engines that make grammars of schemas: xgrammar, guidance, outlines, lm-format-enforcer.
        name="grammar-engines",
        schema=(
            rf"failed to (?:parse|compile|convert|transform|build|create)\b.{{0,40}}\b{_COMPILED}",
            r"(?:parsing|compiling|compilation|conversion) .{0,20}grammar|grammar (?:compil\w*|parsing|conversion)",
            # "The provided JSON schema contains features not supported by …".
            r"features not supported by",
            r"(?<!_)schema (?:is|contains|has|uses) .{0,60}(?:not supported|unsupported|invalid)",
        ),
    ),
    Profile(
        name="sglang",
        owners=("sglang",),
        overflow=(r"longer than the model's context length|context window",),
    ),
    Profile(
        name="llama.cpp",
        owners=("llamacpp",),
        unsupported=(r"requires --jinja",),
        overflow=(r"exceeds? the (?:available|model'?s?) context|exceed_context_size",),
    ),
    Profile(
        # Also Groq and DeepSeek: models or servers without tool calling, or without constraints.
        name="ollama",
        unsupported=(
            rf"(?:not|n't) support (?:the |this )?(?:{_TOOL_USE}|{_CONSTRAINTS})\b",
            rf"\b(?:{_TOOL_USE}|{_CONSTRAINTS}) (?:\w{{1,12}} )?{_NOT}",
        ),
    ),
    Profile(name="openrouter", unsupported=(r"endpoints found that support tool use",)),
    Profile(name="tgi", overflow=(r"inputs tokens \+ max_new_tokens",)),
    Profile(name="mistral", overflow=(r"too large for model with \d+ maximum context",)),
)
