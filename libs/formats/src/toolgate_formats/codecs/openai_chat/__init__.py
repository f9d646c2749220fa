"""The chat completions wire format of OpenAI, as upstreams really speak it."""
