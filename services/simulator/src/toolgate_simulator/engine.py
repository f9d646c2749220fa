"""The served models, and the answering of one chat request at the speed of its persona."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from toolgate_simulator.admission import Admission
from toolgate_simulator.behaviour import answer
from toolgate_simulator.faults import RefusedError, fault, invalid, refuse
from toolgate_simulator.generation import Generation, chunked, generate, prompt_tokens
from toolgate_simulator.metrics import Metrics
from toolgate_simulator.personas import Persona, PersonaError, load_personas
from toolgate_simulator.refusals import check
from toolgate_simulator.settings import Settings, SettingsError
from toolgate_simulator.values import Json
from toolgate_simulator.wire import Head, completion, delta_chunks, first_chunk, usage_chunk, usage_of

_TOO_LONG = (
    "This model's maximum context length is {most} tokens. However, your prompt contains at least {prompt} input"
    " tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt."
)


class CutError(Exception):
    """The connection has to end here, inside the answer."""


def served_models(settings: Settings) -> dict[str, Persona]:
    """Return the persona of every served model.

    Raises:
        SettingsError: a model has no persona, or the file of personas is wrong.
    """
    if settings.served:
        return dict(settings.served)
    try:
        personas = load_personas(settings.personas)
    except PersonaError as error:
        message = f"personas: {error}"
        raise SettingsError(message) from None
    served = {}
    for entry in settings.models or _names(personas):
        name, _, wanted = entry.partition("=")
        persona = personas.get(wanted or name.rsplit("/", 1)[-1])
        if persona is None:
            message = f"model {entry}: no such persona (write NAME=PERSONA; there are {', '.join(personas)})"
            raise SettingsError(message)
        served[name] = persona
    return served


def _names(personas: Mapping[str, Persona]) -> list[str]:
    """Return every name that the personas are served under: their own, and their aliases as `NAME=PERSONA`."""
    aliases = [f"{alias}={name}" for name, persona in personas.items() for alias in persona.aliases]
    return [*personas, *aliases]


@dataclass(frozen=True)
class Job:
    """One accepted request: its answers are known, they only have to come out."""

    head: Head
    persona: Persona
    generations: tuple[Generation, ...]
    prompt: int
    body: Json

    @property
    def failed(self) -> bool:
        """The engine fails before the answer."""
        return any(one.fate == "http_500" for one in self.generations)


class Engine:
    """Answers chat requests as the personas of its models would."""

    def __init__(self, settings: Settings) -> None:
        self.models = served_models(settings)
        self.metrics = Metrics(tuple(self.models))
        self.admission = Admission(self.metrics, max_running=settings.max_running, max_waiting=settings.max_waiting)
        self._settings = settings

    def accept(self, body: Json, request_id: str) -> Job:
        """Read a request and decide its answers.

        Raises:
            RefusedError: vLLM would refuse the request.
        """
        model = body.get("model") or next(iter(self.models))
        if not isinstance(model, str):
            refuse([fault("string_type", "body.model", "Input should be a valid string", model)])
        persona = self.models.get(model)
        if persona is None:
            message = f"The model `{model}` does not exist. Valid aliases: {', '.join(self.models)}."
            raise RefusedError(message, param="model", status=404, kind="NotFoundError")
        check(body, persona)
        prompt = prompt_tokens(body)
        if prompt >= persona.max_model_len:
            raise invalid(_TOO_LONG.format(most=persona.max_model_len, prompt=prompt), "input_tokens", prompt)
        generations = tuple(
            generate(answer(body, persona, self._settings.seed, index), body) for index in range(body.get("n") or 1)
        )
        choice = body.get("tool_choice")
        head = Head(
            f"chatcmpl-{request_id}",
            int(time.time()),
            model,
            persona.reasoning_key or "reasoning",
            forced=choice == "required" or isinstance(choice, dict),
            logprobs=bool(body.get("logprobs")),
            usage_chunk=bool((body.get("stream_options") or {}).get("include_usage")),
        )
        return Job(head, persona, generations, prompt, body)

    async def whole(self, job: Job) -> Json:
        """Return the whole answer, once it would be there."""
        await self._begin(job)
        longest = max(len(one.tokens) for one in job.generations)
        await self._pause(job, longest)
        self.metrics.generated(job.head.model, sum(len(one.tokens) for one in job.generations))
        self._finished(job)
        return completion(job.head, job.generations, job.prompt)

    async def stream(self, job: Job) -> AsyncIterator[Json]:
        """Yield the answer's chunks.

        Raises:
            CutError: the connection ends here.
        """
        await self._begin(job)
        options = job.body.get("stream_options") or {}
        for index in range(len(job.generations)):
            yield self._counted(job, first_chunk(job.head, index), options, 0)
        written = 0
        for chunk, tokens in self._interleaved(job):
            await self._pause(job, tokens)
            written += tokens
            self.metrics.generated(job.head.model, tokens)
            yield self._counted(job, chunk, options, written)
        self._finished(job)
        if options.get("include_usage"):
            yield usage_chunk(job.head, usage_of(job.prompt, written))

    def _interleaved(self, job: Job) -> Iterator[tuple[Json, int]]:
        """Yield the chunks of all choices in turn, each with its number of tokens."""
        size = self._settings.chunk_tokens or job.persona.chunk_tokens
        tracks = []
        for index, generation in enumerate(job.generations):
            parts = chunked(generation, size)
            # A finish that stands alone brings no token.
            counts = [*(len(part) for part in parts), 0]
            tracks.append(list(zip(delta_chunks(job.head, index, parts, generation), counts, strict=False)))
        cut = min(
            (len(t) // 2 for t, one in zip(tracks, job.generations, strict=True) if one.fate == "cut_stream"),
            default=None,
        )
        for place, row in enumerate(zip_longest(*tracks)):
            if place == cut:
                raise CutError
            yield from (entry for entry in row if entry is not None)

    @staticmethod
    def _counted(job: Job, chunk: Json, options: Json, written: int) -> Json:
        if options.get("continuous_usage_stats"):
            chunk["usage"] = usage_of(job.prompt, written)
        return chunk

    async def _begin(self, job: Job) -> None:
        self.metrics.prompt(job.head.model, job.prompt)
        if any(one.fate == "slow" for one in job.generations):
            await asyncio.sleep(job.persona.slow_ms / 1_000)

    async def _pause(self, job: Job, tokens: int) -> None:
        speed = self._settings.tokens_per_second
        speed = job.persona.tokens_per_second if speed is None else speed
        if speed > 0:
            await asyncio.sleep(tokens / speed)

    def _finished(self, job: Job) -> None:
        for one in job.generations:
            self.metrics.finished(job.head.model, one.finish, parsed=bool(one.calls))
