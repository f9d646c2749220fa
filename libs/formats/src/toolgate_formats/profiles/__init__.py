"""Profiles: what is known about kinds of servers, as data."""
