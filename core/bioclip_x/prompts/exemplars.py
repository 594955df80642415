"""Exemplars: one species of a domain, described as answers should be. Data only, in YAML.

domain: birds
source: who wrote it, and where
taxa: [Aves]                 # whose species it is for; the one nearest above a taxon counts
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
from bioclip_x.prompts import data_files

FOLDER: Final = "describe/exemplars"

Phrases = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False, min_length=1)]


class Exemplar(BaseModel):
    """A file. An unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    domain: str = Field(min_length=1, description="what --prompt exemplar:domain=… calls it")
    source: str = Field(min_length=1, description="who wrote it, and where")
    taxa: Annotated[tuple[str, ...], Field(strict=False, description="whose species it is for")] = ()
    name: str = Field(min_length=1)
    scientific_name: str = ""
    descriptor: Phrases
    background: Phrases

    def listed(self, kind: str) -> str:
        """Its phrases of one kind, one a line, each after a hyphen."""
        return "\n".join(f"- {phrase}" for phrase in (self.background if kind == "background" else self.descriptor))


@dataclass(frozen=True, slots=True)
class Choice:
    """The exemplar of each lineage. strangers: places of the lineages that no exemplar is meant for."""

    exemplars: tuple[Exemplar, ...]
    strangers: tuple[int, ...] = ()


def load_exemplar(name: str) -> Exemplar:
    """A built-in exemplar by its domain, or a file by path. Raises DescriptorError."""
    return data_files.load(Exemplar, "exemplar", FOLDER, name)


def read_builtin_exemplars() -> tuple[Exemplar, ...]:
    """All that come with bioclip-x."""
    return tuple(map(load_exemplar, data_files.list_builtin_names(FOLDER)))


def choose(lineages: Sequence[Iterable[str]], among: Sequence[Exemplar]) -> Choice:
    """For each lineage (names from the top down) the exemplar of the nearest of its taxa; for strangers, that of most others.

    Raises DescriptorError where no exemplar is meant for any of them.
    """
    domain_of = {name.casefold(): exemplar for exemplar in among for name in exemplar.taxa}
    found: list[Exemplar | None] = []
    for lineage in lineages:
        nearest = [domain_of[key] for key in map(str.casefold, lineage) if key in domain_of]
        found.append(nearest[-1] if nearest else None)
    known = [exemplar for exemplar in found if exemplar]
    if not known:
        domains = ", ".join(sorted(exemplar.domain for exemplar in among))
        raise DescriptorError(
            "the taxonomy does not tell which exemplar to show, because no taxon of it belongs to a domain that has one; "
            f"choose with --prompt NAME:domain=…, one of {domains}, or an exemplar of your own (.yaml)"
        )
    counts = {exemplar.domain: sum(one is exemplar for one in known) for exemplar in among}
    usual = max(known, key=lambda exemplar: counts[exemplar.domain])
    return Choice(
        tuple(exemplar or usual for exemplar in found), tuple(place for place, one in enumerate(found) if one is None)
    )
