"""Keyed random numbers: every draw depends only on its key, not on earlier draws.

A `Source` is created from a key such as ``(seed, "train", iteration, task)``; the same key gives the same numbers on
every machine and in every order of use. Only the raw 64-bit words of NumPy's Philox (Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3") are used, which NumPy keeps stable between versions.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Key = int | str


class Source:
    """A stream of random words for one key."""

    def __init__(self, *address: Key) -> None:
        digest = hashlib.sha256(repr(address).encode()).digest()
        self._philox = np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64))

    def words(self, count: int) -> NDArray[np.uint64]:
        """Return `count` uniform 64-bit words."""
        return self._philox.random_raw(count)

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Return `count` floats, uniform in [0, 1), with 53 bits."""
        return (self.words(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def permutation(self, count: int) -> NDArray[np.int64]:
        """Return a uniform permutation of ``range(count)``."""
        return np.argsort(self.words(count), kind="stable")
