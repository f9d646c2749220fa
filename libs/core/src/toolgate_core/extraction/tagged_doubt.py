"""Places where a tagged value may have ended, until what follows decides it.

```
<parameter=code>print("</parameter>")</parameter></function>
                       ^ nothing of the call follows: in doubt       ^ the call ends after it: the value's own
```
A value in doubt reads on. What comes then decides what the doubtful place was:

```
                                      closer              opener              end
confirmed closer, none open inside    was text, ends here was text, ends here was text, ends here
confirmed closer, one open inside     was the end         was the end         was text, ends here
closer before an argument seen since  ends at the first confirmed closer      was text, a new doubt
another opener                        stays               stays               was text, a new doubt
the end of the call                   was the end         was the end         was text, ends here
the end of the text, by the model     was the end         was the end         was the end
```
(Columns: the kind of the doubt. "One open inside": an element of the value's own kind, whose closer this may be. An
argument "seen since": its opening tag stood after the doubtful place, so that one of the two tags was text.)

There is one doubt at a time, the first: if it was not the end, everything up to the next one is text. Its tape grows up
to MAX_ARGUMENTS; how often a tape is read again is bounded by `BlockReader.rereads_left`.
"""

from __future__ import annotations

from io import StringIO
from typing import Literal as OneOf


class Siblings:
    """The arguments of the call that a value is in.

    Attributes:
        declared: the names that the tool declares.
        seen: the names that have been read, the value's own among them.
        repeated: names of arrays, which may come several times.
    """

    __slots__ = ("declared", "repeated", "seen")

    def __init__(self, declared: frozenset[str], repeated: frozenset[str]) -> None:
        self.declared = declared
        self.repeated = repeated
        self.seen: set[str] = set()

    def may_follow(self, key: str, *, line_start: bool) -> bool:
        """Whether an argument of this name may come next; without declared names, where a line begins."""
        key = key.strip()
        known = key in self.declared if self.declared else line_start
        return known and (key not in self.seen or key in self.repeated)


class Doubt:
    """A place where the value may have ended, and what was read since.

    Attributes:
        kind: `closer`: after it nothing confirms the closing tag; `opener`: a sibling's tag, or another call's;
            `end`: a closing tag of the call that nothing confirms.
        tape: everything from that place on.
        keys: the siblings whose tags have been seen since.
        confirmed: where on the tape the first closing tag stands that structure follows; -1: none yet.
    """

    __slots__ = ("confirmed", "keys", "kind", "tape")

    def __init__(self, kind: OneOf["closer", "opener", "end"], tape: StringIO) -> None:
        self.kind = kind
        self.tape = tape
        self.keys: set[str] = set()
        self.confirmed = -1
