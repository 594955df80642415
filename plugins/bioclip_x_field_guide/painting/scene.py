"""The random choices of a drawing, apart from the organism's traits."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bioclip_x_field_guide.painting.canvas import Canvas, Frame
from bioclip_x_field_guide.painting.palette import RGB, colour

HABITATS = (
    "meadow",
    "woodland_floor",
    "coral_reef",
    "river",
    "garden",
    "hedge",
    "heath",
    "pine_forest",
    "mountain",
    "seashore",
)


@dataclass(frozen=True)
class Scene:
    """Named random streams: how many numbers one trait draws does not affect the others."""

    seed: tuple[int, ...]
    cache: dict[str, float] = field(default_factory=dict, compare=False, repr=False)

    def rng(self, name: str) -> np.random.Generator:
        """Returns the stream of this name, from its start."""
        return np.random.default_rng([*self.seed, zlib.crc32(name.encode())])

    def uniform(self, name: str, low: float, high: float) -> float:
        """Returns a random number, the same for every call with this name."""
        if name not in self.cache:
            self.cache[name] = float(self.rng(name).random())
        return low + (high - low) * self.cache[name]

    def colour(self, name: str, part: str) -> RGB:
        """Returns a named colour with the individual's jitter for a part."""
        a, b, c = self.rng("colour " + part).uniform(-1, 1, 3)
        return colour(name, (float(a), float(b), float(c)))

    def light(self) -> tuple[float, float]:
        """Returns the unit vector towards the lamp, which is always above, to the left or right."""
        angle = np.deg2rad(self.uniform("light", -145, -35))
        return float(np.cos(angle)), float(np.sin(angle))

    def habitat(self, home: str) -> str:
        """Returns the home habitat with probability 0.8, else any habitat."""
        other = HABITATS[int(self.uniform("elsewhere", 0, len(HABITATS) - 1e-6))]
        return home if self.uniform("at home", 0, 1) < 0.8 else other


@dataclass(frozen=True)
class Brush:
    """The inputs of a body plan: canvas, random choices, trait values, and proportions (default 1)."""

    canvas: Canvas
    scene: Scene
    traits: Mapping[str, str]
    form: Mapping[str, float]

    def size(self, name: str) -> float:
        """Returns a proportion of the species, with up to 5% individual variation."""
        return self.form.get(name, 1.0) * self.scene.uniform("form " + name, 0.95, 1.05)

    def colour(self, name: str, part: str) -> RGB:
        """See `Scene.colour`."""
        return self.scene.colour(name, part)


@dataclass(frozen=True)
class Stance:
    """The ranges of tilt (degrees), scale and position of a body plan in the image."""

    tilt: float
    scale: tuple[float, float]
    centre: tuple[float, float] = (0.5, 0.5)
    drift: float = 0.04

    def frame(self, scene: Scene) -> Frame:
        """Returns a random placement."""
        return Frame(
            x=self.centre[0] + scene.uniform("x", -self.drift, self.drift),
            y=self.centre[1] + scene.uniform("y", -self.drift, self.drift),
            scale=scene.uniform("scale", *self.scale),
            turn=np.deg2rad(scene.uniform("turn", -self.tilt, self.tilt)),
            flip=scene.uniform("flip", 0, 1) < 0.5,
        )


def make_scene(seed: int | Sequence[int]) -> Scene:
    """Returns the scene of a seed. Raises ValueError for negative numbers."""
    numbers = (seed,) if isinstance(seed, int | np.integer) else tuple(seed)
    if not numbers or any(n < 0 for n in numbers):
        raise ValueError(f"a seed must be one or several non-negative integers, got {seed!r}")
    return Scene(tuple(int(n) for n in numbers))
