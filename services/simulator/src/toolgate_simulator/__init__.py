"""An upstream that speaks vLLM's wire format without a GPU."""
