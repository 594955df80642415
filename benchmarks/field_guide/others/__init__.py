"""Images that are not the field guide's: what its gate should refuse. Shares no code with the field guide's renderer."""

from __future__ import annotations

import numpy as np


def generator(kind: str, seed: int, index: int) -> np.random.Generator:
    """Of one image: the same for the same three, whatever else is drawn."""
    return np.random.default_rng([seed, index, *kind.encode()])
