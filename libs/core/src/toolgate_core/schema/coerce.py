"""Coercion: change a value that a model wrote into what its JSON Schema asks for.

Rules:
- The schema decides, never the look of a value: "7" becomes 7 only where the schema wants a number. `007` in a union
  with strings stays text.
- A value that the schema accepts is returned unchanged. A value that no rule can fit is returned unchanged too; the
  validator then reports it. Coercion itself never raises.
- Every change has a tag (`types/repairs.py` explains them all), so that a caller can see what was changed.
- Of a union, each member is tried; the result with the fewest violations wins, then the one that drops the least, then
  the one that changes the least. Nothing of a value is dropped where a member keeps it.

The rules come from calls of real models, quoted as cases in tests/core/schema: numbers and booleans as strings, JSON
inside a string, one item where a list is wanted, keys in another case, "null" for an optional parameter.

What bounds the cost: schemas can be recursive and unions can be nested, so that trying every member is exponential.
One coercion applies at most `MAX_COERCION_STEPS` schemas and reads at most `MAX_COERCION_CHARS` characters of text as
another type; after that values are returned unchanged. Lookups in long lists (enum, required) are paid for by steps.
"""

from __future__ import annotations

from typing import NamedTuple

from toolgate_core.jsontext import JsonObject, JsonTextError, JsonValue, decode
from toolgate_core.limits import MAX_COERCION_CHARS, MAX_COERCION_STEPS
from toolgate_core.schema.aliases import NULL
from toolgate_core.schema.conversions import Converted, convert, is_null_word
from toolgate_core.schema.escaped import begins_container, exact_container, unescape
from toolgate_core.schema.keys import match_undeclared_keys, member_schemas
from toolgate_core.schema.kinds import ORDER, ElementText, UntypedText, accepts, declared_types, possible_types, type_of
from toolgate_core.schema.lists import ListReading, bare_words, split_scalars, unwrap_object, without_brackets
from toolgate_core.schema.options import AllowedValues, allowed_values
from toolgate_core.schema.references import follow
from toolgate_core.schema.relaxed import relax
from toolgate_core.schema.rules import count_violations, matching_members
from toolgate_core.schema.shapes import item_types, may_unwrap, tuple_items
from toolgate_core.schema.xml_elements import read_elements

MAX_LEVELS = 100
"""Schemas applied inside each other; the recursion of `apply` stays far below the stack's limit."""

# Tags that say that a part of the value is lost; of a union's members, one that keeps it is preferred.
_DROPPED = ("extra_dropped", "null_dropped")
# Empty text is an empty container only where nothing else is allowed: beside null it stays text.
_EMPTY = (("array",), ("object",))
_UNIONS = ("anyOf", "oneOf")
_SHORT = 1_000
"""Characters of a text that is still read when the budget of characters is used up: that costs microseconds."""


class _Cost(NamedTuple):
    """What a schema does to a value, the worst first: costs are compared in this order.

    `violations` remain, parts are `dropped`, tags count the `changes`, and `rank` is the result's place in `ORDER`.
    """

    violations: int
    dropped: int
    changes: int = 0
    rank: int = 0


def coerce(value: JsonValue, schema: JsonValue, root: JsonObject) -> tuple[JsonValue, tuple[str, ...]]:
    """Return `value` made to fit `schema` and what was done to it, as tags without repetition.

    `root` is the whole schema in which `schema` stands; references are looked up there.
    """
    coercion = _Coercion(root)
    coerced = coercion.apply(value, schema)
    return coerced, tuple(dict.fromkeys(coercion.tags))


def coerce_text(text: str, schema: JsonValue, root: JsonObject) -> tuple[JsonValue, tuple[str, ...]]:
    """Return the value that `text` writes, for formats whose values are text without a type.

    Where the schema allows a string and nothing else, the text is the value; where it allows anything at all, objects
    and arrays are read, but no scalars. In a union with strings another type is taken only for its exact JSON form
    (`007` stays text). Objects and arrays may also be nearly-JSON or XML elements, whose contents are such text again.
    Tags say what was repaired; text that is the JSON form of its type needs none.
    """
    return coerce(UntypedText(text), schema, root)


