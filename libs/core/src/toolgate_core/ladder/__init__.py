"""The ladder: a generator of effects that tries strategy after strategy until an answer is good."""

from toolgate_core.ladder.choice import Choice
from toolgate_core.ladder.knowledge import Knowledge, LearnedKnowledge, Observation
from toolgate_core.ladder.ladder import LadderRun
from toolgate_core.ladder.memory import LadderMemory
from toolgate_core.ladder.outcome import Answer, Attempt, DeadlineExceeded

__all__ = [
    "Answer",
    "Attempt",
    "Choice",
    "DeadlineExceeded",
    "Knowledge",
    "LadderMemory",
    "LadderRun",
    "LearnedKnowledge",
    "Observation",
]
