from __future__ import annotations

import os
import random

import pytest


@pytest.fixture
def moments() -> random.Random:
    """Random moments; the seed is printed when a test fails, and MAMLAB_FAULT_SEED repeats it."""
    seed = int(os.environ.get("MAMLAB_FAULT_SEED") or int.from_bytes(os.urandom(4), "big"))
    print(f"MAMLAB_FAULT_SEED={seed}")
    return random.Random(seed)
