"""Symptoms of a misconfigured server in errors and answers, and their remedies. Data, and pure.

A symptom that is not about tools `ends` a model's report: the other checks would only repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from toolgate_cli.doctor.place import Place, Remedy
from toolgate_cli.doctor.seen import Level, Odd, Seen, Verdict

OVERLOAD: Final = Remedy(
    "fewer requests at once, or more servers",
    vllm="flags --max-num-seqs, --max-model-len",
    chart="more replicas, or values models.{model}.maxQueuedRequests and .maxNumSeqs",
)
PODS: Final = Remedy(
    "is it running, and is this its address?",
    chart="kubectl get pods -l toolgate.dev/model={model}; Pending pods: toolgate preflight",
    gateway="the gateway's log, and its setting TOOLGATE_UPSTREAM_URL",
)
PARSER: Final = Remedy(
    "the server's option for a tool-call parser (llama.cpp: --jinja; SGLang: --tool-call-parser); or `toolgate up`",
    vllm="flags --enable-auto-tool-choice --tool-call-parser=NAME",
    chart="values models.{model}.toolCalling.enabled, .parser",
)
TEMPLATE: Final = Remedy(
    "the model's chat template",
    vllm="flag --chat-template=FILE",
    chart="value models.{model}.toolCalling.chatTemplate",
)


class Symptom(Struct, frozen=True):
    """How a fault shows, what it means (`{detail}`: the answer's own words), and how to fix it."""

    shows: Callable[[Seen], bool]
    means: str
    remedy: Remedy = Remedy()
    level: Level = "fail"
    ends: bool = True

    def verdict(self, seen: Seen, place: Place, model: str) -> Verdict:
        """Return the verdict for an observation that shows this symptom."""
        words = seen.detail or seen.message
        text = (
            self.means.replace("{detail}", words).replace("{status}", str(seen.status)).replace("{said}", _said(seen))
        )
        return Verdict(self.level, text, self.remedy.at(place, model), self.ends)


def _said(seen: Seen) -> str:
    return f": {seen.message}" if seen.message else ""


def says(pattern: str) -> Callable[[Seen], bool]:
    """Return a test of whether an error's message contains the pattern."""
    found = re.compile(pattern, re.IGNORECASE)
    return lambda seen: bool(found.search(seen.message))


def _coded(*codes: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.code in codes


def _is(*odds: Odd) -> Callable[[Seen], bool]:
    return lambda seen: seen.odd in odds


def _status(*numbers: int) -> Callable[[Seen], bool]:
    return lambda seen: seen.status in numbers


WIRE: Final = (
    Symptom(_is("address"), "not a valid URL: {detail}", Remedy("write http://HOST:PORT/v1")),
    Symptom(
        _is("refused"),
        "nothing is listening at this address ({detail})",
        Remedy(
            "is the server running, and is this its address and port?",
            chart="kubectl get pods,endpointslices -l app.kubernetes.io/component=gateway",
        ),
    ),
    Symptom(_is("certificate"), "the server's certificate is not trusted: {detail}", Remedy("SSL_CERT_FILE=CA.pem")),
    Symptom(
        _is("tls"),
        "the URL says https and the server speaks plain HTTP, or the other way round: {detail}",
        Remedy("http:// instead of https://"),
    ),
    Symptom(
        _is("not_http"),
        "the server does not speak HTTP, or only over TLS: {detail}",
        Remedy("https:// instead of http://, or another port"),
    ),
    Symptom(
        _is("reset"),
        "the connection was closed without an answer ({detail})",
        Remedy("the server's log: did it crash, or does something between close connections?"),
    ),
    Symptom(
        _is("own_timeout"),
        "no complete answer within {detail} s (--timeout of this command)",
        Remedy("--timeout S to wait longer; is the server overloaded, or still loading its model?"),
    ),
    Symptom(_is("too_large"), "the answer does not end: more than {detail} received", Remedy("the server's log")),
    Symptom(
        _is("redirect"),
        "HTTP {status}, it redirects to {detail}",
        Remedy("give that URL; clients do not follow it with a POST"),
    ),
    Symptom(
        _is("html"),
        "the answer is a web page: {detail}",
        Remedy("the URL of the API, which usually ends with /v1"),
    ),
)
"""Faults before any answer."""

BODIES: Final = (
    Symptom(_is("empty"), "HTTP {status} with an empty body", Remedy("the server's log")),
    Symptom(
        _is("cut_json"),
        "the answer's JSON is truncated: {detail}",
        Remedy("the server's log; a proxy in between can limit sizes or times"),
    ),
    Symptom(_is("not_json"), "the answer is not JSON: {detail}", Remedy("the URL of an OpenAI-compatible API")),
    Symptom(
        _is("no_choices"),
        "the answer is not a chat completion, it has no `choices`: {detail}",
        Remedy("the URL of an OpenAI-compatible API"),
    ),
    Symptom(
        _is("no_message"),
        "the answer's choice has no `message`: {detail}",
        Remedy("the URL of an OpenAI-compatible API"),
    ),
    Symptom(_is("bad_event"), "an event of the stream is not JSON: {detail}", Remedy("the server's log"), ends=False),
    Symptom(
        lambda seen: seen.odd == "cut" or seen.code in ("cut", "upstream_cut"),
        "the answer was cut before its end",
        Remedy(
            "time limits of proxies in between; a server that was killed",
            chart="Ingress and HTTPRoute time limits (value maxRequestSeconds), pods that are killed",
        ),
        ends=False,
    ),
    Symptom(
        _is("no_finish"),
        "the stream ends without a finish_reason, as if it was cut",
        Remedy("the server's log"),
        ends=False,
    ),
)
"""Faults of an answer as JSON."""

TOOL_ERRORS: Final = (
    Symptom(
        says(r"--enable-auto-tool-choice|--tool-call-parser|requires --jinja|tools? (param|parameter)\b.*requires"),
        "the server refuses tools: its tool parser is off",
        PARSER,
        ends=False,
    ),
    Symptom(
        says(r"HarmonyError|harmony|unexpected tokens remaining in message header|expecting start token \d+"),
        "the server fails on a harmony header that the model wrote{said}",
        Remedy(
            "a newer server; through a gateway another attempt follows",
            vllm="vLLM 0.29 or newer with --tool-call-parser=openai",
            chart="vLLM 0.29 or newer; value models.{model}.preset of the gpt-oss family",
        ),
        ends=False,
    ),
    Symptom(
        says(r"does(n't| not) support (tools|tool calling|function)|(tools|functions?) (is|are) not supported"),
        "the server does not support tools for this model{said}",
        Remedy("Toolgate's emulation: toolgate up --upstream URL", gateway="mode emulate, or the model's preset"),
        ends=False,
    ),
    Symptom(
        says(r"tool[_ ]choice"),
        "the server supports only tool_choice auto{said}",
        Remedy(
            "Toolgate in front honours required and named choices: toolgate up --upstream URL",
            vllm="flags --enable-auto-tool-choice --tool-call-parser=NAME",
            chart="values models.{model}.toolCalling.enabled, .parser",
        ),
        ends=False,
    ),
    Symptom(
        says(r"grammar|structured.?output|json.?schema|xgrammar|guided"),
        "the server cannot constrain the answer to the tool's schema{said}",
        Remedy(
            "the server's option for structured outputs",
            vllm="flag --structured-outputs-config",
            chart="value models.{model}.structuredOutputs.backend",
        ),
        ends=False,
    ),
    Symptom(
        says(r"chat.?template|jinja|roles? must alternate|unexpected (message )?role|TemplateError"),
        "the chat template cannot write the conversation{said}",
        TEMPLATE,
        ends=False,
    ),
    Symptom(
        _coded("tool_call_unavailable"),
        "no strategy produced a valid call{said}",
        Remedy(
            "the model's preset and policy",
            chart="the model's preset and policy: values models.{model}.preset, models.{model}.gateway.policy",
            gateway="the model's preset and policy: `models` in the gateway's file",
        ),
        ends=False,
    ),
)
"""Errors about tools."""

ERRORS: Final = (
    Symptom(
        lambda seen: seen.status == 401 or seen.code == "invalid_api_key",
        "the server requires an API key, and none or a wrong one was sent",
        Remedy(
            "--api-key-file or TOOLGATE_API_KEY",
            chart="--api-key-file or TOOLGATE_API_KEY; the Secret of value secrets.clientKeys",
        ),
    ),
    Symptom(
        _status(403),
        "HTTP 403: the API key lacks permission{said}",
        Remedy("another key, or the proxy in front of the server"),
    ),
    Symptom(
        _coded("upstream_credential"),
        "the upstream refuses the gateway's key",
        Remedy(
            "the gateway's key for its upstream",
            chart="the Secret of value externalModels.{model}.authSecretRef, or secrets.modelApiKey",
            gateway="TOOLGATE_UPSTREAM_API_KEY, or api_key_file of the upstream",
        ),
    ),
    Symptom(_coded("no_replica"), "no pod of the model is ready", PODS),
    Symptom(_coded("upstream_overloaded"), "the upstream is overloaded", OVERLOAD),
    Symptom(
        _coded("upstream_unreachable"),
        "the upstream is unreachable",
        Remedy(
            "the upstream's address",
            chart="kubectl get pods -l toolgate.dev/model={model};"
            " for one outside: externalModels.{model}.urls, networkPolicy",
            gateway="is the upstream running? TOOLGATE_UPSTREAM_URL, `upstreams` in the gateway's file",
        ),
    ),
    Symptom(
        _coded("service_unavailable"),
        "a service behind the gateway does not answer",
        Remedy(
            "the services behind the gateway",
            chart="kubectl get pods -l app.kubernetes.io/part-of=toolgate;"
            " values extractor.replicas, promptTransformer.replicas",
            gateway="TOOLGATE_TRANSFORMER, TOOLGATE_EXTRACTOR and the logs of those services",
        ),
    ),
    Symptom(
        lambda seen: seen.code == "model_not_found" or (seen.status == 404 and "model" in seen.message.lower()),
        "no server has a model of this name",
        Remedy(
            "GET /v1/models lists the names; --model NAME chooses one",
            vllm="flag --served-model-name",
            chart="names are those of value models.{model}.servedNames and of the gateway's aliases",
        ),
    ),
    Symptom(
        _status(404),
        "HTTP 404: there is no chat completions API at this address{said}",
        Remedy("the base URL, which usually ends with /v1"),
    ),
    Symptom(
        _status(405),
        "HTTP 405: this address does not accept POST{said}",
        Remedy("the base URL of the API, which usually ends with /v1"),
    ),
    Symptom(
        lambda seen: seen.code in ("timeout", "upstream_timeout") or seen.status in (408, 504),
        "the server, or a proxy in front of it, timed out (HTTP {status}){said}",
        Remedy(
            "its time limit; a faster or less loaded server",
            chart="value maxRequestSeconds; more replicas; a smaller models.{model}.maxModelLen",
            gateway="TOOLGATE_REQUEST_TIMEOUT_MS, read_timeout_s of the upstream",
        ),
    ),
    Symptom(_status(429), "HTTP 429: too many requests for this key{said}", Remedy("wait, or another key's limits")),
    Symptom(
        lambda seen: seen.status == 503,
        "HTTP 503: the server is not ready or overloaded{said}",
        OVERLOAD,
    ),
    Symptom(
        _status(502),
        "HTTP 502: a proxy answers and cannot reach the server{said}",
        Remedy("is the server behind it running?"),
    ),
    Symptom(
        says(r"context.?length|maximum context|too many tokens|max_model_len"),
        "the question does not fit into the model's context{said}",
        Remedy("a larger context", vllm="flag --max-model-len", chart="value models.{model}.maxModelLen"),
    ),
)
"""Errors that are not about tools."""

LESSER: Final = (
    Symptom(
        _is("not_streamed"),
        "a stream was requested and plain JSON was sent: streaming clients receive nothing",
        Remedy("a proxy in between that does not buffer; a server that can stream"),
        ends=False,
    ),
    Symptom(
        _is("streamed"), "an event stream was sent, and none was requested", Remedy("the server's log"), ends=False
    ),
    Symptom(
        _is("no_done"), "the stream ends without [DONE]", Remedy("clients that wait for it hang"), "warn", ends=False
    ),
    Symptom(
        _is("media_type"),
        "the content type is {detail}: SDKs treat the answer as plain text",
        Remedy("application/json, or text/event-stream for streams"),
        "warn",
        ends=False,
    ),
)
"""Faults of an answer that is readable nevertheless."""


def failed(seen: Seen, place: Place, model: str, *, tools: bool = True) -> Verdict | None:
    """Return what an error means; None where the answer is not an error.

    `tools`: the request had tools, and one without them was answered, so that an unknown error is about tools.
    """
    error = bool(seen.code or seen.message) or seen.status != 200
    about_tools: tuple[Symptom, ...] = TOOL_ERRORS if error else ()
    about_else: tuple[Symptom, ...] = ERRORS if error else ()
    for symptom in (*WIRE, *about_tools, *BODIES, *about_else):
        if symptom.shows(seen):
            return symptom.verdict(seen, place, model)
    if not error:
        return None
    what = "an error inside the answer" if seen.status == 200 else f"HTTP {seen.status}"
    code = f" ({seen.code})" if seen.code and seen.code not in seen.message else ""
    text = f"{what}{code}: {seen.message or 'no message'}"
    asked = f"a request with tools fails, one without does not: {text}" if tools and seen.status >= 400 else text
    remedy = Remedy("the server's log for this request", gateway="the gateway's log for this request")
    return Verdict("fail", asked, remedy.at(place, model), ends=not tools)


def lesser(seen: Seen, place: Place, model: str) -> Verdict | None:
    """Return what is wrong with a readable answer; None for nothing."""
    return next((symptom.verdict(seen, place, model) for symptom in LESSER if symptom.shows(seen)), None)
