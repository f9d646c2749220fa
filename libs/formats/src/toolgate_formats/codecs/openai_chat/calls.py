"""Native calls out of their deltas: which delta belongs to which call, whatever a server's indexes and ids say.

Servers give every call the same index, or none, or an index with gaps; repeat the name or the id in every delta, split
a name, invent an id for every delta, or repeat all arguments in the last one. The rules, for a delta with a name:

- Another id than the call's is another call. (A new id without a name is not: old vLLM invents one for every delta.)
- Behind arguments that are a whole JSON object it is another call, but for one that says the same again.
- Behind arguments that are not, another name is another call; the same name is repeated.
- Behind no arguments, it continues the name.

Behind a whole object nothing can follow, so a delta that says all of it again is dropped.
"""

from __future__ import annotations

from typing import Final

from toolgate_core.jsontext import JsonObject, JsonTextError, decode
from toolgate_core.merging import FieldMerger
from toolgate_core.types.chunks import CallDelta

_LOOKS: Final = 8
"""How often a call's arguments are looked at whole: each look costs their length."""


class _OpenCall:
    """A call as far as it is known, and what of it has not been handed on."""

    __slots__ = ("_all", "_fields", "_looks", "_new", "_whole", "changed", "id", "index", "name", "started")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.name = ""
        self.started = False
        self.changed = False
        self._all: list[str] = []
        self._new: list[str] = []
        self._fields: FieldMerger | None = None
        self._looks = 0
        self._whole = ""

    @property
    def begun(self) -> bool:
        """Whether there are arguments, or the name has been handed on."""
        return self.started or bool(self._all)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are one JSON object."""
        if not self._whole and self._looks < _LOOKS and self._all and self._all[-1].rstrip().endswith("}"):
            self._looks += 1
            text = "".join(self._all)
            try:
                self._whole = text.strip() if isinstance(decode(text), dict) else ""
            except JsonTextError:
                self._whole = ""
        return bool(self._whole)

    def repeats(self, arguments: str) -> bool:
        """Whether `arguments` are all that there are, once more."""
        return self.is_whole and arguments.strip() == self._whole

    def add(self, arguments: str, fields: JsonObject) -> None:
        """Take a delta."""
        self.changed = True
        if fields:
            self._fields = self._fields or FieldMerger()
            self._fields.add(fields)
        if arguments and not (self._all and arguments.lstrip().startswith("{") and self.repeats(arguments)):
            self._all.append(arguments)
            self._new.append(arguments)

    def take(self) -> CallDelta | None:
        """Hand on what is new; the first time with id and name."""
        self.changed = False
        arguments = "".join(self._new)
        self._new.clear()
        fields = {} if self._fields is None else self._fields.take()
        if not self.started:
            self.started = True
            return CallDelta(self.index, self.id, self.name or None, arguments, fields)
        return CallDelta(self.index, None, None, arguments, fields) if arguments or fields else None


class CallJoiner:
    """Collects the deltas of an answer's calls.

    A call's first delta is held back until its name is certain: until arguments, another call or the end.
    """

    def __init__(self) -> None:
        self._calls: list[_OpenCall] = []
        self._latest: dict[int | None, _OpenCall] = {}
        self._changed: list[_OpenCall] = []

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def has_news(self) -> bool:
        """Whether `take` would return anything."""
        return any(self._is_certain(call) for call in self._changed)

    def add(self, key: int | None, call_id: str | None, name: str, arguments: str, fields: JsonObject) -> None:
        """Take a delta; `key` is the index that the server gives, and an empty name says nothing."""
        call = self._call_of(key, call_id, name, arguments)
        if call.id is None:
            call.id = call_id
        if name and not call.begun and name != call.name:
            call.name += name
        if not call.changed:
            self._changed.append(call)
        call.add(arguments, fields)

    def take(self, *, final: bool) -> tuple[CallDelta, ...]:
        """Return what is new; all of it with `final`."""
        if not self._changed:
            return ()
        ready, self._changed = self._changed, []
        if not final:
            changed, ready = ready, [call for call in ready if self._is_certain(call)]
            if len(ready) < len(changed):
                self._changed = [call for call in changed if not self._is_certain(call)]
        return tuple([delta for call in ready if (delta := call.take()) is not None])

    def _is_certain(self, call: _OpenCall) -> bool:
        return call.begun or call is not self._calls[-1]

    def _call_of(self, key: int | None, call_id: str | None, name: str, arguments: str) -> _OpenCall:
        """Return the call that a delta belongs to, a new one if it begins one."""
        last = self._calls[-1] if self._calls else None
        known = last if key is None else self._latest.get(key)
        if known is None and last is not None and not name and call_id in (None, last.id):
            known = last
        if known is None or _begins_anew(known, call_id, name, arguments):
            known = _OpenCall(len(self._calls))
            self._calls.append(known)
        if key is not None:
            self._latest[key] = known
        return known


def _begins_anew(known: _OpenCall, call_id: str | None, name: str, arguments: str) -> bool:
    """Whether a delta that points to `known` is a further call."""
    if not name or not known.name:
        return False
    if call_id is not None and known.id is not None and call_id != known.id:
        return True
    if not known.begun:
        return False
    if name == known.name and (not arguments or known.repeats(arguments)):
        return False
    return known.is_whole or name != known.name
