"""Tar files of images and texts that follow webdataset's convention, such as those of TreeOfLife-10M."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bioclip_x.plugin import LINNAEAN, escape_surrogates
from bioclip_x_plugins.image_sources.accounting import Accounts, batch_records, name_by_ranks
from bioclip_x_plugins.image_sources.columns import complete_species, find_columns
from bioclip_x_plugins.image_sources.files import make_revision, require_file
from bioclip_x_plugins.image_sources.joins import load, open_joins, select
from bioclip_x_plugins.image_sources.shards import (
    ShardReader,
    ShardSample,
    find_fixed_folder,
    list_shards,
    parse_tags,
    unframe,
)
from bioclip_x_plugins.image_sources.tables import TextTable, find_table, require_columns

SCIENTIFIC: Final = ("scientific_name.txt", "sci.txt", "cls.txt")
TAXONOMIC: Final = ("taxonomic_name.txt", "taxon.txt")
KINDS: Final = frozenset({*SCIENTIFIC, *TAXONOMIC, "taxontag.txt", "common_name.txt", "com.txt", "json"})
COLUMNS: Final = (
    "key", "source_id", "image", "member", "name", "rank", *LINNAEAN, "common_name", "licence", "rights_holder", "reference",
    "split", "text", "problem",
)  # fmt: skip
CATALOG: Final = ("treeoflife_id", *LINNAEAN, "common", "split", "eol_page_id")
LICENCES: Final = ("treeoflife_id", "license_name", "copyright_owner", "license_link")
OF_THE_SHARD: Final = ("key", "source_id", "image", "member")
NO_IMAGE: Final = "the sample has no image"
DAMAGED: Final = "the shard is damaged or cut short from here on"


class WebDataset:
    """path: the tar files, with braces and wildcards, or their folder: `shards/{000000..000127}.tar`.

    Names are read from BioCLIP's members (taxonTag.txt, taxonomic_name.txt, scientific_name.txt, …) or a JSON member.
    catalog: TreeOfLife-10M's catalog.csv, which gives lineages by the samples' names; by default the one beside the shards, in
    one of the two folders above them, or in metadata/ of one of these. licences: its licenses.csv; by default the one beside the
    catalog.
    """

    def __init__(self, *, path: Path, catalog: Path | None = None, licences: Path | None = None) -> None:
        self.path, self.catalog, self.licences = path, catalog, licences
        self._accounts = Accounts()

    def revision(self) -> str:
        paths = list_shards(self.path)
        return make_revision([*paths, *(one for one in self._find_tables(paths) if one)])

    def tables(self) -> Iterator[pa.Table]:
        self._accounts = Accounts()
        paths = list_shards(self.path)
        catalog, licences = self._find_tables(paths)
        tables = (complete(table) for table in batch_records(self._iterate(paths), COLUMNS))
        joined = self._join(tables, catalog, licences) if catalog else (table.drop_columns("key") for table in tables)
        yield from self._accounts.check(joined)

    def notes(self) -> Sequence[str]:
        return self._accounts.notes()

    def _find_tables(self, paths: Sequence[Path]) -> tuple[Path | None, Path | None]:
        catalog = require_file(self.catalog, "webdataset") if self.catalog else None
        for folder in dict.fromkeys(path.parent for path in paths):
            # As published: dataset/EOL/image_set_01.tar.gz and metadata/catalog.csv.
            above = (folder, folder.parent, folder.parent.parent)
            places = (place for one in above for place in (one, one / "metadata"))
            catalog = catalog or next(filter(None, (find_table(place, ["catalog.csv"]) for place in places)), None)
        licences = require_file(self.licences, "webdataset") if self.licences else None
        return catalog, licences or (find_table(catalog.parent, ["licenses.csv"]) if catalog else None)

    def _iterate(self, paths: Sequence[Path]) -> Iterator[Mapping[str, str]]:
        base = find_fixed_folder(self.path)
        for path in paths:
            shard, name = ShardReader(path, KINDS), path.relative_to(base).as_posix()
            for sample in shard.samples():
                yield {
                    **describe_sample(sample),
                    "source_id": escape_surrogates(f"{name}/{sample.key}"),
                    "image": str(path),
                }
            if shard.damage:
                self._accounts.say(f"{path} is damaged: {shard.damage}; its samples before that are used")
                source_id = f"{name}/{escape_surrogates(shard.cut) or '(end)'}, cut short"
                yield {"source_id": source_id, "problem": DAMAGED}

    def _join(self, tables: Iterator[pa.Table], catalog: Path, licences: Path | None) -> Iterator[pa.Table]:
        with open_joins() as connection:
            load(connection, "samples", COLUMNS, tables)
            listed = TextTable(catalog, delimiter=",")
            require_columns(listed, CATALOG[:-1], "TreeOfLife-10M (catalog.csv)")
            load(connection, "catalog", CATALOG, _read(listed, CATALOG))
            owned = TextTable(licences, delimiter=",") if licences else None
            if owned:
                require_columns(owned, LICENCES[:3], "TreeOfLife-10M (licenses.csv)")
            load(connection, "licences", LICENCES, _read(owned, LICENCES) if owned else ())
            without = 0
            for table in select(connection, SQL):
                without += table["is_listed"].to_pylist().count("")
                yield complete(table.drop_columns("is_listed"))
        if without:
            self._accounts.say(f"{catalog} has no row of {without:,} samples, whose names are those of their members")


def _read(table: TextTable, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yields columns of a table, blank ones for those that it lacks."""
    known = table.columns()
    for batch in table.batches([name for name in columns if name in known]):
        blank = pa.array([""] * len(batch), pa.string())
        yield pa.table({name: batch[name] if name in known else blank for name in columns})


