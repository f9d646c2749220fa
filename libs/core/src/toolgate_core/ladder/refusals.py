"""What an upstream has refused or failed in this climb, and what follows for the attempts to come.

An attempt asks for something (its form): own tools or a prompt, constrained or not, the history as given or simplified.
What is refused in one form is asked for in the next weaker one, and then by the next strategy. A refusal that would be
the same in every form ends the climb: by its kind (`TERMINAL_CODES`), or because the same text came with and without
each of the things that may be at fault.
"""

from __future__ import annotations

from toolgate_core.ladder.memory import Form, LadderMemory, form_of
from toolgate_core.strategies.native import strict_fits
from toolgate_core.strategies.simple import simplified
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_core.types.policy import Policy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Strategy

TERMINAL_CODES = frozenset(
    ("context_length_exceeded", "model_not_found", "content_filter", "content_policy_violation", "invalid_prompt")
)
_TERMINAL_KINDS = frozenset({FailureKind.CONFLICT, FailureKind.GONE, FailureKind.TOO_LARGE})
_UNTOUCHED_FIELDS = frozenset(
    (
        *("temperature", "top_p", "top_k", "min_p", "seed", "n", "max_tokens", "max_completion_tokens", "model"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "user", "stream_options"),
    )
)
"""Fields that every strategy sends as the client wrote them."""

MAX_SAME_ERRORS = 3
"""Times that an upstream may fail with the same text: a sample may differ, a defect does not."""

_ERRORS = frozenset({FailureKind.ERROR, FailureKind.NO_ENDPOINT})
_OWN_TOOLS = frozenset({Strategy.NATIVE, Strategy.GUIDED})


def is_terminal(failure: Failure) -> bool:
    """Return whether a refusal would be the same in every form."""
    return failure.code in TERMINAL_CODES or failure.kind in _TERMINAL_KINDS or failure.param in _UNTOUCHED_FIELDS


