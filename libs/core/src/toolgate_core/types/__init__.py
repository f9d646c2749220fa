"""Values that every part of the core shares: requests, events, plans, policies, faults. Neutral of any wire format."""
