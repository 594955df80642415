"""Decides what becomes of each row. Every row has exactly one outcome, so that their counts add up.

The first of these that applies: `incomplete` (the row names no image, or the image has no row), `repeated` (its identifier was
there before), `held out`, `unlicensed`, `unnamed` (its name is ambiguous, lost, or not exact enough), `unreadable`, `duplicate`,
`used`. The first five are known before any image is read; an image that is like a held-out one is held out, too. What is held
out is compared with the others whatever its licence and name: an image of a test set must not be trained on because a copy of
it has no licence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from bioclip_x.dataset.config import BuildConfig
from bioclip_x.dataset.context import Made
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.licences import is_allowed, normalise_licence
from bioclip_x.dataset.ranges import RowRange, write_ranges
from bioclip_x.dataset.schema import FIRST_ROW


def plan_rows(
    connection: Any, config: BuildConfig, rows: Made, files: Mapping[str, Sequence[Path]], output: Path
) -> None:
    """Writes the outcome of each row as far as it is known before the images are read, "" where it is not.

    files: the tables `keys`, `resolved` and `held_out`; the connection has the table `sources` (its number, `name` and `place` in
    the configuration, which may have changed since it got its number). The output has `row`, `key`, `id`, `source` (its number),
    `licence` (normalised), `outcome`, `reason` and `priority`: of equal images the one with the lowest is kept.
    """
    _register_licences(connection, config, rows.files)
    _register_repeated(connection, rows.files)
    least = ["full"] if config.names.least == "full" else ["full", "partial"]
    statuses = ", ".join(map(quote, [*least, *(["ambiguous"] if config.names.ambiguous == "use" else [])]))
    # Of an ambiguous name the ranks are used that all the taxa share that it may mean; it has no rank of its own.
    is_unnamed = f"status NOT IN ({statuses}) OR (rank = '' AND NOT (status = 'ambiguous' AND kingdom <> ''))"

    def make_query(part: RowRange) -> str:
        return f"""
            SELECT row, key, md5(name || chr(0) || source_id) AS id, source, licence,
                CASE
                    WHEN problem <> '' THEN 'incomplete'
                    WHEN is_repeated THEN 'repeated'
                    WHEN held_reason IS NOT NULL THEN 'held out'
                    WHEN NOT allowed THEN 'unlicensed'
                    WHEN {is_unnamed} THEN 'unnamed'
                    ELSE ''
                END AS outcome,
                CASE
                    WHEN problem <> '' THEN problem
                    WHEN is_repeated THEN 'the source has the identifier ' || source_id || ' before'
                    WHEN held_reason IS NOT NULL THEN held_reason
                    WHEN NOT allowed THEN licence
                    WHEN {is_unnamed} THEN status || CASE WHEN why <> '' THEN ': ' || why ELSE '' END
                    ELSE ''
                END AS reason,
                place_of_source * 4 + CASE status WHEN 'full' THEN 0 WHEN 'partial' THEN 1 ELSE 2 END AS priority
            FROM (
                SELECT r.row, k.key, s.number AS source, s.name, l.licence, l.allowed, r.problem, r.source_id,
                    n.status, n.rank, n.kingdom, n.reason AS why, h.reason AS held_reason, s.place AS place_of_source,
                    t.row IS NOT NULL AS is_repeated
                FROM {part.of(rows.files)} r
                JOIN {part.of(files["keys"])} k USING (row)
                JOIN read_parquet({quote_files(files["resolved"])}) n USING (key)
                JOIN licences l ON l.given = r.licence
                JOIN sources s ON s.number = r.row // {FIRST_ROW}
                LEFT JOIN {part.of(files["held_out"])} h ON h.row = r.row
                LEFT JOIN repeated t ON t.row = r.row
            )
            ORDER BY row
        """

    write_ranges(connection, rows, make_query, output)


def _register_repeated(connection: Any, rows: Sequence[Path]) -> None:
    """Makes the table `repeated` of the rows whose identifier an earlier one of the source has.

    A row without an image takes no identifier from one that has it.
    """
    listed = f"read_parquet({quote_files(rows)})"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE repeated AS
        WITH twice AS (SELECT row // {FIRST_ROW} AS source, source_id FROM {listed} GROUP BY ALL HAVING count(*) > 1)
        SELECT row FROM {listed} r SEMI JOIN twice t ON t.source = r.row // {FIRST_ROW} AND t.source_id = r.source_id
        QUALIFY row_number() OVER (PARTITION BY r.row // {FIRST_ROW}, r.source_id ORDER BY r.problem <> '', r.row) > 1
    """)


