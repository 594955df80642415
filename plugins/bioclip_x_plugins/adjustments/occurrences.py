"""A prior from records of occurrence near the place of an image, and around its day of the year.

Legend: C classes, B images, R records, P distinct places, K distinct conditions (place and day) of a batch.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from bioclip_x.plugin import (
    ORDER,
    PRIOR_WEIGHT,
    LogitAdjustmentCapabilities,
    RecipeError,
    Resolver,
    Source,
    Taxon,
    Taxonomy,
    list_some,
    match_taxon,
    pluralise,
)
from bioclip_x_plugins.adjustments.occurrence_files import DAYS, Occurrences, list_taxa, parse_day, read_occurrences

if TYPE_CHECKING:
    import torch

EARTH_KM: Final = 6371.0088
"""Mean radius of the Earth (IUGG), of the sphere on which distances are measured."""
FARTHEST_KM: Final = EARTH_KM * math.pi
SMOOTHING: Final = 1.0
WEIGHT: Final = 1.0
MOST_KNOWN: Final = 256
"""Number of places and days of which the counts are kept."""

Condition = tuple[float, float, int]
"""Latitude and longitude in degrees, and day of a leap year, 0 where the season does not matter."""


@dataclass(frozen=True, eq=False, slots=True)
class _Near:
    """The records of classes near an image. classes: which, with counts of the same length."""

    classes: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class _Prepared:
    """The records matched with one taxonomy, sorted by place.

    tree: BallTree of the places, in radians. start_P: int64 [P + 1], the range of records at each place.
    class_R, day_R: int32 and int16 [R], of records of classes only. known: what was counted for the last images: those of one
    camera have one place, and notes follow offsets.
    """

    taxonomy: Taxonomy
    tree: Any
    start_P: npt.NDArray[np.int64]
    class_R: npt.NDArray[np.int32]
    day_R: npt.NDArray[np.int16]
    notes: tuple[str, ...]
    known: dict[Condition, _Near] = field(default_factory=dict)


class OccurrenceRecords:
    """Favours classes that were recorded near an image's place, and around its day of the year.

    file: a GBIF download (simple CSV, `occurrence.txt`, or the zip), a Darwin Core table of occurrences, or eBird's Basic
    Dataset.
    radius: kilometres, or a text as "50km".
    season: days before and after the image's day of the year, or a text as "30d"; none for the whole year.
    mode: `prior` adds weight · log(C·(n + a) / (N + a·C)) to the logit of a class with n of the N records of the C classes in
    reach, which is 0 where nothing is known; `hard` excludes classes without a record.
    a: pseudo-records of each class (1).
    weight: of the prior (1), at most 1000; below 1 trusts the records less.
    """

    capabilities = LogitAdjustmentCapabilities(image_notes=True)

    def __init__(
        self,
        file: Path,
        *,
        radius: float | str = "50km",
        season: float | str | None = None,
        mode: Literal["prior", "hard"] = "prior",
        a: float | None = None,
        weight: float | None = None,
    ) -> None:
        self.file, self.mode = file, mode
        self.radius = parse_amount("radius", radius, "km", FARTHEST_KM)
        is_whole = season is None or (isinstance(season, str) and season.strip().lower() == "none")
        self.season = None if season is None or is_whole else parse_amount("season", season, "d", DAYS / 2)
        for name, value in (("a", a), ("weight", weight)):
            if value is not None and mode == "hard":
                raise RecipeError(f"occurrences: {name}={value:g} needs mode=prior; a hard one excludes all others")
            if value is not None and not (math.isfinite(value) and value > 0):
                raise RecipeError(f"occurrences: expected {name} above 0, got {value}")
        if weight is not None and weight > PRIOR_WEIGHT:
            raise RecipeError(f"occurrences: expected a weight of at most {PRIOR_WEIGHT:g}, got {weight:g}")
        self.a, self.weight = SMOOTHING if a is None else a, WEIGHT if weight is None else weight
        self._read: Occurrences | None = None
        self._prepared: _Prepared | None = None

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """Returns offsets, float32 [C, B]; 0 for images without a place, and for labels beside the tree.

        Raises RecipeError for a file that cannot be read or has no record of a class, and without scikit-learn.
        """
        import torch

        offsets_CB = np.zeros((taxonomy.n_classes, len(sources)), np.float32)
        n_taxa = taxonomy.n_classes - taxonomy.n_beside
        for column, near in self._find_near(self._prepare(taxonomy), sources):
            offsets_CB[:n_taxa, column] = self._compute_offsets(near, n_taxa)
        return torch.from_numpy(offsets_CB)

    def notes(self, taxonomy: Taxonomy) -> tuple[str, ...]:
        """Returns the numbers of records and classes, and what was not matched. Raises as `offsets` does."""
        return self._prepare(taxonomy).notes

    def image_notes(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> list[list[str]]:
        """Returns for each image how many records were used, or why none were."""
        notes: list[list[str]] = [["no place: occurrences not used"] for _ in sources]
        for column, near in self._find_near(self._prepare(taxonomy), sources):
            has_day = self.season is None or _read_day(sources[column]) > 0
            reach = f"within {self.radius:g} km" + (f" and {self.season:g} days" if self.season and has_day else "")
            n, n_classes = int(near.counts.sum()), len(near.classes)
            without = "" if n else "; no class excluded" if self.mode == "hard" else "; no prior"
            told = (
                f"{pluralise(n, 'occurrence')} of {pluralise(n_classes, 'class', 'classes')} {reach}"
                if n
                else f"no occurrence {reach}{without}"
            )
            notes[column] = [told, *([] if has_day else ["no date: occurrences of the whole year used"])]
        return notes

    def _compute_offsets(self, near: _Near, n_taxa: int) -> npt.NDArray[np.float32]:
        """Returns float32 [C] for the records near an image."""
        if self.mode == "hard":
            offsets_C = np.full(n_taxa, -np.inf if len(near.classes) else 0.0, np.float32)
            offsets_C[near.classes] = 0
            return offsets_C
        prior_C = compute_log_prior(near.classes, near.counts, n_taxa, self.a)
        return np.multiply(prior_C, self.weight, dtype=np.float32)

    def _find_near(self, prepared: _Prepared, sources: Sequence[Source]) -> Iterator[tuple[int, _Near]]:
        """Yields the number of each image with a place, with the records near it."""
        columns_of: dict[Condition, list[int]] = defaultdict(list)
        for column, source in enumerate(sources):
            if place := _read_place(source):
                day = _read_day(source) if self.season is not None else 0
                columns_of[place[0], place[1], day].append(column)
        if not columns_of:
            return
        near_of = {one: near for one in columns_of if (near := prepared.known.get(one))}
        if missing := [one for one in columns_of if one not in near_of]:
            centres_K2 = np.radians(np.array([one[:2] for one in missing]))
            places_K = prepared.tree.query_radius(centres_K2, r=self.radius / EARTH_KM)
            near_of |= {one: _count(prepared, p, one[2], self.season) for one, p in zip(missing, places_K)}
            if len(prepared.known) > MOST_KNOWN:
                prepared.known.clear()
            prepared.known.update(near_of)
        for condition, columns in columns_of.items():
            for column in columns:
                yield column, near_of[condition]

    def _prepare(self, taxonomy: Taxonomy) -> _Prepared:
        if self._prepared is None or self._prepared.taxonomy is not taxonomy:
            if self._read is None:
                self._read = read_occurrences(self.file)
            self._prepared = self._match(taxonomy, self._read)
        return self._prepared

    def _match(self, taxonomy: Taxonomy, read: Occurrences) -> _Prepared:
        """Finds the class of each record. Raises RecipeError if no record is of a class."""
        class_of_name, how = match_classes(taxonomy, read.taxa)
        class_R = class_of_name[read.name_R]
        is_used_R = class_R >= 0
        if not is_used_R.any():
            raise RecipeError(
                f"occurrences {self.file}: none of its {len(read.taxa):,} names is of a class of "
                f"{taxonomy.source or 'the taxonomy'}: {list_some(list_taxa(read, range(len(read.taxa))))}"
            )
        places_P2, place_R = np.unique(read.degrees_R2[is_used_R].view(np.complex128).ravel(), return_inverse=True)
        order_R = np.argsort(place_R, kind="stable")
        start_P = np.searchsorted(place_R[order_R], np.arange(len(places_P2) + 1))
        radians_P2 = np.radians(np.stack([places_P2.real, places_P2.imag], axis=1))
        notes = tuple(self._describe(taxonomy, read, class_R, how, len(places_P2)))
        return _Prepared(
            taxonomy,
            _make_ball_tree(radians_P2),
            start_P,
            class_R[is_used_R][order_R],
            read.day_R[is_used_R][order_R],
            notes,
        )

    def _describe(
        self, taxonomy: Taxonomy, read: Occurrences, class_R: npt.NDArray[np.int32], how: Sequence[str], n_places: int
    ) -> Iterator[str]:
        """Yields what is used, and a line for each kind of records that are not."""
        n_used, n_taxa = int((class_R >= 0).sum()), taxonomy.n_classes - taxonomy.n_beside
        n_classes = len(np.unique(class_R[class_R >= 0]))
        season = f", {self.season:g} days before and after the image's" if self.season else ""
        effect = f"weight {self.weight:g}, a {self.a:g}" if self.mode == "prior" else "classes without one are excluded"
        yield (
            f"occurrences {self.file.name} ({self.mode}): {pluralise(n_used, 'record')} of {n_classes:,} of "
            f"{pluralise(n_taxa, 'class', 'classes')} at {pluralise(n_places, 'place')}; within "
            f"{self.radius:g} km{season}; {effect}"
        )
        records = Counter[str]()
        numbers: dict[str, list[int]] = defaultdict(list)
        for number, count in enumerate(np.bincount(read.name_R, minlength=len(read.taxa))):
            records[how[number]] += int(count)
            numbers[how[number]].append(number)
        for kind, told in NOT_USED.items():
            if records[kind]:
                names = list_some(list_taxa(read, numbers[kind]))
                yield f"{self.file.name}: {pluralise(records[kind], 'record')} {told}, not used: {names}"
        for count, told in (
            (read.without_place, "without a place or a name, not used"),
            (read.absent, "of absence, not used"),
            (read.damaged, "with too many or too few cells, not used"),
            (
                int((read.day_R[class_R >= 0] == 0).sum()) if self.season else 0,
                "without a day, not used where an image has one",
            ),
        ):
            if count:
                yield f"{self.file.name}: {pluralise(count, 'record')} {told}"


NOT_USED: Final = {
    "unknown": "of names that are not in the taxonomy",
    "ambiguous": "of ambiguous names",
    "open": "of names of no single species",
    "above": "of taxa above the classes",
}
"""Why a name has no class → what is said of its records."""


def match_classes(taxonomy: Taxonomy, taxa: Sequence[Taxon]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Finds the class of each name: int32, -1 for none; and "" or why there is none, a key of `NOT_USED`.

    A subspecies that the tree lacks counts for its species, a species that it lacks for its genus, if that is a class.
    A taxon above the classes is of none of them.
    """
    resolver = Resolver(taxonomy)
    class_of_name = np.full(len(taxa), -1, np.int32)
    how: list[str] = []
    for number, taxon in enumerate(taxa):
        nodes, group = match_taxon(resolver, taxon)
        if not nodes and group == "unknown" and ORDER.get(taxon.rank, ORDER["species"]) >= ORDER["species"]:
            genus, _, rest = taxon.name.partition(" ")
            found = (
                match_taxon(resolver, Taxon("genus", genus, (*taxon.lineage[:-1], ("genus", genus))))[0] if rest else ()
            )
            nodes = tuple(node for node in found if taxonomy.class_of_N[node] >= 0)
        classes = {int(taxonomy.class_of_N[node]) for node in nodes} - {-1}
        if len(classes) == 1 and group != "genus":
            class_of_name[number] = classes.pop()
            how.append("")
        else:
            how.append("above" if nodes else group)
    return class_of_name, how


