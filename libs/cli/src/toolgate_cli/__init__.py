"""The toolgate command: laptop stack, demo, offline tools."""
