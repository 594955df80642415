"""Whether an explanation follows the image: one trait changed in a drawing, everything else the same pixel for pixel.

A phrase falls when its similarity, less the mean of the class's other phrases, is lower than before. The phrase of the
changed trait should fall; that of another trait should not, or no oftener than by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from intervals import share
from PIL import Image

from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x_field_guide.drawing import draw_species
from bioclip_x_field_guide.species import Species, list_descriptors, list_phrases, list_trait_values, load_species

SEED = 2029
DRAWINGS = 2
"""Per species and trait."""

Change = tuple[int, Image.Image, Image.Image]
"""A species' phrase by its number, the drawing as it is, and the one whose trait the phrase no longer fits."""


def changes(number: int, species: Species) -> Iterator[Change]:
    """Every described trait of a species, changed to another value at random; what leaves no pixel changed is left out."""
    said = list_descriptors(species)
    rng = np.random.default_rng((SEED, number))
    for k in range(DRAWINGS):
        whole = draw_species(species.name, (SEED, number, k), 256).image
        for trait, value in species.traits.items():
            phrase = list_phrases(species.plan, trait, value)[0]
            if phrase not in said:
                continue
            other = str(rng.choice([v for v in list_trait_values(species.plan)[trait] if v != value]))
            changed = draw_species(species.name, (SEED, number, k), 256, change={trait: other}).image
            if changed.tobytes() != whole.tobytes():
                yield said.index(phrase), whole, changed


def relative_change(
    encoder: LoadedEncoder, texts_PD: torch.Tensor, pair: tuple[Image.Image, Image.Image]
) -> np.ndarray:
    """Of each phrase the change of its similarity, less the mean change of the others: float32 [P]."""
    embeddings = encoder.encode_images(torch.stack([encoder.preprocess(image) for image in pair])).embeddings_BD
    change_P: np.ndarray = (texts_PD @ (embeddings[1] - embeddings[0])).numpy()
    return change_P - (change_P.sum() - change_P) / (len(change_P) - 1)


def figures(encoder: LoadedEncoder) -> dict[str, Any]:
    """How often the changed trait's phrase fell, and another's; phrases bare, and in a sentence with the name."""
    rng = np.random.default_rng(SEED)
    fell: dict[str, list[bool]] = {
        f"{style}_{which}": [] for style in ("bare", "named") for which in ("changed", "other")
    }
    owner: list[str] = []
    for number, species in enumerate(load_species()):
        said = list_descriptors(species)
        texts = {"bare": said, "named": [f"{species.name}, which has {phrase}" for phrase in said]}
        banks = {style: encoder.encode_texts(each) for style, each in texts.items()}
        for phrase, whole, changed in changes(number, species):
            other = int(rng.choice([i for i in range(len(said)) if i != phrase]))
            for style, texts_PD in banks.items():
                change_P = relative_change(encoder, texts_PD, (whole, changed))
                fell[f"{style}_changed"].append(bool(change_P[phrase] < 0))
                fell[f"{style}_other"].append(bool(change_P[other] < 0))
            owner.append(species.name)
    held_out = {species.name for species in load_species() if species.held_out}
    unseen = [name in held_out for name in owner]
    found = {name: share(each, owner) for name, each in fell.items()}
    never = {
        f"never_drawn_{name}": share([one for one, is_new in zip(fell[name], unseen) if is_new],
                                     [one for one, is_new in zip(owner, unseen) if is_new])
        for name in ("bare_changed", "bare_other")
    }  # fmt: skip
    return found | never
