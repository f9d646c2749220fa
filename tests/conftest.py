"""What all tests share: how hypothesis looks for counterexamples."""

import os

from hypothesis import settings

# `make test` gives the same verdict on the same code; `HYPOTHESIS_PROFILE=explore` looks at new examples every time.
# A shared machine makes a deadline per example a test of the machine.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
