"""Assembles native calls from their deltas: which delta belongs to which call, however a server numbers them.

Servers give every call the same index, or none, or an index with gaps; repeat the name or the id in every delta, split
a name, invent an id for every delta, or repeat all arguments in the last one. The rules, for a delta with a name:

- A different id starts another call. (A new id without a name does not: old vLLM invents one for every delta.)
- After arguments that are a complete JSON object it starts another call, unless it repeats that object.
- After incomplete arguments, a different name starts another call; the same name is a repetition.
- Before any arguments, it continues the name.

Nothing can follow a complete object, so a delta that repeats all of it is dropped.
"""

from __future__ import annotations

from typing import Final

from toolgate_core.jsontext import JsonObject, JsonTextError, decode
from toolgate_core.merging import FieldMerger
from toolgate_core.types.chunks import CallDelta

_MAX_PARSE_ATTEMPTS: Final = 8
"""How often the arguments of one call are parsed to see whether they are complete: each attempt costs their length."""


class _OpenCall:
    """A call as far as it is known, and the part of it that `take` has not returned yet."""

    __slots__ = ("_all", "_complete", "_fields", "_new", "_parse_attempts", "changed", "id", "index", "name", "started")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.name = ""
        self.started = False
        self.changed = False
        self._all: list[str] = []
        self._new: list[str] = []
        self._fields: FieldMerger | None = None
        self._parse_attempts = 0
        self._complete = ""

    @property
    def has_fixed_name(self) -> bool:
        """Whether there are arguments, or the name has been returned: then the name is fixed."""
        return self.started or bool(self._all)

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are one complete JSON object."""
        if (
            not self._complete
            and self._parse_attempts < _MAX_PARSE_ATTEMPTS
            and self._all
            and self._all[-1].rstrip().endswith("}")
        ):
            self._parse_attempts += 1
            text = "".join(self._all)
            try:
                self._complete = text.strip() if isinstance(decode(text), dict) else ""
            except JsonTextError:
                self._complete = ""
        return bool(self._complete)

    def repeats(self, arguments: str) -> bool:
        """Whether `arguments` repeat the complete arguments."""
        return self.is_complete and arguments.strip() == self._complete

    def add(self, arguments: str, fields: JsonObject) -> None:
        """Add a delta."""
        self.changed = True
        if fields:
            self._fields = self._fields or FieldMerger()
            self._fields.add(fields)
        if arguments and not (self._all and arguments.lstrip().startswith("{") and self.repeats(arguments)):
            self._all.append(arguments)
            self._new.append(arguments)

    def take(self) -> CallDelta | None:
        """Return the new part; the first time with id and name."""
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

    A call's first delta is held until its name is complete: until arguments, another call or the end.
    """

    def __init__(self) -> None:
        self._calls: list[_OpenCall] = []
        self._latest: dict[int | None, _OpenCall] = {}
        self._changed: list[_OpenCall] = []

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def has_content(self) -> bool:
        """Whether `take` would return anything."""
        return any(self._name_is_complete(call) for call in self._changed)

    def add(self, key: int | None, call_id: str | None, name: str, arguments: str, fields: JsonObject) -> None:
        """Add a delta. `key`: the server's index; `name`: empty where the delta has none."""
        call = self._call_of(key, call_id, name, arguments)
        if call.id is None:
            call.id = call_id
        if name and not call.has_fixed_name and name != call.name:
            call.name += name
        if not call.changed:
            self._changed.append(call)
        call.add(arguments, fields)

    def take(self, *, final: bool) -> tuple[CallDelta, ...]:
        """Return the new parts; with `final` also of a call whose name may be incomplete."""
        if not self._changed:
            return ()
        ready, self._changed = self._changed, []
        if not final:
            changed, ready = ready, [call for call in ready if self._name_is_complete(call)]
            if len(ready) < len(changed):
                self._changed = [call for call in changed if not self._name_is_complete(call)]
        return tuple([delta for call in ready if (delta := call.take()) is not None])

    def _name_is_complete(self, call: _OpenCall) -> bool:
        return call.has_fixed_name or call is not self._calls[-1]

    def _call_of(self, key: int | None, call_id: str | None, name: str, arguments: str) -> _OpenCall:
        """Return the call that a delta belongs to, a new one if it starts one."""
        last = self._calls[-1] if self._calls else None
        known = last if key is None else self._latest.get(key)
        # A delta without a name starts no call: under an index that is new it continues the last one.
        if known is None and last is not None and not name and call_id in (None, last.id):
            known = last
        if known is None or _starts_new_call(known, call_id, name, arguments):
            known = _OpenCall(len(self._calls))
            self._calls.append(known)
        if key is not None:
            self._latest[key] = known
        return known


def _starts_new_call(known: _OpenCall, call_id: str | None, name: str, arguments: str) -> bool:
    """Whether a delta that points to `known` starts another call."""
    if not name or not known.name:
        return False
    if call_id is not None and known.id is not None and call_id != known.id:
        return True
    if not known.has_fixed_name:
        return False
    if name == known.name and (not arguments or known.repeats(arguments)):
        return False
    return known.is_complete or name != known.name