_OWN: Final = ", ".join(
    f'CASE WHEN c.treeoflife_id IS NULL THEN s."{one}" ELSE c."{one}" END AS "{one}"' for one in LINNAEAN
)
_RANKS: Final = ", ".join(f'"{one}"' for one in LINNAEAN)
_LINEAGE: Final = "concat_ws(' ', " + ", ".join(f"""nullif("{one}", '')""" for one in LINNAEAN) + ")"
# Where there is no common name, `common` repeats the scientific one, else all ranks, else what EOL calls the page.
_LOWEST: Final = "CASE WHEN genus <> '' AND species <> '' THEN genus || ' ' || species ELSE concat(genus, species) END"
SQL: Final = f"""
    WITH c AS (
        SELECT * EXCLUDE (common),
            CASE WHEN concat({_RANKS}) = '' THEN common ELSE '' END AS only_name,
            CASE WHEN lower(common) IN (lower({_LOWEST}), lower(species), lower({_LINEAGE}))
                OR concat({_RANKS}) = '' THEN '' ELSE common END AS common
        FROM catalog QUALIFY row_number() OVER (PARTITION BY treeoflife_id ORDER BY split = 'train_small', place) = 1
    ), l AS (SELECT * FROM licences QUALIFY row_number() OVER (PARTITION BY treeoflife_id ORDER BY place) = 1)
    SELECT s.source_id, s.image, s.member, {_OWN},
        CASE WHEN c.treeoflife_id IS NULL THEN s.name ELSE c.only_name END AS name,
        CASE WHEN c.treeoflife_id IS NULL THEN s.rank ELSE '' END AS rank,
        CASE WHEN coalesce(c.common, '') = '' THEN s.common_name ELSE c.common END AS common_name,
        coalesce(nullif(l.license_link, ''), nullif(l.license_name, ''), s.licence) AS licence,
        coalesce(nullif(nullif(l.copyright_owner, ''), 'not provided'), s.rights_holder) AS rights_holder,
        CASE WHEN coalesce(c.eol_page_id, '') != '' THEN
            'https://eol.org/pages/' || regexp_replace(c.eol_page_id, '[.]0$', '') ELSE s.reference END AS reference,
        coalesce(nullif(c.split, ''), s.split) AS split, s.text, s.problem,
        CASE WHEN s.key = '' THEN '-' ELSE coalesce(c.treeoflife_id, '') END AS is_listed
    FROM samples s LEFT JOIN c ON s.key = c.treeoflife_id LEFT JOIN l ON s.key = l.treeoflife_id ORDER BY s.place
"""


def describe_sample(sample: ShardSample) -> dict[str, str]:
    """Returns the row of a sample as far as its members tell."""
    key = sample.key.rpartition("/")[2]
    row = {"key": key, "member": sample.image}
    row |= read_json(sample.texts["json"]) if sample.texts.get("json") else {}
    row |= {rank: name for rank, name in parse_tags(sample.texts.get("taxontag.txt", "")).items() if name}
    names = {kind: unframe(text) for kind, text in sample.texts.items() if text and kind != "json"}
    scientific = next((names[kind] for kind in SCIENTIFIC if kind in names), "")
    taxonomic = next((names[kind] for kind in TAXONOMIC if kind in names), "")
    if not any(rank in row for rank in LINNAEAN):
        row |= parse_taxonomic(taxonomic, scientific)
    # A lineage that is cut in ranks is no name: the lowest of them is, see `complete`.
    row.setdefault("name", scientific or ("" if any(rank in row for rank in LINNAEAN) else taxonomic))
    if common := names.get("common_name.txt") or names.get("com.txt"):
        row["common_name"] = common
    if row.get("common_name", "").casefold() in (scientific.casefold(), taxonomic.casefold(), row["name"].casefold()):
        row["common_name"] = ""  # BioCLIP writes the scientific name where there is no common one
    if not sample.image:
        row["problem"] = NO_IMAGE
    return {name: escape_surrogates(value) for name, value in row.items()}


def parse_taxonomic(taxonomic: str, scientific: str) -> dict[str, str]:
    """Returns the ranks of a lineage in one text, if it has a name of each.

    >>> parse_taxonomic("Animalia Chordata Aves Passeriformes Corvidae Pica hudsonia", "Pica hudsonia")["family"]
    'Corvidae'
    """
    words = taxonomic.split()
    if len(words) < len(LINNAEAN) or (scientific and words[-len(scientific.split()) :] != scientific.split()):
        return {}
    if len(words) > len(LINNAEAN) and (not scientific or len(words) - len(scientific.split()) != len(LINNAEAN) - 2):
        return {}
    top = len(LINNAEAN) - 1
    return dict(zip(LINNAEAN, [*words[:top], " ".join(words[top:])]))


def read_json(text: str) -> dict[str, str]:
    """Returns the fields of a JSON member that columns of a row are named by. One that is no object gives a problem."""
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return {"problem": "its JSON member is no object"}
    plain = {key: str(value) for key, value in document.items() if isinstance(value, str | int | float)}
    taken = find_columns([key for key in plain if key], {})
    return {name: plain[key].strip() for name, key in taken.items() if name in COLUMNS and name not in OF_THE_SHARD}


def complete(rows: pa.Table) -> pa.Table:
    """Returns rows in which a species is the whole binomial, and that without a name have that of their lowest rank."""
    species = complete_species(rows["genus"], rows["species"])
    rows = rows.set_column(rows.column_names.index("species"), "species", species)
    return name_by_ranks(rows, LINNAEAN)
