"""JSON Schema: the compiled tools of a request, coercion, validation, settling."""
