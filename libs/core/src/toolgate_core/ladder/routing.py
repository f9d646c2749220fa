"""Routes the text of an answer: directly to the content, or to an extraction that finds the calls in it.

Native text is scanned for markers of calls here, in process: a scan costs well below a microsecond per chunk, and a
request to the extractor a hundred. Only the first hit opens an extraction. It takes over the rest of the text, and
begins with the text that the scanner held and the state it was in, so that it reads as if it had seen everything.
The text of other forms is extracted from its first character, but a draft (form `text`) never is.
"""

from __future__ import annotations

from msgspec.structs import replace

from toolgate_core.dialects.base import Dialect
from toolgate_core.extraction import MarkerScanner
from toolgate_core.ladder.content import AnswerContent
from toolgate_core.ladder.delivery import Delivery
from toolgate_core.ladder.effects import Extract
from toolgate_core.types.plan import Plan
from toolgate_core.types.requests import ChatRequest
from toolgate_core.types.vocabulary import TextEnd


class TextRouter:
    """Routes the text of one answer."""

    __slots__ = ("_content", "_delivery", "_dialect", "_draft", "_extracting", "_plan", "_request", "_scanner")

    def __init__(
        self, request: ChatRequest, plan: Plan, dialect: Dialect, content: AnswerContent, delivery: Delivery
    ) -> None:
        self._request = request
        self._plan = plan
        self._dialect = dialect
        self._content = content
        self._delivery = delivery
        self._draft = plan.form == "text"
        self._extracting = False
        self._scanner = self._make_scanner()

    def _make_scanner(self) -> MarkerScanner | None:
        """Return the scanner that detects the first marker in native text.

        Text that begins inside reasoning has no scanner: its first marker is the end of the reasoning, which only an
        extraction reads.
        """
        native = self._plan.form == "native" and not self._plan.reasoning_open
        return MarkerScanner(self._dialect.name) if native else None

    def reasoning_is_split(self) -> None:
        """Record that the upstream splits the reasoning off, so that the text begins outside of it."""
        # Once an extraction has read text, where it began can no longer be changed.
        if self._plan.reasoning_open and not self._extracting:
            self._plan = replace(self._plan, reasoning_open=False)
            self._scanner = self._make_scanner()

    def route(self, text: str, end: TextEnd | None) -> Extract | None:
        """Take text; return the extraction that is due. `end` set: it was the last text."""
        if self._draft:
            self._content.add_text(text)
            return None
        scanner = self._scanner
        if scanner is None:
            self._extracting = True
            return Extract(plan=self._plan, request=self._request, text=text, end=end)
        # Clean text cannot be part of a marker and is routed at once.
        clean = scanner.feed(text)
        if end is not None:
            # A stop string of the client's may have cut a marker, and half a marker is not text.
            clean += scanner.finish(stopped=end == "stop" and bool(self._request.stop))
        self._content.add_text(clean)
        if scanner.hit:
            self._extracting, self._scanner = True, None
            return Extract(plan=self._plan, request=self._request, text=scanner.held, end=end, state=scanner.state)
        # A part of a marker is held back from the client, which counts as a hold.
        if scanner.held:
            self._delivery.begin_hold()
        return None
