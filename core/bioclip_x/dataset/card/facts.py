"""What is told of a data set: counted from its catalogue in SQL, so that nothing grows with the number of images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bioclip_x.dataset.card.contents import list_columns, list_files
from bioclip_x.dataset.card.settings import Hider, describe_settings
from bioclip_x.dataset.card.treemap import Node
from bioclip_x.dataset.config import BuildConfig
from bioclip_x.dataset.database import quote
from bioclip_x.dataset.schema import OUTCOMES
from bioclip_x.messages import escape_controls
from bioclip_x.taxonomy.ranks import LINNAEAN
from bioclip_x.version import __version__

STATUSES: Final = ("full", "partial", "ambiguous", "lost")
MOST: Final = 12
"""Entries of a list of the commonest."""
MOST_REASONS: Final = 5
"""Of each outcome."""
MOST_TEXT: Final = 200
"""Characters of a text that is shown."""
TILES: Final = 1000
"""A taxon has a tile of its own in the map if this part of the images is of it."""
MAP_RANKS: Final = LINNAEAN[:-1]


@dataclass(frozen=True)
class SourceFacts:
    """A source. outcomes, statuses: images by name. licences: of those used, the commonest first."""

    name: str
    reader: str
    is_test_set: bool
    outcomes: Mapping[str, int]
    statuses: Mapping[str, int]
    licences: tuple[tuple[str, int], ...]
    conflicts: int

    @property
    def images(self) -> int:
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class LicenceFacts:
    """Of images that are used. holders: different rights holders. unattributed: images that name none."""

    name: str
    images: int
    holders: int
    unattributed: int


@dataclass(frozen=True)
class Facts:
    """All that the card tells. Texts of the catalogue are bounded, and without control characters; they are not escaped.

    ranks: (rank, taxa, images). splits: (split, images, species, shards). held_out: (reason, images, species). duplicates: (kind,
    images, of them of another taxon than the image that is kept). reasons: (outcome, reason, images). conflicts: (what
    contradicts what, images). histogram: species with 2**i to 2**(i + 1) - 1 images. quartiles: images per species, from the
    least to the most. tree: images that are used, down to genera.
    """

    title: str
    version: str
    seed: int
    images: int
    outcomes: Mapping[str, int]
    sources: tuple[SourceFacts, ...]
    taxonomies: tuple[tuple[str, int], ...]
    ranks: tuple[tuple[str, int, int], ...]
    licences: tuple[LicenceFacts, ...]
    holders: tuple[tuple[str, int], ...]
    splits: tuple[tuple[str, int, int, int], ...]
    held_out: tuple[tuple[str, int, int], ...]
    duplicates: tuple[tuple[str, int, int], ...]
    reasons: tuple[tuple[str, str, int], ...]
    conflicts: tuple[tuple[str, int], ...]
    quartiles: tuple[float, ...]
    singletons: int
    histogram: tuple[int, ...]
    tree: Node
    columns: tuple[tuple[str, str, str], ...]
    files: tuple[tuple[str, str], ...]
    settings: Mapping[str, Any]

    @property
    def used(self) -> int:
        return self.outcomes["used"]

    @property
    def species(self) -> int:
        return self.ranks[-1][1]


def collect_facts(connection: Any, config: BuildConfig, counts: Mapping[str, Any], folder: Path) -> Facts:
    """Counts what the card tells.

    connection: has the view `catalogue`. counts: as `catalogue.count_images` returns them.
    """
    used = "outcome = 'used'"
    hide = Hider((folder, config.base))

    def ask(sql: str) -> list[tuple[Any, ...]]:
        rows = connection.execute(sql).fetchall()
        return [tuple(_shorten(hide(value)) if isinstance(value, str) else value for value in row) for row in rows]

    ranks = ", ".join(f"""count(*) FILTER ("{rank}" <> '')""" for rank in LINNAEAN)
    with_rank = connection.execute(f"SELECT {ranks} FROM catalogue WHERE {used}").fetchall()[0]
    species = f"SELECT count(*) AS images FROM catalogue WHERE {used} AND species <> '' GROUP BY {_join(LINNAEAN)}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE card_species AS {species}")
    quartiles, singletons = connection.execute(
        "SELECT quantile_cont(images, [0, 0.25, 0.5, 0.75, 1]), count(*) FILTER (images = 1) FROM card_species"
    ).fetchall()[0]
    n_species = counts["ranks"]["species"]
    by_taxonomy = count_by_taxonomy(
        [one.name for one in config.taxonomies],
        ask("SELECT taxonomy, count(*) FROM catalogue WHERE taxonomy <> '' GROUP BY 1"),
    )
    return Facts(
        title=_shorten(config.title.strip()) or f"Images of {n_species:,} species",
        version=__version__,
        seed=config.seed,
        images=counts["images"],
        outcomes={outcome: counts["outcomes"].get(outcome, 0) for outcome in OUTCOMES},
        sources=_list_sources(config, counts, ask),
        taxonomies=tuple((one.name, by_taxonomy.get(one.name, 0)) for one in config.taxonomies),
        ranks=tuple((rank, counts["ranks"][rank], images) for rank, images in zip(LINNAEAN, with_rank)),
        licences=tuple(
            LicenceFacts(*row)
            for row in ask(f"""
                SELECT licence, count(*) AS images, count(DISTINCT rights_holder) FILTER (rights_holder <> ''),
                    count(*) FILTER (rights_holder = '')
                FROM catalogue WHERE {used} GROUP BY 1 ORDER BY images DESC, 1""")
        ),
        holders=tuple(
            ask(f"""SELECT rights_holder, count(*) AS images FROM catalogue WHERE {used} AND rights_holder <> ''
                GROUP BY 1 ORDER BY images DESC, 1 LIMIT {MOST}""")
        ),
        splits=tuple(
            ask(f"""SELECT split, count(*) AS images, count(DISTINCT species) FILTER (species <> ''), count(DISTINCT shard)
                FROM catalogue WHERE {used} GROUP BY 1 ORDER BY images DESC, 1""")
        ),
        held_out=tuple(
            ask(f"""SELECT reason, count(*) AS images, count(DISTINCT species) FILTER (species <> '')
                FROM catalogue WHERE outcome = 'held out' GROUP BY 1 ORDER BY images DESC, 1 LIMIT {MOST}""")
        ),
        duplicates=tuple(ask(_COUNT_DUPLICATES)),
        reasons=tuple(ask(_COUNT_REASONS)),
        conflicts=tuple(
            ask(f"""SELECT conflict, count(*) AS images FROM catalogue WHERE conflict <> ''
                GROUP BY 1 ORDER BY images DESC, 1 LIMIT {MOST}""")
        ),
        quartiles=tuple(quartiles or ()),
        singletons=singletons,
        histogram=_count_species_by_size(connection),
        tree=grow_tree(connection, max(1, counts["outcomes"]["used"] // TILES)),
        columns=list_columns(connection),
        files=list_files(folder),
        settings=describe_settings(config),
    )  # fmt: skip


def _list_sources(config: BuildConfig, counts: Mapping[str, Any], ask: Any) -> tuple[SourceFacts, ...]:
    licences = ask(
        "SELECT source, licence, count(*) AS n FROM catalogue WHERE outcome = 'used' GROUP BY ALL ORDER BY n DESC, 2"
    )
    conflicts = dict(ask("SELECT source, count(*) FROM catalogue WHERE conflict <> '' GROUP BY 1"))
    described = []
    for place, source in enumerate((*config.sources, *config.held_out.sources)):
        statuses = dict.fromkeys(STATUSES, 0)
        for one in counts["statuses"]:
            if one["source"] == source.name:
                statuses[one["status"]] = statuses.get(one["status"], 0) + one["images"]
        outcomes = {one["outcome"]: one["images"] for one in counts["by_source"] if one["source"] == source.name}
        described.append(
            SourceFacts(
                source.name,
                source.component.name,
                place >= len(config.sources),
                outcomes,
                statuses,
                tuple((licence, images) for name, licence, images in licences if name == source.name),
                conflicts.get(source.name, 0),
            )
        )
    return tuple(described)


def _count_species_by_size(connection: Any) -> tuple[int, ...]:
    # The digits of a binary number tell its power of two exactly, which a logarithm does not.
    sizes = dict(connection.execute("SELECT length(bin(images)) - 1, count(*) FROM card_species GROUP BY 1").fetchall())
    return tuple(sizes.get(power, 0) for power in range(max(sizes, default=-1) + 1))


def count_by_taxonomy(names: Sequence[str], rows: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    """Returns the images that each taxonomy named: names may have a "+", after which other taxonomies complete the lineage.

    >>> count_by_taxonomy(["itis", "col"], [("itis", 3), ("itis+col:order", 2)])
    {'itis': 5, 'col': 0}
    """
    counts = dict.fromkeys(names, 0)
    for value, images in rows:
        fitting = [name for name in names if value == name or value.startswith(f"{name}+")]
        if fitting:
            counts[max(fitting, key=len)] += images
    return counts


_DIFFER: Final = " OR ".join(
    f"""(d."{rank}" <> '' AND k."{rank}" <> '' AND d."{rank}" <> k."{rank}")""" for rank in LINNAEAN
)
# Rows that are repeated or incomplete may have the identifier of another.
_COUNT_DUPLICATES: Final = f"""
    SELECT d.reason, count(*) AS images, count(*) FILTER ({_DIFFER})
    FROM catalogue d LEFT JOIN catalogue k ON k.id = d.duplicate_of AND k.outcome NOT IN ('repeated', 'incomplete')
    WHERE d.outcome = 'duplicate' GROUP BY 1 ORDER BY images DESC, 1 LIMIT {MOST}
