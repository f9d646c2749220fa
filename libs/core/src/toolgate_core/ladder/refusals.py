"""Refusals and errors of an upstream in this run, and the forms that remain for further attempts.

An attempt asks for something in a form: native tools or a prompt, constrained or not, the history as given or
simplified. What is refused in one form is asked for in the next weaker one, and then by the next strategy. A refusal
that would be the same in every form ends the run: by its kind (`is_terminal`), or because the same text came with and
without each of the things that may be at fault.

What a refusal says about the upstream is an observation only once another form of the same request has been answered.
A request that is refused in every form is at fault itself, whatever its error says.
"""

from __future__ import annotations

from toolgate_core.ladder.attempt import AttemptState
from toolgate_core.ladder.decisions import Ending, Sent
from toolgate_core.ladder.knowledge import (
    Form,
    FormAccepted,
    FormRefused,
    HistorySimplified,
    Knowledge,
    Observation,
    form_of,
)
from toolgate_core.strategies.native import takes_strict
from toolgate_core.strategies.simple import simplified
from toolgate_core.strategies.table import STRATEGIES
from toolgate_core.types.failures import Failure, FailureKind, RefusedPart
from toolgate_core.types.policy import Policy
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import Strategy

# Codes of OpenAI and vLLM. A longer context, another model or other words are the client's to choose.
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

_DOWN = frozenset(
    {
        FailureKind.CREDENTIAL,
        FailureKind.LIMITED,
        FailureKind.OVERLOADED,
        FailureKind.UNAVAILABLE,
        FailureKind.UNREACHABLE,
    }
)
"""Failures that no other request to the same upstream would escape."""
# Not a dropped connection or a timeout: the next request may meet a server that works again.
_ERRORS = frozenset({FailureKind.ERROR, FailureKind.NO_ENDPOINT})


def is_terminal(failure: Failure) -> bool:
    """Return whether a refusal would be the same in every form."""
    return failure.code in TERMINAL_CODES or failure.kind in _TERMINAL_KINDS or failure.param in _UNTOUCHED_FIELDS


def ending_of(failure: Failure, sent: Sent) -> Ending:
    """Return the ending of an attempt that ended with an upstream failure."""
    # After text or a call of this attempt, the failure is one inside an answer and no refusal of the request.
    if failure.refused is not None and sent in (Sent.NOTHING, Sent.EARLIER_TEXT):
        return Ending.REFUSED_FOR_GOOD if is_terminal(failure) else Ending.REFUSED
    if failure.kind is FailureKind.TIMEOUT:
        return Ending.TIMEOUT
    return Ending.UPSTREAM_DOWN if failure.kind in _DOWN else Ending.UPSTREAM_ERROR