class _Coercion:
    """One coercion: the tags of its changes, the violations that remain, and the budget that is used up.

    Trying an alternative (`_cost_as`, `_best_member`) saves and restores `tags` and `_problems`, never the budget.
    """

    def __init__(self, root: JsonObject) -> None:
        self.tags: list[str] = []
        self._root = root
        self._problems = 0
        self._steps = 0
        self._chars = 0
        self._known: dict[int, _SchemaFacts] = {}

    def apply(self, value: JsonValue, schema: JsonValue, level: int = 0) -> JsonValue:
        """Return `value` made to fit `schema`."""
        self._steps += 1
        if isinstance(value, UntypedText):
            value, schema = self._from_text(value, schema)
        if not isinstance(schema, dict) or level > MAX_LEVELS or self._steps > MAX_COERCION_STEPS:
            # The schema `false` accepts nothing, which is one violation; a schema beyond the bounds adds none.
            self._problems += schema is False
            return value
        known = self._facts_of(schema)
        self._steps += known.steps
        # OpenAPI's `nullable` is a union with null: "null" is then tried both as the null and as the value.
        if schema.get("nullable") is True:
            rest: JsonValue = {keyword: rule for keyword, rule in schema.items() if keyword != "nullable"}
            return self._best_member(value, [NULL, rest], level)
        # All of these hold for the same value, also beside a `$ref` (draft 2020-12), so that it goes through each in
        # turn.
        if "$ref" in schema:
            value = self.apply(value, follow(schema["$ref"], self._root), level + 1)
        for member in _list(schema.get("allOf")):
            value = self.apply(value, member, level + 1)
        # The type comes before the unions, since a `type` beside `anyOf` holds for each of its members.
        value = self._convert_type(value, schema, level)
        for keyword in _UNIONS:
            if keyword in schema:
                value = self._best_member(value, matching_members(value, schema, keyword), level)
        if isinstance(value, dict):
            value = self._coerce_members(value, schema, level)
        elif isinstance(value, list):
            value = self._coerce_items(value, schema, level)
        # Violations are counted on the coerced value: they are what is left for the validator to report.
        self._problems += count_violations(value, schema, known.options)
        return value

    def _from_text(self, value: UntypedText, schema: JsonValue) -> tuple[JsonValue, JsonValue]:
        """Return the value of a text that elements hold; with `True` for a schema, what it holds is such text again."""
        # `apply` does nothing under `true`; under `{}` it still reads the untyped texts inside what was read.
        read = self._read_text(value, schema) if self._within_budget(value) else str(value)
        return read, {} if schema is True else schema

    def _facts_of(self, schema: JsonObject) -> _SchemaFacts:
        """Return the facts of a schema; `id` is a safe key, since the schema outlives the coercion."""
        # One schema meets many values, such as the items of a list; its enum is indexed for the first of them.
        known = self._known.get(id(schema))
        if known is None:
            known = self._known[id(schema)] = _SchemaFacts(schema)
            # Indexing costs a small part of a step for each allowed value.
            self._steps += len(known.options) // 10
        return known

    def _possible_types(self, schema: JsonValue) -> tuple[str, ...]:
        if not isinstance(schema, dict):
            return ()
        known = self._facts_of(schema)
        if known.types is None:
            known.types = possible_types(schema, self._root)
        return known.types

    def _read_text(self, text: UntypedText, schema: JsonValue) -> JsonValue:
        """Return the value of an untyped text under `schema`: a string, or a value of another type."""
        types = self._possible_types(schema)
        if not types:
            return self._read_untyped(text)
        # A string keeps its white space and its look: ` x `, `007` and `"x"` are themselves.
        if types == ("string",):
            return str(text)
        stripped = text.strip()
        if not stripped and types in _EMPTY:
            self.tags.append(f"empty_to_{types[0]}")
            return [] if types == ("array",) else {}
        try:
            exact = decode(stripped)
        except JsonTextError:
            return self._read_lenient(str(text), schema, types)
        if "string" in types:
            # Beside a string, only the exact JSON form of another type is read as that type: `7` is a number, `007` is
            # text.
            return exact if type_of(exact) != "string" and accepts(types, exact) else str(text)
        # `3.0` for an integer stays text, so that `convert` reads it exactly and tags the change.
        whole_number = isinstance(exact, float) and "number" not in types
        return stripped if whole_number else exact

    def _read_untyped(self, text: UntypedText) -> JsonValue:
        """Return an object or a list in its exact JSON form; anything else is text, since `7` may be meant as text."""
        found = exact_container(text)
        # Elements are members of an object only inside elements: a whole value of any type can be markup.
        if found is None and isinstance(text, ElementText):
            found = read_elements(text, (), markup=True)
        return str(text) if found is None else found

    def _read_lenient(self, text: str, schema: JsonValue, types: tuple[str, ...]) -> JsonValue:
        if "string" in types:
            for wanted in ("null", "boolean"):  # python's words for them; every other text is a string here
                converted = convert(text, wanted) if wanted in types else None
                if converted:
                    self.tags.append(converted[1])
                    return converted[0]
            return text
        # Escaped JSON has only one reading, and `relax` would refuse its backslashes.
        plain = unescape(text)
        relaxed = relax(plain or text)
        if relaxed is not None:
            self.tags.extend(("escaped_quotes",) if plain else ())
            self.tags.extend(relaxed[1])
            return relaxed[0]
        # An item that can be a string can contain markup itself, so that elements are read as a list less readily.
        allowed = item_types(schema, self._root)
        read = read_elements(text, types, markup=not allowed or "string" in allowed)
        if read is None:
            return text
        self.tags.append("elements")
        return read

    def _within_budget(self, text: str) -> bool:
        """Whether a text can still be read as another type; each member of a union reads it again."""
        # A text counts each time it is read: under a union of twenty members it is read twenty times.
        self._chars += len(text)
        return self._steps <= MAX_COERCION_STEPS and (self._chars <= MAX_COERCION_CHARS or len(text) <= _SHORT)

    def _convert_type(self, value: JsonValue, schema: JsonObject, level: int) -> JsonValue:
        # An enum decides before the type does: it names the values, so that "1" means the 1 of `[1, 2]`.
        allowed = self._facts_of(schema).options
        if allowed and not allowed.contain(value):
            match = allowed.find(value) if not isinstance(value, str) or self._within_budget(value) else None
            if match:
                self.tags.append(match[1])
                return match[0]
        types = declared_types(schema)
        if accepts(types, value) or (isinstance(value, str) and not self._within_budget(value)):
            return value
        # The types are in `ORDER`, the most particular first: "true" for an object or a boolean becomes the boolean.
        for wanted in types:
            converted = self._to_array(value, schema, level) if wanted == "array" else convert(value, wanted)
            if converted:
                self.tags.append(converted[1])
                return converted[0]
        return value

    def _to_array(self, value: JsonValue, schema: JsonObject, level: int) -> Converted:
        """Return `value` as an array: the list that it writes or wraps, else a list with `value` as its only item."""
        alone = convert(value, "array")
        if alone is None or alone[1] != "scalar_to_array":
            return alone
        if isinstance(value, str):
            # Text that begins like JSON and cannot be read is a broken list, not a list of one text.
            return self._array_in_text(value, schema, level) or (None if begins_container(value) else alone)
        if isinstance(value, dict):
            return self._array_in_object(value, schema, level) or alone
        return alone

    def _array_in_object(self, value: JsonObject, schema: JsonObject, level: int) -> ListReading | None:
        found = unwrap_object(value)
        if found is None or not may_unwrap(value, schema, self._root):
            return None
        # A tie goes to the wrapped list: `may_unwrap` has excluded that the object is an item itself.
        return found if self._cost_as(found[0], schema, level) <= self._cost_as([value], schema, level) else None

    def _array_in_text(self, text: str, schema: JsonObject, level: int) -> ListReading | None:
        # Brackets, or JSON on both sides of a comma, mean a list even where a string could be an item.
        for reading in (bare_words(text), without_brackets(text)):
            if reading and self._fits(reading[0], schema, level):
                return reading
        types = item_types(schema, self._root)
        # Commas and line breaks separate scalars only: an item of another type can contain them.
        if not types or "object" in types or "array" in types:
            return None
        readings = split_scalars(text)
        # A text that fits as the only item is that item: "Hello, world" is one string.
        if not readings or self._fits([text], schema, level):
            return None
        fitting = [reading for reading in readings if self._fits(reading[0], schema, level)]
        # "a,b" above "c" is a list by its lines and by its commas; of two readings neither is taken.
        return fitting[0] if len(fitting) == 1 else None

    def _fits(self, value: JsonValue, schema: JsonObject, level: int) -> bool:
        return self._cost_as(value, schema, level) == _Cost(violations=0, dropped=0)

    def _cost_as(self, value: JsonValue, schema: JsonValue, level: int) -> _Cost:
        """Return the cost of `value` under `schema`: violations that remain, and parts that are dropped."""
        tags, problems = self.tags, self._problems
        self.tags, self._problems = [], 0
        self.apply(value, schema, level + 1)
        # Only tags and violations of the trial are taken back: steps count, else trials inside trials are exponential.
        cost = _Cost(self._problems, sum(tag in _DROPPED for tag in self.tags))
        self.tags, self._problems = tags, problems
        return cost

    def _best_member(self, value: JsonValue, members: list[JsonValue], level: int) -> JsonValue:
        """Return `value` as coerced by the member with the lowest cost: violations, dropped parts, changes, type."""
        if not members:
            return value
        tags, problems = self.tags, self._problems
        found: list[tuple[_Cost, JsonValue, list[str]]] = []
        for member in members:
            self.tags, self._problems = [], 0
            result = self.apply(value, member, level + 1)
            dropped = sum(tag in _DROPPED for tag in self.tags)
            # A tie goes to the most particular type, then to the first member, since `min` keeps the first.
            cost = _Cost(self._problems, dropped, len(self.tags), ORDER.index(type_of(result)))
            found.append((cost, result, self.tags))
        cost, result, added = min(found, key=_cost_of)
        self.tags, self._problems = tags + added, problems + cost.violations
        return result

    def _coerce_members(self, value: JsonObject, schema: JsonObject, level: int) -> JsonObject:
        known = self._facts_of(schema)
        # Each key is matched against each pattern of `patternProperties`.
        self._steps += known.patterns * len(value)
        names: dict[str, str] | None = None
        result: JsonObject = {}
        changed = False
        for key, member in value.items():
            # The original is returned, not the part done so far: a half-coerced object would lack members.
            if self._steps > MAX_COERCION_STEPS:
                return value
            name, rules = key, member_schemas(key, schema)
            if not rules:
                changed = True
                # The undeclared keys are compared once for each object, and only where it has one.
                if names is None:
                    names = match_undeclared_keys(value, schema)
                    self._steps += (known.named + len(value)) // 10
                if key not in names:
                    self.tags.append("extra_dropped")
                    continue
                self.tags.append("key_case")
                name = names[key]
                rules = member_schemas(name, schema)
            problems, coerced = self._problems, member
            # All rules hold at once: the declared name's and those of every pattern that matches the key.
            for rule in rules:
                coerced = self.apply(coerced, rule, level + 1)
            # Models write null for a parameter that they leave out. Only an optional one can be dropped, and only where
            # null is not accepted.
            if self._problems > problems and name not in known.required and self._is_absent(coerced, rules):
                self._problems = problems
                self.tags.append("null_dropped")
                changed = True
                continue
            changed = changed or coerced is not member
            result[name] = coerced
        return result if changed else value

    def _is_absent(self, value: JsonValue, rules: list[JsonValue]) -> bool:
        """Whether a value that violates `rules` means "no value": null, or its word where no string is allowed."""
        if not is_null_word(value):
            return False
        # The word "null" can be meant where a string is allowed; a schema of any type allows one.
        return value is None or all("string" not in (self._possible_types(rule) or ("string",)) for rule in rules)

    def _coerce_items(self, value: list[JsonValue], schema: JsonObject, level: int) -> list[JsonValue]:
        first, rest = tuple_items(schema)
        result = [
            self.apply(item, first[place] if place < len(first) else rest, level + 1)
            for place, item in enumerate(value)
        ]
        # Identity is kept where nothing changed, so that `_coerce_members` needs no comparison of values.
        return result if any(new is not old for new, old in zip(result, value, strict=True)) else value


class _SchemaFacts:
    """What a coercion looks up in one schema, indexed once.

    `steps` is what a lookup costs in steps: long lists of required names and unions are not free.
    """

    __slots__ = ("named", "options", "patterns", "required", "steps", "types")

    def __init__(self, schema: JsonObject) -> None:
        required, named, patterns = (schema.get(word) for word in ("required", "properties", "patternProperties"))
        self.options = AllowedValues(allowed_values(schema))
        self.required = frozenset(name for name in _list(required) if isinstance(name, str))
        self.named = len(named) if isinstance(named, dict) else 0
        self.patterns = len(patterns) if isinstance(patterns, dict) else 0
        self.types: tuple[str, ...] | None = None
        members = sum(len(_list(schema.get(word))) for word in _UNIONS) if "discriminator" in schema else 0
        # Each required name, and each member that a discriminator can name, counts as a twentieth of a step.
        self.steps = (len(self.required) + members) // 20


def _cost_of(found: tuple[_Cost, JsonValue, list[str]]) -> _Cost:
    return found[0]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