class Refusals:
    """One climb's refusals, and the memory of those before it."""

    def __init__(
        self, request: ChatRequest, policy: Policy, strategies: tuple[Strategy, ...], memory: LadderMemory, now: float
    ) -> None:
        self.request = request
        self.first: Failure | None = None
        self.hopeless = False
        self._policy = policy
        self._strategies = strategies
        self._memory = memory
        self._toolset = hash(request.tools_json)
        self._simplified = False
        self._confirm_simple = False
        self._unproven: list[tuple[Form, bool]] = []
        self._here: set[tuple[Strategy, bool]] = set()
        self._texts: dict[tuple[str, str | None], list[tuple[bool, bool]]] = {}
        self._strict = policy.capabilities.strict and request.tool_choice.forced and strict_fits(request)
        if memory.wants_simple(now):
            self.request = simplified(request)
            self._simplified = True
        # Where nothing would be left to try, the memory is worth nothing.
        self._believed = not memory.knows_refusals(now) or not all(
            self._unsupported(strategy, now, constrained=constrained)
            for strategy in strategies
            for constrained in self._forms(strategy)
        )

    def form(self, strategy: Strategy, now: float) -> bool | None:
        """Return whether to constrain the next attempt of `strategy`; None: the upstream does not take it.

        The last form of the last strategy is always tried: no memory may leave a request without an attempt.
        """
        forms = self._forms(strategy)
        if not self._here and not self._memory.knows_refusals(now):
            return forms[0]
        last = forms[-1] if strategy is self._strategies[-1] else None
        for constrained in forms:
            if (strategy, constrained) in self._here:
                continue
            known = self._believed and self._unsupported(strategy, now, constrained=constrained)
            if constrained is last or not known:
                return constrained
        return None

    def _unsupported(self, strategy: Strategy, now: float, *, constrained: bool) -> bool:
        if not self._memory.knows_refusals(now):
            return False  # and the form need not be found out
        form = self._form(strategy, constrained=constrained)
        return self._memory.unsupported(form, self._toolset, now)

    def accept(self, strategy: Strategy, now: float, *, constrained: bool) -> None:
        """Note that the upstream has answered, which proves that what it refused before was refused for its form."""
        for form, feature in self._unproven:
            self._memory.refuse(form, self._toolset, now, feature=feature)
        self._unproven.clear()
        self._memory.accept(self._form(strategy, constrained=constrained), self._toolset, now)
        if self._confirm_simple:
            # The same request was refused as it was given: that is the proof.
            self._memory.simplify(now)
            self._confirm_simple = False

    def refuse(self, failure: Failure, strategy: Strategy, *, constrained: bool, inside: bool = False) -> bool:
        """Note a refusal; return whether the strategy has another form.

        It is remembered for other requests once another form of this one has been answered: a request that is refused
        in every form is at fault itself, whatever its error says. `inside`: it came inside an answer, and is about
        that one generation.
        """
        self.first = self.first or failure
        self._confirm_simple = False
        self._repeated(failure, strategy, constrained=constrained, enough=2)
        if failure.refused is RefusedPart.REQUEST and self._simplify(strategy):
            return True
        self._here.add((strategy, constrained))
        lasting = not inside and failure.refused is not RefusedPart.REQUEST
        if lasting:
            form = self._form(strategy, constrained=constrained)
            self._unproven.append((form, failure.refused is RefusedPart.FEATURE))
        if failure.refused is RefusedPart.SCHEMA:
            self._refuse_schema(strategy, constrained=constrained, lasting=lasting)
        weaker = failure.refused is not RefusedPart.REQUEST or strategy not in _OWN_TOOLS
        return weaker and any((strategy, other) not in self._here for other in self._forms(strategy))

    def _refuse_schema(self, strategy: Strategy, *, constrained: bool, lasting: bool) -> None:
        """Leave out the forms that would send the same schema: the tools' own, or the decision's."""
        if strategy is not Strategy.NATIVE:
            self._relax()
        elif not constrained:
            self._here.add((Strategy.GUIDED, True))
            if lasting:
                self._unproven.append((self._form(Strategy.GUIDED, constrained=True), False))

    def end(self, failure: Failure) -> None:
        """Note a refusal that would be the same in every form."""
        self.first = self.first or failure
        self.hopeless = True

    def fail(self, failure: Failure, strategy: Strategy, *, constrained: bool) -> None:
        """Note that the upstream failed: a third time with the same text is the last one."""
        if failure.kind in _ERRORS:
            self._repeated(failure, strategy, constrained=constrained, enough=MAX_SAME_ERRORS)

    def _repeated(self, failure: Failure, strategy: Strategy, *, constrained: bool, enough: int) -> None:
        own = strategy in _OWN_TOOLS
        # A server constrains the calls that it is made to write, too.
        grammar = constrained or (own and self.request.tool_choice.forced)
        seen = self._texts.setdefault((failure.message, failure.code), [])
        seen.append((own, grammar))
        bound = [with_grammar for _, with_grammar in seen]
        everywhere = any(not tools for tools, _ in seen) and not all(bound)
        self.hopeless = self.hopeless or (everywhere and len(seen) >= enough)
        if len(seen) > 1 and all(bound):
            self._relax()

    def _relax(self) -> None:
        """Constrain nothing any more."""
        self._here.update((strategy, True) for strategy in Strategy if strategy is not Strategy.NATIVE)

    def _simplify(self, strategy: Strategy) -> bool:
        if self._simplified or strategy not in _OWN_TOOLS:
            return False
        self._simplified = True
        given, self.request = self.request, simplified(self.request)
        self._confirm_simple = self.request is not given
        return self._confirm_simple

    def _forms(self, strategy: Strategy) -> tuple[bool, ...]:
        if strategy is Strategy.GUIDED:
            return (True,)
        capable = self._strict if strategy is Strategy.NATIVE else self._policy.capabilities.json_schema
        return (True, False) if capable else (False,)

    def _form(self, strategy: Strategy, *, constrained: bool) -> Form:
        return form_of(self.request, strategy, constrained=constrained)
