"""The ladder: a generator of effects that climbs the strategies until an answer is good."""

from toolgate_core.ladder.ladder import LadderRun
from toolgate_core.ladder.memory import LadderMemory
from toolgate_core.ladder.outcome import Answer, Attempt, DeadlineExceeded

__all__ = ["Answer", "Attempt", "DeadlineExceeded", "LadderMemory", "LadderRun"]
