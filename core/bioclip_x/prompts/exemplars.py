"""Exemplars: a species of a domain with descriptors in the desired form, to be shown in prompts. YAML data files:

domain: birds
source: who wrote it, and where
taxa: [Aves]                 # for species of these taxa; the nearest ancestor counts
name: Sooty Albatross
scientific_name: Phoebetria fusca
descriptor: [a large seabird with long and narrow wings, …]
background: [in flight over the open ocean, …]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from bioclip_x.errors import DescriptorError
from bioclip_x.limits import DESCRIPTOR_CHARACTERS, PHRASES
from bioclip_x.prompts import data_files

FOLDER: Final = "describe/exemplars"

Phrases = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=DESCRIPTOR_CHARACTERS)], ...],
    Field(strict=False, min_length=1, max_length=PHRASES),
]


class Exemplar(BaseModel):
    """An exemplar file. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    domain: str = Field(min_length=1, description="name for --prompt exemplar:domain=…")
    source: str = Field(min_length=1, description="who wrote it, and where")
    taxa: Annotated[tuple[str, ...], Field(strict=False, description="taxa that it is meant for")] = ()
    name: str = Field(min_length=1)
    scientific_name: str = ""
    descriptor: Phrases
    background: Phrases

    def format_list(self, kind: str) -> str:
        """Formats its phrases of one kind as a list, one per line after a hyphen."""
        return "\n".join(f"- {phrase}" for phrase in (self.background if kind == "background" else self.descriptor))


@dataclass(frozen=True, slots=True)
class Choice:
    """The exemplar of each lineage. unmatched: indices of the lineages that no exemplar is meant for."""

    exemplars: tuple[Exemplar, ...]
    unmatched: tuple[int, ...] = ()


def load_exemplar(name: str) -> Exemplar:
    """Loads a built-in exemplar by its domain, or a file by path. Raises DescriptorError as `data_files.load` does."""
    return data_files.load(Exemplar, "exemplar", FOLDER, name)


def read_builtin_exemplars() -> tuple[Exemplar, ...]:
    """Reads all built-in exemplars."""
    return tuple(map(load_exemplar, data_files.list_builtin_names(FOLDER)))


def choose_exemplars(lineages: Sequence[Iterable[str]], among: Sequence[Exemplar]) -> Choice:
    """Chooses for each lineage (names from the root down) the exemplar of its nearest ancestor that has one.

    Lineages without one get the most frequent exemplar of the others. Raises DescriptorError where no lineage has one.
    """
    exemplar_of = {name.casefold(): exemplar for exemplar in among for name in exemplar.taxa}
    nearest: list[Exemplar | None] = []
    for lineage in lineages:
        matches = [exemplar_of[key] for key in map(str.casefold, lineage) if key in exemplar_of]
        nearest.append(matches[-1] if matches else None)
    matched = [exemplar for exemplar in nearest if exemplar]
    if not matched:
        domains = ", ".join(sorted(exemplar.domain for exemplar in among))
        raise DescriptorError(
            "no taxon of the taxonomy belongs to a domain that has an exemplar; "
            f"choose with --prompt NAME:domain=…, one of {domains}, or a custom exemplar file (.yaml)"
        )
    counts = {exemplar.domain: sum(one is exemplar for one in matched) for exemplar in among}
    most_frequent = max(matched, key=lambda exemplar: counts[exemplar.domain])
    return Choice(
        tuple(exemplar or most_frequent for exemplar in nearest),
        tuple(index for index, exemplar in enumerate(nearest) if exemplar is None),
    )
