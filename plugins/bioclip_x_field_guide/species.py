"""The species of the field guide: their traits and habitats, and the phrases for traits, read from traits.yaml."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

MAX_DESCRIPTORS = 8
NOTE = "generated from traits.yaml: what the renderer draws"


@dataclass(frozen=True)
class Species:
    """A species: binomial, body plan, the value of every trait, home habitat, proportions and background phrases.

    held_out: must not occur in training drawings, nor any other organism with all of its trait values.
    """

    name: str
    plan: str
    traits: Mapping[str, str]
    habitat: str
    form: Mapping[str, float] = field(default_factory=dict)
    background: tuple[str, ...] = ()
    held_out: bool = False


@cache
def _load_traits() -> dict[str, Any]:
    text = (files(__package__) / "traits.yaml").read_text(encoding="utf-8")
    source: dict[str, Any] = yaml.safe_load(text)
    return source


@cache
def load_species() -> tuple[Species, ...]:
    """Returns all species in the order of traits.yaml."""
    return tuple(
        Species(
            name,
            plan,
            MappingProxyType(dict(entry["traits"])),
            entry["habitat"],
            MappingProxyType(dict(entry.get("form", {}))),
            tuple(entry["background"]),
            bool(entry.get("held_out", False)),
        )
        for plan, kinds in _load_traits()["species"].items()
        for name, entry in kinds.items()
    )


def list_trained_species() -> tuple[Species, ...]:
    """Returns the species that may occur in training drawings."""
    return tuple(species for species in load_species() if not species.held_out)


def list_held_out_species() -> tuple[Species, ...]:
    """Returns the species that the trained model has never seen, and can recognise only by their traits."""
    return tuple(species for species in load_species() if species.held_out)


@cache
def list_held_out_traits(plan: str) -> frozenset[frozenset[tuple[str, str]]]:
    """Returns the trait values of every held-out species of a body plan, as sets of (trait, value)."""
    return frozenset(frozenset(species.traits.items()) for species in list_held_out_species() if species.plan == plan)


def find_species(name: str) -> Species:
    """Returns the species of this binomial. Raises ValueError if there is none."""
    for species in load_species():
        if species.name == name:
            return species
    raise ValueError(f"the field guide has no {name!r}; it has {', '.join(s.name for s in load_species())}")


@cache
def list_trait_values(plan: str) -> Mapping[str, tuple[str, ...]]:
    """Returns the traits of a body plan with their possible values."""
    plans = _load_traits()["plans"]
    if plan not in plans:
        raise ValueError(f"no body plan {plan!r}; expected one of {', '.join(plans)}")
    return MappingProxyType({trait: tuple(values) for trait, values in plans[plan].items()})


def list_phrases(plan: str, trait: str, value: str) -> tuple[str, ...]:
    """Returns the phrases for a trait value: short noun phrases, the plainest first."""
    return tuple(_load_traits()["plans"][plan][trait][value])


def list_descriptors(species: Species) -> list[str]:
    """Returns the plainest phrase of every trait, at most eight; phrases for missing features come last."""
    phrases = [list_phrases(species.plan, trait, value)[0] for trait, value in species.traits.items()]
    lacking = ("no ", "plain", "bare", "without", "unmarked", "of the same colour", "small hidden", "hardly show")
    ordered = sorted(dict.fromkeys(phrases), key=lambda phrase: any(word in phrase for word in lacking))
    return ordered[:MAX_DESCRIPTORS]


def make_descriptor_file() -> dict[str, Any]:
    """Returns the content of descriptors.yaml."""
    classes = {s.name: {"descriptor": list_descriptors(s), "background": list(s.background)} for s in load_species()}
    return {
        "format": "bioclip-x/descriptors/1",
        "style": "bare",
        "provenance": {"written_by": "bioclip-x field guide", "note": NOTE},
        "classes": classes,
    }


def format_descriptor_file() -> str:
    """Formats descriptors.yaml."""
    return yaml.safe_dump(make_descriptor_file(), sort_keys=False, allow_unicode=True, width=120)


def main() -> None:
    """Prints descriptors.yaml, or writes it next to this file."""
    parser = argparse.ArgumentParser(description="Generate descriptors.yaml from traits.yaml.")
    parser.add_argument("--write", action="store_true", help="write descriptors.yaml instead of printing it")
    if parser.parse_args().write:
        Path(__file__).with_name("descriptors.yaml").write_text(format_descriptor_file(), encoding="utf-8")
    else:
        print(format_descriptor_file(), end="")


if __name__ == "__main__":
    main()
