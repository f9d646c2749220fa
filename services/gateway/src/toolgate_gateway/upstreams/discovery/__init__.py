"""Discovery: models that are found where they run, beside those that the gateway's file names."""
