"""Renders a species (or random traits) and a seed to an image and a mask for every visible trait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bioclip_x_field_guide.organisms import beetle, bird, butterfly, fish, flower, leaf, mushroom
from bioclip_x_field_guide.painting import backgrounds
from bioclip_x_field_guide.painting.canvas import SUPERSAMPLE, Canvas
from bioclip_x_field_guide.painting.scene import HABITATS, Brush, Scene, Stance, make_scene
from bioclip_x_field_guide.species import Species, find_species, list_held_out_traits, list_trait_values


class Plan(NamedTuple):
    """A body plan: its drawing function, its placement, and the parts that show each trait (the first visible alternative)."""

    draw: Callable[[Brush], None]
    stance: Stance
    regions: Mapping[str, tuple[tuple[str, ...], ...]]


PLANS: Mapping[str, Plan] = {
    m.__name__.rpartition(".")[2]: Plan(m.draw, m.STANCE, m.REGIONS)
    for m in (bird, butterfly, beetle, fish, flower, mushroom, leaf)
}


@dataclass(frozen=True)
class Drawing:
    """image: RGB, size x size. masks: bool `[size, size]`, one per visible trait, and "organism"."""

    image: Image.Image
    masks: Mapping[str, NDArray[np.bool_]]


def draw_species(
    name: str, seed: int | Sequence[int], size: int = 256, change: Mapping[str, str] | None = None
) -> Drawing:
    """Draws a species of the field guide; `change` replaces trait values without affecting the random choices."""
    species = find_species(name)
    traits = {**species.traits, **(change or {})}
    scene = make_scene(seed)
    return _render(species.plan, traits, species.form, scene, scene.habitat(species.habitat), size)


def draw_in_habitat(name: str, seed: int | Sequence[int], habitat: str, size: int = 256) -> Drawing:
    """Draws a species like `draw_species` with this seed, in a given habitat."""
    species = find_species(name)
    return _render(species.plan, species.traits, species.form, make_scene(seed), habitat, size)


def draw_habitat(seed: int | Sequence[int], habitat: str, size: int = 256) -> Image.Image:
    """Draws a habitat without an organism: RGB, size x size."""
    scene = make_scene(seed)
    return _apply_lighting(backgrounds.paint(habitat, scene, size * SUPERSAMPLE).reduce(SUPERSAMPLE), scene)


def draw_random(plan: str, seed: int | Sequence[int], size: int = 256) -> tuple[Drawing, dict[str, str]]:
    """Draws an imaginary organism: random trait values, all equally likely, in a random habitat."""
    traits = draw_random_traits(plan, seed)
    scene = make_scene(seed)
    habitat = HABITATS[int(scene.rng("random habitat").integers(len(HABITATS)))]
    return _render(plan, traits, {}, scene, habitat, size), traits


def draw_random_traits(plan: str, seed: int | Sequence[int]) -> dict[str, str]:
    """Returns the traits that `draw_random` uses, without rendering; never those of a held-out species."""
    rng = make_scene(seed).rng("random traits")
    while True:
        traits = {trait: values[int(rng.integers(len(values)))] for trait, values in list_trait_values(plan).items()}
        if not _is_held_out(plan, traits):
            return traits


def draw_changed(name: str, seed: int | Sequence[int], size: int = 256) -> tuple[Drawing, dict[str, str]]:
    """Draws a species like `draw_species` with this seed, with one trait changed. Raises ValueError for a held-out species."""
    traits = draw_changed_traits(name, seed)
    return draw_species(name, seed, size, traits), traits


def draw_changed_traits(name: str, seed: int | Sequence[int]) -> dict[str, str]:
    """Returns the traits that `draw_changed` uses, without rendering; never those of a held-out species."""
    species = find_species(name)
    if species.held_out:
        raise ValueError(f"{name} is held out; expected one of list_trained_species()")
    return _change_one_trait(species, make_scene(seed).rng("changed trait"))


def _change_one_trait(species: Species, rng: np.random.Generator) -> dict[str, str]:
    """Changes one trait: each trait, then each other value of it, is equally likely."""
    choices = list_trait_values(species.plan)
    while True:
        trait = list(choices)[int(rng.integers(len(choices)))]
        others = [value for value in choices[trait] if value != species.traits[trait]]
        traits = {**species.traits, trait: others[int(rng.integers(len(others)))]}
        if not _is_held_out(species.plan, traits):
            return traits


def _is_held_out(plan: str, traits: Mapping[str, str]) -> bool:
    return frozenset(traits.items()) in list_held_out_traits(plan)


def _render(
    plan_name: str, traits: Mapping[str, str], form: Mapping[str, float], scene: Scene, habitat: str, size: int
) -> Drawing:
    _check_traits(plan_name, traits)
    plan = PLANS[plan_name]
    canvas = Canvas(backgrounds.paint(habitat, scene, size * SUPERSAMPLE), plan.stance.frame(scene), scene.light())
    plan.draw(Brush(canvas, scene, traits, form))
    parts = canvas.masks(size)
    masks = {"organism": parts["organism"]}
    for trait, alternatives in plan.regions.items():
        for names in alternatives:
            visible = [parts[name] for name in names if name in parts]
            if visible and (mask := np.logical_or.reduce(visible)).any():
                masks[trait] = mask
                break
    return Drawing(_apply_lighting(canvas.image.reduce(SUPERSAMPLE), scene), masks)


def _check_traits(plan: str, traits: Mapping[str, str]) -> None:
    allowed = list_trait_values(plan)
    for trait, value in traits.items():
        if value not in allowed.get(trait, ()):
            expected = ", ".join(allowed.get(trait, tuple(allowed)))
            raise ValueError(f"{plan} has no {trait!r} = {value!r}; expected one of {expected}")


def _apply_lighting(image: Image.Image, scene: Scene) -> Image.Image:
    """Applies random brightness, a warm or cold tint, and paper grain."""
    bright, warm = scene.uniform("bright", 0.86, 1.10), scene.uniform("warm", -0.06, 0.06)
    gain = np.array([bright * (1 + warm), bright, bright * (1 - warm)], dtype=np.float32)
    size = image.width
    grain = scene.rng("paper").standard_normal((size, size, 1), dtype=np.float32) * 2.2
    lit = np.asarray(image, dtype=np.float32) * gain + grain
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
