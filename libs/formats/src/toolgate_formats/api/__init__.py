"""API formats: what clients speak to the gateway, one package each."""