def _register_licences(connection: Any, config: BuildConfig, rows: Sequence[Path]) -> None:
    """Makes the table `licences`: each text that is given, its normal form, and whether it permits the use."""
    given = connection.execute(f"SELECT DISTINCT licence FROM read_parquet({quote_files(rows)})").fetchall()
    texts, rules = [text for (text,) in given], config.licences
    normal = [normalise_licence(text) for text in texts]
    allowed = [is_allowed(licence, rules.allow, rules.unknown) for licence in normal]
    # As a table, since there may be a text per photographer, and rows inserted one by one take a second for a thousand.
    columns = {
        "given": pa.array(texts, pa.string()),
        "licence": pa.array(normal, pa.string()),
        "allowed": pa.array(allowed, pa.bool_()),
    }
    connection.register("licences_given", pa.table(columns))
    connection.execute("CREATE OR REPLACE TEMP TABLE licences AS SELECT * FROM licences_given")
    connection.unregister("licences_given")


def decide_rows(
    connection: Any, config: BuildConfig, rows: Made, files: Mapping[str, Sequence[Path]], output: Path
) -> None:
    """Writes the outcome of each row, and the split of those that are used.

    files: the tables `plan`, `images`, `duplicates` and `across` (duplicates of images that are held out). The output has `row`,
    `key`, `id`, `licence`, `outcome`, `reason`, `duplicate_of` and `split`.
    """

    def make_query(part: RowRange) -> str:
        return f"""
            SELECT row, key, id, licence, outcome, reason, duplicate_of,
                CASE WHEN outcome = 'used' THEN {_make_split(config)} ELSE '' END AS split
            FROM (
                SELECT p.row, p.key, p.id, p.licence,
                    CASE
                        WHEN p.outcome <> '' THEN p.outcome
                        WHEN i.row IS NULL OR i.error <> '' THEN 'unreadable'
                        WHEN a.row IS NOT NULL THEN 'held out'
                        WHEN d.row IS NOT NULL THEN 'duplicate'
                        ELSE 'used'
                    END AS outcome,
                    CASE
                        WHEN p.outcome <> '' THEN p.reason
                        WHEN i.row IS NULL THEN 'not read'
                        WHEN i.error <> '' THEN i.error
                        WHEN a.row IS NOT NULL THEN a.kind || ' match of an image that is held out'
                        WHEN d.row IS NOT NULL THEN d.kind
                        ELSE i.note
                    END AS reason,
                    CASE WHEN p.outcome <> '' OR i.row IS NULL OR i.error <> '' THEN NULL
                         WHEN a.row IS NOT NULL THEN a.kept ELSE d.kept END AS duplicate_of
                FROM {part.of(files["plan"])} p
                LEFT JOIN {part.of(files["images"])} i ON i.row = p.row
                LEFT JOIN {part.of(files["duplicates"])} d ON d.row = p.row
                LEFT JOIN {part.of(files["across"])} a ON a.row = p.row
            )
            ORDER BY row
        """

    write_ranges(connection, rows, make_query, output)


def _make_split(config: BuildConfig) -> str:
    """Returns SQL that draws a split by a digest of the image's identifier, so that it does not depend on the other images."""
    # 32 bits of MD5, which is the same in all versions and on all machines.
    drawn = f"CAST('0x' || substr(md5(id || {quote(f':split:{config.seed}')}), 1, 8) AS UBIGINT) / 4294967296.0"
    cases, total = [], 0.0
    for name, part in config.splits.items():
        total += part
        cases.append(f"WHEN {drawn} < {total!r} THEN {quote(name)}")
    return f"CASE {' '.join(cases)} ELSE 'train' END" if cases else "'train'"
