"""Embeds texts of random words: what any text scores on an image, whatever the image shows.

Legend: D embedding.
"""

from __future__ import annotations

from random import Random
from typing import Final

import torch

from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.prompts import load_words

TEXTS: Final = 100
WORDS: Final = 3
LIST: Final = "everyday"


def write_random_texts(count: int = TEXTS, seed: int = 0) -> list[str]:
    """Writes texts of `WORDS` different everyday words that name no organism; the same for the same seed."""
    draw, words = Random(seed), load_words(LIST).words
    return [" ".join(draw.sample(words, WORDS)) for _ in range(count)]


@torch.inference_mode()
def embed_random_texts(encoder: LoadedEncoder) -> torch.Tensor:
    """Computes the mean of the unit embeddings of random texts: float32 [D], not re-normalised."""
    return encoder.encode_texts(write_random_texts()).float().mean(0)