def compute_log_prior(
    classes: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], n_classes: int, a: float
) -> npt.NDArray[np.float32]:
    """Returns log(C·(n + a) / (N + a·C)) of each of the C classes, float32 [C]: the log of its share over a uniform one.

    Additive (Lidstone) smoothing: a pseudo-records of each class. Without records it is 0. classes, counts: n > 0.

    >>> compute_log_prior(np.array([1]), np.array([2]), 2, 1.0).tolist()  # shares 1/4 and 3/4
    [-0.6931471824645996, 0.40546509623527527]
    """
    scale = n_classes / (counts.sum() + a * n_classes)
    prior_C = np.full(n_classes, math.log(a * scale), np.float32)
    prior_C[classes] = np.log((counts + a) * scale)
    return prior_C


def is_in_season(day_R: npt.NDArray[np.int16], day: int, reach: float) -> npt.NDArray[np.bool_]:
    """Whether days of a leap year, 1 to 366, 0 for unknown, are at most `reach` days from another, across the year's end."""
    apart_R = np.abs(day_R.astype(np.int32) - day)
    is_near: npt.NDArray[np.bool_] = (day_R > 0) & (np.minimum(apart_R, DAYS - apart_R) <= reach)
    return is_near


def parse_amount(name: str, value: float | str, unit: str, most: float) -> float:
    """Reads an amount with or without its unit. Raises RecipeError for anything but a number above 0, at most `most`.

    >>> parse_amount("radius", "50 km", "km", 20015)
    50.0
    """
    text = str(value).strip().lower()
    match = re.fullmatch(rf"(\d+\.?\d*|\.\d+)\s*({unit})?", text, re.ASCII)
    if match is None or not 0 < float(match[1]) <= most:
        raise RecipeError(f"occurrences: expected a {name} such as 30{unit}, at most {most:,.0f}{unit}, got {value}")
    return float(match[1])


