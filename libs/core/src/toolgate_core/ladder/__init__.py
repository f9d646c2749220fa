"""The ladder: a generator of effects that climbs the strategies until an answer is good."""