class Refusals:
    """The refusals and errors of one run, on top of what earlier requests have shown (`knowledge`)."""

    def __init__(
        self, request: ChatRequest, policy: Policy, strategies: tuple[Strategy, ...], knowledge: Knowledge
    ) -> None:
        self.request = request
        self.first: Failure | None = None
        self.hopeless = False
        self.observations: list[Observation] = []
        self._policy = policy
        self._strategies = strategies
        self._unsupported = knowledge.unsupported
        self._simplified = False
        self._confirm_simple = False
        self._unproven: list[FormRefused] = []
        self._refused: set[tuple[Strategy, bool]] = set()
        self._texts: dict[tuple[str, str | None], list[tuple[bool, bool]]] = {}
        self._strict = policy.capabilities.strict and request.tool_choice.forced and takes_strict(request)
        # Known from earlier requests, so that this one need not be refused first.
        if knowledge.simple_history:
            self.request = simplified(request) or request
            self._simplified = True
        if self._unsupported and self._nothing_is_left():
            # Knowledge may be wrong, and trying costs one call: better than a request without an attempt.
            self._unsupported = frozenset()

    def _nothing_is_left(self) -> bool:
        return all(
            self._form(strategy, constrained=constrained) in self._unsupported
            for strategy in self._strategies
            for constrained in self._forms(strategy)
        )

    def form(self, strategy: Strategy) -> bool | None:
        """Return whether to constrain the next attempt of `strategy`; None: the upstream does not take it.

        The last form of the last strategy is always tried: no knowledge may leave a request without an attempt.
        """
        forms = self._forms(strategy)
        # As for nearly every request: nothing was refused, and no form has to be looked up.
        if not self._refused and not self._unsupported:
            return forms[0]
        last = forms[-1] if strategy is self._strategies[-1] else None
        for constrained in forms:
            if (strategy, constrained) in self._refused:
                continue
            known = bool(self._unsupported) and self._form(strategy, constrained=constrained) in self._unsupported
            if constrained is last or not known:
                return constrained
        return None

    def accept(self, attempt: AttemptState) -> None:
        """Record that the upstream has answered, which proves that what it refused before was refused for its form."""
        self.observations.extend(self._unproven)
        self._unproven.clear()
        self.observations.append(FormAccepted(self._form(attempt.strategy, constrained=attempt.constrained)))
        if self._confirm_simple:
            # The same request was refused with the history that the client gave: that is the proof.
            self.observations.append(HistorySimplified())
            self._confirm_simple = False

    def refuse(self, failure: Failure, attempt: AttemptState) -> bool:
        """Record a refusal; return whether the strategy has another form."""
        strategy, constrained = attempt.strategy, attempt.constrained
        self.first = self.first or failure
        self._confirm_simple = False
        # A refusal depends on the request alone, so that two equal ones are enough.
        self._repeated(failure, strategy, constrained=constrained, enough=2)
        if failure.refused is RefusedPart.REQUEST and self._simplify(strategy):
            return True
        self._refused.add((strategy, constrained))
        # A refusal inside an answer is about that one generation, and says nothing about the form.
        lasting = attempt.reader is None and failure.refused is not RefusedPart.REQUEST
        if lasting:
            form = self._form(strategy, constrained=constrained)
            self._unproven.append(FormRefused(form=form, feature=failure.refused is RefusedPart.FEATURE))
        if failure.refused is RefusedPart.SCHEMA:
            self._refuse_schema(strategy, constrained=constrained, lasting=lasting)
        # An unspecific refusal of native tools is not about the grammar: only a simpler history was worth a try.
        weaker = failure.refused is not RefusedPart.REQUEST or not STRATEGIES[strategy].native_tools
        return weaker and any((strategy, other) not in self._refused for other in self._forms(strategy))

    def _refuse_schema(self, strategy: Strategy, *, constrained: bool, lasting: bool) -> None:
        """Leave out the forms that would send the same schema: the tools' own, or the decision's."""
        if STRATEGIES[strategy].grammar != "never":
            self._relax()
        elif not constrained:
            for row in STRATEGIES.values():
                if row.native_tools and row.grammar == "always":
                    self._refused.add((row.strategy, True))
                    if lasting:
                        form = self._form(row.strategy, constrained=True)
                        self._unproven.append(FormRefused(form=form, feature=False))

    def end(self, failure: Failure) -> None:
        """Record a refusal that would be the same in every form."""
        self.first = self.first or failure
        self.hopeless = True

    def fail(self, failure: Failure, attempt: AttemptState) -> None:
        """Record that the upstream failed: a third time with the same text is the last one."""
        if failure.kind in _ERRORS:
            self._repeated(failure, attempt.strategy, constrained=attempt.constrained, enough=MAX_SAME_ERRORS)

    def _repeated(self, failure: Failure, strategy: Strategy, *, constrained: bool, enough: int) -> None:
        own = STRATEGIES[strategy].native_tools
        # A server constrains the calls that it is made to write, too.
        grammar = constrained or (own and self.request.tool_choice.forced)
        seen = self._texts.setdefault((failure.message, failure.code), [])
        seen.append((own, grammar))
        # The same text with and without tools, with and without a grammar: neither is at fault, so nothing else helps.
        bound = [with_grammar for _, with_grammar in seen]
        everywhere = any(not tools for tools, _ in seen) and not all(bound)
        self.hopeless = self.hopeless or (everywhere and len(seen) >= enough)
        # Twice the same text, each time under a grammar: a grammar that the server can't build is the likely cause.
        if len(seen) > 1 and all(bound):
            self._relax()

    def _relax(self) -> None:
        """Stop constraining answers in this run."""
        self._refused.update((row.strategy, True) for row in STRATEGIES.values() if row.grammar != "never")

    def _simplify(self, strategy: Strategy) -> bool:
        if self._simplified or not STRATEGIES[strategy].native_tools:
            return False
        self._simplified = True
        simple = simplified(self.request)
        self._confirm_simple = simple is not None
        self.request = simple or self.request
        return self._confirm_simple

    def _forms(self, strategy: Strategy) -> tuple[bool, ...]:
        grammar = STRATEGIES[strategy].grammar
        if grammar == "always":
            return (True,)
        # Native calls are constrained by `strict`, which each tool carries; the other strategies by a response format.
        capable = self._strict if grammar == "never" else self._policy.capabilities.json_schema
        return (True, False) if capable else (False,)

    def _form(self, strategy: Strategy, *, constrained: bool) -> Form:
        return form_of(self.request, strategy, constrained=constrained)