"""
# What differs from image to image is left out of reasons, so that they can be counted: folders, names of files at the
# beginning, the ends of URLs, identifiers, similar names.
_URL: Final = r"(https?://)(?:[^/\s@]*@)?([^/\s]+)/\S*"
_FOLDER: Final = r"""(^|[\s'"(\[=,])(?:~|[A-Za-z]:)?[/\\](?:[^\s'"()\[\]:,]*[/\\])"""
_FILE: Final = r"^[^\s:]+\.\w{1,5}: "
_SIMILAR: Final = "; similar: .*$"
_COUNT_REASONS: Final = f"""
    SELECT outcome, reason, count(*) AS images FROM (
        SELECT outcome, CASE WHEN outcome = 'repeated' THEN 'the source has the identifier before' ELSE
            regexp_replace(regexp_replace(regexp_replace(regexp_replace(left(reason, 1000),
                {quote(_URL)}, '\\1\\2/…', 'g'), {quote(_FOLDER)}, '\\1', 'g'), {quote(_FILE)}, ''),
                {quote(_SIMILAR)}, '') END AS reason
        FROM catalogue WHERE outcome <> 'used' AND reason <> ''
    ) GROUP BY outcome, reason
    QUALIFY row_number() OVER (PARTITION BY outcome ORDER BY images DESC, reason) <= {MOST_REASONS}
    ORDER BY images DESC, outcome, reason
"""


def grow_tree(connection: Any, least: int) -> Node:
    """Returns the tree of the images that are used. Taxa with fewer images than `least` are pooled, in each taxon above them."""
    names = ", ".join(f"""coalesce("{rank}", '') AS "{rank}\"""" for rank in MAP_RANKS)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE card_lineages AS
        SELECT {names}, count(*) AS images FROM catalogue WHERE outcome = 'used' GROUP BY ALL
    """)
    total = connection.execute("SELECT coalesce(sum(images), 0)::BIGINT FROM card_lineages").fetchall()[0][0]
    children: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    taxa: dict[tuple[str, ...], int] = {}
    for depth in range(1, len(MAP_RANKS) + 1):
        names, above = _join(MAP_RANKS[:depth]), _join(MAP_RANKS[: depth - 1])
        groups = f"SELECT {names}, sum(images)::BIGINT AS images FROM card_lineages GROUP BY {names}"
        kept = connection.execute(f"SELECT * FROM ({groups}) WHERE images >= {least} ORDER BY images DESC, {names}")
        for *path, name, images in kept.fetchall():
            children.setdefault(tuple(path), []).append((name, images))
        named = f"count(*) FILTER (\"{MAP_RANKS[depth - 1]}\" <> '')"
        parents = connection.execute(
            f"SELECT {above + ',' if above else ''} {named} FROM ({groups}) {f'GROUP BY {above}' if above else ''}"
            f" HAVING sum(images) >= {least}"
        )
        for *path, number in parents.fetchall():
            taxa[tuple(path)] = number
    return _make_node((), "", total, children, taxa)


def _make_node(
    path: tuple[str, ...],
    name: str,
    images: int,
    children: Mapping[tuple[str, ...], Sequence[tuple[str, int]]],
    taxa: Mapping[tuple[str, ...], int],
) -> Node:
    rank = MAP_RANKS[len(path) - 1] if path else ""
    kept = children.get(path, ())
    nodes = [_make_node((*path, child), child, number, children, taxa) for child, number in kept]
    rest = images - sum(number for _, number in kept)
    if nodes and rest:
        pooled = taxa.get(path, 0) - sum(1 for child, _ in kept if child)
        nodes.append(Node("", MAP_RANKS[len(path)], rest, pooled=pooled))
    if not any(node.name or node.pooled for node in nodes):
        nodes = []  # identified no further
    nodes.sort(key=lambda node: -node.images)
    return Node(_shorten(name), rank, images, tuple(nodes))


def _join(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _shorten(text: str) -> str:
    shown = escape_controls(text)
    return shown if len(shown) <= MOST_TEXT else shown[: MOST_TEXT - 1] + "…"
