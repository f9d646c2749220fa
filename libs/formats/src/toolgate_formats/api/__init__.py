"""API formats that clients speak, one package each. To add one, add a package here and its row in `table`."""
