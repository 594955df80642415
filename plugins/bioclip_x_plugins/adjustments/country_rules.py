"""Reads in which countries taxa occur: SpeciesNet's geofence (JSON), or a table of names and countries (CSV).

The geofence (google/cameratrapai, data/model_package/geofence_release.json): "class;order;family;genus;epithet", with blanks for
a label above species, → {"allow": {"KEN": []}, "block": {"USA": ["CA"]}}, countries with regions, none for the whole country.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bioclip_x.plugin import (
    DELIMITERS,
    RecipeError,
    Taxon,
    guess_delimiter,
    name_content,
    normalise_rank,
    read_delimited_rows,
    read_lines,
    read_yaml,
)
from bioclip_x_plugins.adjustments.country_codes import normalise_country, normalise_region

GEOFENCE_RANKS: Final = ("class", "order", "family", "genus", "species")
NAMES: Final = ("scientificname", "scientific_name", "species", "name", "taxon")
COUNTRIES: Final = (
    "countrycode", "country_code", "countrycode_alpha3", "countrycode_alpha2", "iso3", "iso2", "locationid", "country",
)  # fmt: skip
REGIONS: Final = ("admin1_region_code", "admin1_region", "region")
"""Columns of tables, lower case, in the order in which they are looked for."""

_LOCATION: Final = re.compile(r"(?:.*[:/ ])?([A-Za-z]{2,3})(?:-([A-Za-z0-9]{1,3}))?")
"""ISO_3166-2:US-CA, ISO:KE, KEN."""

Places = dict[str, frozenset[str]]
"""Country, of three letters → its regions; none for the whole country."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a taxon is allowed, and where it is not. allow: None for no list; then it is allowed everywhere but in `block`."""

    taxon: Taxon
    allow: Places | None
    block: Places

    def excludes(self, country: str, region: str) -> bool:
        """Whether the list says that the taxon is not there; without `allow` it does not. region: "" if unknown."""
        return self.allow is not None and not _covers(self.allow, country, region, if_unknown=True)

    def blocks(self, country: str, region: str) -> bool:
        """Whether the taxon is blocked there. A part of a country that is blocked says nothing of an unknown region."""
        return _covers(self.block, country, region, if_unknown=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a file. unknown_codes: what stands for a country in it and is no ISO 3166 code, with counts."""

    rules: tuple[Rule, ...]
    unknown_codes: Counter[str] = field(default_factory=Counter)


def merge(one: Rule, other: Rule) -> Rule:
    """Joins the rules of one taxon under two names: allowed where either allows it, blocked where either blocks it."""
    lists = [rule.allow for rule in (one, other) if rule.allow is not None]
    allow: Places | None = {} if lists else None
    for places in lists:
        assert allow is not None
        _add_places(allow, places)
    block = dict(one.block)
    _add_places(block, other.block)
    return Rule(one.taxon, allow, block)


def _covers(places: Places, country: str, region: str, *, if_unknown: bool) -> bool:
    if country not in places:
        return False
    regions = places[country]
    return not regions or (region in regions if region else if_unknown)


def _add_places(places: Places, more: Mapping[str, frozenset[str]]) -> None:
    """Adds countries and regions; the whole country includes its regions."""
    for country, regions in more.items():
        before = places.get(country)
        is_whole = not regions or (before is not None and not before)
        places[country] = frozenset() if is_whole else regions | (before or frozenset())


def read_rules(path: Path) -> Rules:
    """Reads a geofence (.json), or a table of names and countries. Raises RecipeError naming the file."""
    rules = _read_geofence(path) if name_content(path).suffix.lower() == ".json" else _read_table(path)
    if not rules.rules:
        raise RecipeError(f"country: {path} has no rule of a country with an ISO 3166 code")
    return rules


def _read_geofence(path: Path) -> Rules:
    document = read_yaml(path, RecipeError)
    unknown = Counter[str]()
    if not isinstance(document, dict):
        raise RecipeError(f"country: {path}: expected labels with allow and block, as in SpeciesNet's geofence")
    rules = []
    for label, rule in document.items():
        parts = str(label).split(";")
        is_rule = isinstance(rule, dict) and set(rule) <= {"allow", "block"}
        if len(parts) != len(GEOFENCE_RANKS) or not is_rule or not any(parts):
            raise RecipeError(
                f'country: {path}: expected "class;order;family;genus;epithet" with allow and block, as in SpeciesNet\'s '
                f"geofence, got {str(label)[:80]!r}"
            )
        allow, block = (_read_places(path, label, rule.get(name), unknown) for name in ("allow", "block"))
        if allow or block:  # an empty list is no list
            rules.append(Rule(make_taxon(parts), allow or None, block))
    return Rules(tuple(rules), unknown)


def _read_places(path: Path, label: str, given: Any, unknown: Counter[str]) -> Places:
    given = {} if given is None else given
    is_mapping = isinstance(given, dict) and all(
        isinstance(regions, list) and all(isinstance(region, str) for region in regions) for regions in given.values()
    )
    if not is_mapping:
        raise RecipeError(f"country: {path}: {label[:80]!r}: expected countries with lists of regions")
    places: Places = {}
    for code, regions in given.items():
        if country := normalise_country(str(code)):
            _add_places(places, {country: frozenset(map(normalise_region, regions))})
        else:
            unknown[str(code)] += 1
    return places


def make_taxon(parts: list[str]) -> Taxon:
    """Makes the taxon of a label of the geofence.

    >>> make_taxon(["mammalia", "carnivora", "ursidae", "ursus", "americanus"]).name
    'ursus americanus'
    """
    names = [part.strip() for part in parts]
    if names[4] and names[3] and not names[4].startswith(f"{names[3]} "):
        names[4] = f"{names[3]} {names[4]}"
    lineage = tuple((rank, name) for rank, name in zip(GEOFENCE_RANKS, names) if name)
    return Taxon(*lineage[-1], lineage)


def _read_table(path: Path) -> Rules:
    """Reads rows of a name and a country. A row whose `rule` is "block", or whose `occurrenceStatus` is "absent", blocks."""
    lines = read_lines(path, RecipeError)
    header = next(lines, "")
    delimiter = guess_delimiter(header, DELIMITERS)
    columns = [column.strip().strip('"').lower() for column in header.rstrip("\r\n").split(delimiter)]
    name, country, region = (_find(columns, known) for known in (NAMES, COUNTRIES, REGIONS))
    if name is None or country is None:
        raise RecipeError(
            f"country: {path}: expected a column of names (scientificName) and one of countries (countryCode, locationID), "
            f"got the columns {', '.join(columns) or 'none'}"
        )
    found: dict[tuple[str, str, str], tuple[Places, Places]] = {}
    unknown = Counter[str]()
    for cells in _iterate_rows(path, lines, delimiter, len(columns)):
        row = dict(zip(columns, cells))
        if not cells[name]:
            continue
        match = _LOCATION.fullmatch(cells[country])
        code = normalise_country(match[1]) if match else ""
        if match is None or not code:
            unknown[cells[country] or "(blank)"] += 1
            continue
        regions = (cells[region] if region is not None else "") or match[2] or ""
        blocks = row.get("rule", "").lower() == "block" or row.get("occurrencestatus", "").lower() == "absent"
        lists = found.setdefault((cells[name], row.get("taxonrank", ""), row.get("kingdom", "")), ({}, {}))
        _add_places(lists[blocks], {code: frozenset([normalise_region(regions)] if regions else [])})
    rules = (Rule(_make_row_taxon(*names), allow or None, block) for names, (allow, block) in found.items())
    return Rules(tuple(rules), unknown)


def _iterate_rows(path: Path, lines: Iterator[str], delimiter: str, n_columns: int) -> Iterator[list[str]]:
    """Yields rows, filled up with blanks."""
    for _, cells in read_delimited_rows(lines, str(path), RecipeError, delimiter=delimiter):
        if cells:
            yield [cell.strip() for cell in cells[:n_columns]] + [""] * (n_columns - len(cells))


def _make_row_taxon(name: str, rank: str, kingdom: str) -> Taxon:
    if name.count(";") == len(GEOFENCE_RANKS) - 1:  # a label, as in SpeciesNet's geofence_fixes.csv
        return make_taxon(name.split(";"))
    rank = normalise_rank(rank)
    return Taxon(rank, name, ((("kingdom", kingdom),) if kingdom else ()) + ((rank, name),))


def _find(columns: list[str], known: tuple[str, ...]) -> int | None:
    return next((columns.index(one) for one in known if one in columns), None)
