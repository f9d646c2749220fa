"""The pure heart of Toolgate: dialects, schema repair and the ladder, without I/O."""
