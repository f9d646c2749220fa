"""Pure core of Toolgate, without I/O: dialects, extraction, schemas, strategies and the ladder."""