def _count(prepared: _Prepared, places: npt.NDArray[np.int64], day: int, season: float | None) -> _Near:
    """Counts the records at some places by class; those within the season, if the day is known."""
    starts, stops = prepared.start_P[places], prepared.start_P[places + 1]
    sizes = stops - starts
    # The ranges start … stop of all places, one after the other.
    records = np.arange(sizes.sum()) + np.repeat(starts - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    classes = prepared.class_R[records]
    if day and season is not None:
        classes = classes[is_in_season(prepared.day_R[records], day, season)]
    counts_C = np.bincount(classes)
    found = np.flatnonzero(counts_C)
    return _Near(found, counts_C[found])


def _make_ball_tree(radians_P2: npt.NDArray[np.float64]) -> Any:
    try:
        from sklearn.neighbors import BallTree
    except ImportError:
        raise RecipeError("occurrences need scikit-learn; install it with: pip install 'bioclip-x[place]'") from None
    return BallTree(radians_P2, metric="haversine")


def _read_place(source: Source) -> tuple[float, float] | None:
    """Returns latitude and longitude in degrees, None if one of them is missing or impossible."""
    values = [source.metadata.get(name) for name in ("latitude", "longitude")]
    latitude, longitude = (float(v) if isinstance(v, int | float) and math.isfinite(v) else math.inf for v in values)
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _read_day(source: Source) -> int:
    """Returns the day of a leap year on which an image was taken, 0 if unknown."""
    return parse_day(str(source.metadata.get("date", "")))
