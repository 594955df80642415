"""Excludes, or makes less likely, the classes that do not occur in the country of an image.

Legend: C classes, B images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import (
    LogitAdjustmentCapabilities,
    RecipeError,
    Resolver,
    Source,
    Taxonomy,
    list_some,
    match_taxon,
    pluralise,
)
from bioclip_x_plugins.adjustments.country_codes import normalise_country, normalise_region
from bioclip_x_plugins.adjustments.country_rules import Rule, Rules, merge, read_rules

if TYPE_CHECKING:
    import torch

STRENGTH: Final = 3.0
"""Default strength of a prior, in log-odds."""

Location = tuple[str, str]
"""Country, of three letters, and region within it, "" if unknown."""


@dataclass(frozen=True, eq=False, slots=True)
class _Prepared:
    """The rules by node of one taxonomy. excluded: location → bool [C], which classes are not there."""

    taxonomy: Taxonomy
    rule_of_node: dict[int, Rule]
    notes: tuple[str, ...]
    excluded: dict[Location, npt.NDArray[np.bool_]] = field(default_factory=dict)


class CountryRules:
    """Excludes classes that do not occur in an image's country (`hard`), or makes them less likely (`prior`).

    file: SpeciesNet's geofence (JSON), or a table (CSV) with a name (`scientificName`) and a country (`countryCode` or
    `locationID`) in each row.
    code: the country of all images, in two or three letters (ISO 3166-1); without it, `countryCode` of the image's metadata.
    region: the part of that country (the CA of US-CA); without `code`, the `region` of the metadata.
    mode: hard adds -inf to the logits of classes that do not occur there, prior adds -strength.
    strength: of the prior, in log-odds (3).

    A class is not in a country if a rule at or above it blocks it there, or if the list of countries nearest above it, or its
    own, lacks the country. Classes without a list are everywhere.
    """

    capabilities = LogitAdjustmentCapabilities(image_notes=True)

    def __init__(
        self,
        file: Path,
        *,
        code: str | None = None,
        region: str | None = None,
        mode: Literal["hard", "prior"] = "hard",
        strength: float | None = None,
    ) -> None:
        if strength is not None and mode == "hard":
            raise RecipeError(f"country: strength={strength:g} needs mode=prior; a hard one excludes")
        if strength is not None and not (math.isfinite(strength) and strength > 0):
            raise RecipeError(f"country: expected a strength above 0 (log-odds), got {strength}")
        if code is not None and not normalise_country(code):
            raise RecipeError(f"country: expected a code of ISO 3166-1 such as KE or KEN, got {code}")
        if region is not None and code is None:
            raise RecipeError("country: region needs code, the country that it is a part of")
        self.file, self.mode = file, mode
        self.strength = STRENGTH if strength is None else strength
        self.location = (normalise_country(code), normalise_region(region or "")) if code else None
        self._read: Rules | None = None
        self._prepared: _Prepared | None = None

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """Returns offsets, float32 [C, B]; 0 for images whose country is unknown, or has no class.

        Raises RecipeError for a file that cannot be read, and if no rule is of a taxon of the tree.
        """
        import torch

        prepared = self._prepare(taxonomy)
        off = -math.inf if self.mode == "hard" else -self.strength
        offsets_CB = np.zeros((taxonomy.n_classes, len(sources)), np.float32)
        for column, source in enumerate(sources):
            location = self._locate(source)
            if location and is_any_left(taxonomy, excluded_C := find_excluded(prepared, location)):
                offsets_CB[excluded_C, column] = off
        return torch.from_numpy(offsets_CB)

    def notes(self, taxonomy: Taxonomy) -> tuple[str, ...]:
        """Returns how many rules are used, and names and countries that are unknown. Raises as `offsets` does."""
        prepared = self._prepare(taxonomy)
        if self.location is None:
            return prepared.notes
        return (f"{prepared.notes[0]}; {self._describe(prepared, self.location)}", *prepared.notes[1:])

    def image_notes(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> list[list[str]]:
        """Returns for each image its country and what follows; nothing where all images have the country of `code`."""
        if self.location:
            return [[] for _ in sources]
        describe = partial(self._describe, self._prepare(taxonomy))
        return [[describe(location) if (location := self._locate(s)) else _explain_unknown(s)] for s in sources]

    def _describe(self, prepared: _Prepared, location: Location) -> str:
        excluded_C = find_excluded(prepared, location)
        where = "-".join(filter(None, location))
        if not is_any_left(prepared.taxonomy, excluded_C):
            return f"country {where}: no class occurs there; not used"
        told = "excluded" if self.mode == "hard" else f"lowered by {self.strength:g}"
        n_taxa = prepared.taxonomy.n_classes - prepared.taxonomy.n_beside
        return f"country {where}: {int(excluded_C.sum()):,} of {pluralise(n_taxa, 'class', 'classes')} {told}"

    def _locate(self, source: Source) -> Location | None:
        """Returns the country of an image, and its region; None if it is unknown."""
        if self.location:
            return self.location
        country = normalise_country(str(source.metadata.get("countryCode", "")))
        return (country, normalise_region(str(source.metadata.get("region", "")))) if country else None

    def _prepare(self, taxonomy: Taxonomy) -> _Prepared:
        if self._prepared is None or self._prepared.taxonomy is not taxonomy:
            if self._read is None:
                self._read = read_rules(self.file)
            self._prepared = self._match(taxonomy, self._read)
        return self._prepared

    def _match(self, taxonomy: Taxonomy, read: Rules) -> _Prepared:
        """Finds the taxa of the rules. Raises RecipeError if the tree has none of them."""
        resolver = Resolver(taxonomy)
        rule_of_node: dict[int, Rule] = {}
        unknown: list[str] = []
        for rule in read.rules:
            nodes, how = match_taxon(resolver, rule.taxon)
            if not nodes or how in ("species", "genus"):  # a rule of a subspecies is none of its species
                unknown.append(rule.taxon.name)
                continue
            for node in nodes:
                rule_of_node[node] = merge(rule_of_node[node], rule) if node in rule_of_node else rule
        if not rule_of_node:
            raise RecipeError(
                f"country {self.file}: none of its {len(read.rules):,} taxa is in {taxonomy.source or 'the taxonomy'}: "
                f"{list_some(unknown)}"
            )
        n_found = len(read.rules) - len(unknown)
        notes = [f"country {self.file.name} ({self.mode}): rules of {n_found:,} of {len(read.rules):,} taxa are used"]
        if unknown:
            notes.append(
                f"{self.file.name}: {len(unknown):,} taxa with rules are not in the taxonomy: {list_some(unknown)}"
            )
        if read.unknown_codes:
            codes = list_some([code for code, _ in read.unknown_codes.most_common()])
            notes.append(
                f"{self.file.name}: {read.unknown_codes.total():,} entries of no ISO 3166 country, not used: {codes}"
            )
        return _Prepared(taxonomy, rule_of_node, tuple(notes))


def find_excluded(prepared: _Prepared, location: Location) -> npt.NDArray[np.bool_]:
    """Returns which classes are not at a location: bool [C]. Labels beside the tree are everywhere."""
    if location not in prepared.excluded:
        prepared.excluded[location] = apply_rules(prepared.taxonomy, prepared.rule_of_node, *location)
    return prepared.excluded[location]


def apply_rules(taxonomy: Taxonomy, rule_of_node: dict[int, Rule], country: str, region: str) -> npt.NDArray[np.bool_]:
    """Returns which classes the rules exclude: bool [C].

    Of the lists of countries on a class's path, the most specific one decides; what is blocked anywhere on it stays blocked.
    """
    excluded_C = np.zeros(taxonomy.n_classes, bool)
    blocked_C = np.zeros(taxonomy.n_classes, bool)
    for node in sorted(rule_of_node):  # depth first: what is below comes later, and replaces it
        rule, below = rule_of_node[node], slice(int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node]))
        if rule.allow is not None:
            excluded_C[below] = rule.excludes(country, region)
        if rule.blocks(country, region):
            blocked_C[below] = True
    return excluded_C | blocked_C


def is_any_left(taxonomy: Taxonomy, excluded_C: npt.NDArray[np.bool_]) -> bool:
    """Whether a taxon is left; the labels beside the tree do not count."""
    return not bool(excluded_C[: taxonomy.n_classes - taxonomy.n_beside].all())


def _explain_unknown(source: Source) -> str:
    given = str(source.metadata.get("countryCode", ""))
    return (
        f"countryCode {given!r} is no code of ISO 3166-1: country not used" if given else "no country: rules not used"
    )
