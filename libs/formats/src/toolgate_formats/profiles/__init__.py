"""Profiles: known facts about kinds of servers, as data. To add one, add its row in `table`."""
