"""Names of columns of scores that hold a lineage, as SpeciesNet's do: `uuid;class;order;family;genus;species;common name`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bioclip_x.taxonomy.names.resolver import Resolver

RANKS: Final = ("class", "order", "family", "genus", "species")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Label:
    """One column's name.

    shown: in outputs. names: to look up; the first that matches counts. rank, lineage: of the first name.
    """

    shown: str
    names: tuple[str, ...]
    rank: str = ""
    lineage: tuple[str, ...] = ()


def parse_label(text: str, description: str = "") -> Label:
    """Parses a column's name; any that is not a lineage is a name by itself.

    description: of a MegaDetector category, which may hold the lineage.

    >>> parse_label("1-2;mammalia;carnivora;canidae;vulpes;vulpes;red fox").names
    ('vulpes vulpes', 'red fox')
    >>> parse_label("f1856211-cfb7-4a5b-9158-c0f72fd09ee6;;;;;;blank").names
    ('blank',)
    """
    parts = [part.strip() for part in (description or text).split(";")]
    if len(parts) == len(RANKS) + 2 or (len(parts) == len(RANKS) + 1 and not _UUID.fullmatch(parts[0])):
        return _parse_lineage(parts[-len(RANKS) - 1 : -1], parts[-1], text if description else "")
    return Label(text, (text, *([parts[-1]] if description and parts[-1] else [])))


def _parse_lineage(names: Sequence[str], common: str, shown: str) -> Label:
    """Makes the label of a taxon; `names` are blank from some rank on, or altogether for no taxon."""
    lineage = [*names]
    if lineage[-1] and lineage[-2] and not lineage[-1].lower().startswith(f"{lineage[-2].lower()} "):
        lineage[-1] = f"{lineage[-2]} {lineage[-1]}"
    lowest = max((place for place, name in enumerate(lineage) if name), default=-1)
    if lowest < 0 or "no cv result" in lineage:
        return Label(shown or common, (common,))
    name = lineage[lowest]
    above = tuple(filter(None, lineage[:lowest]))
    return Label(shown or common or name, tuple(dict.fromkeys(filter(None, (name, common)))), RANKS[lowest], above)


def find_nodes(resolver: Resolver, label: Label, *, classes: bool = False) -> tuple[int, ...]:
    """Returns the nodes that a label may mean: none if unknown, several if ambiguous.

    classes: prefer the class that has a name in another way to the taxon above classes that has it (`Resolver.find_class`).
    """
    find = resolver.find_class if classes else resolver.find
    for place, name in enumerate(label.names):
        match = find(name, label.rank if place == 0 else "", lineage=label.lineage)
        if match.nodes:
            return match.nodes
    return ()
