"""Writes what a data set holds: a row for each image of the sources, and the tree of the taxa that are used."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bioclip_x.dataset.context import Made
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.ranges import RowRange, write_ranges
from bioclip_x.dataset.schema import FIRST_ROW, OUTCOMES
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.taxonomy.ranks import LINNAEAN

CATALOGUE: Final = "catalogue.parquet"
TAXONOMY: Final = "taxonomy.csv"


def write_catalogue(connection: Any, rows: Made, files: Mapping[str, Sequence[Path]], folder: Path, base: Path) -> None:
    """Writes `catalogue.parquet`, in the order of the sources.

    Paths below the folder `base` are relative to it.
    files: the tables `decided`, `resolved`, `images`, `samples`, `failed` (row, reason) and `captions`.
    The view `catalogue` of the file stays in the connection.
    """
    ranks = ", ".join(f'n."{rank}"' for rank in LINNAEAN)
    output = folder / CATALOGUE
    root = f"{base}/".replace("//", "/")
    image = f"CASE WHEN starts_with(r.image, {quote(root)}) THEN substr(r.image, {len(root) + 1}) ELSE r.image END"
    decided = f"read_parquet({quote_files(files['decided'])})"
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE kept AS SELECT row, id FROM {decided}
        WHERE row IN (SELECT duplicate_of FROM {decided} WHERE duplicate_of IS NOT NULL)
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE placed AS SELECT row, shard FROM read_parquet({quote_files(files["samples"])})
    """)

    def make_query(part: RowRange) -> str:
        return f"""
            SELECT d.id, s.name AS source, r.source_id, {image} AS image, r.member,
                CASE WHEN f.row IS NULL THEN d.outcome ELSE 'unreadable' END AS outcome,
                coalesce(f.reason, d.reason) AS reason,
                CASE WHEN f.row IS NULL THEN d.split ELSE '' END AS split,
                CASE WHEN f.row IS NULL THEN coalesce(p.shard, '') ELSE '' END AS shard,
                coalesce(kept.id, '') AS duplicate_of,
                r.name AS given_name, r.rank AS given_rank, n.name, n.rank, {ranks}, n.common_name, n.status, n.taxonomy,
                n."by", n.conflict, d.licence, r.licence AS given_licence, r.rights_holder, r.reference,
                r.split AS given_split, coalesce(c.caption, '') AS caption, c.similarity, lower(hex(i.sha256)) AS sha256,
                i.width, i.height
            FROM {part.of(files["decided"])} d
            JOIN {part.of(rows.files)} r USING (row)
            JOIN sources s ON s.number = d.row // {FIRST_ROW}
            JOIN read_parquet({quote_files(files["resolved"])}) n USING (key)
            LEFT JOIN kept ON kept.row = d.duplicate_of
            LEFT JOIN {part.of(files["images"])} i ON i.row = d.row
            LEFT JOIN (SELECT * FROM placed WHERE row >= {part.first} AND row < {part.stop}) p ON p.row = d.row
            LEFT JOIN {part.of(files["failed"])} f ON f.row = d.row
            LEFT JOIN {part.of(files["captions"])} c ON c.row = d.row
            ORDER BY d.row
        """

    write_ranges(connection, rows, make_query, output)
    for table in ("kept", "placed"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW catalogue AS SELECT * FROM read_parquet({quote_files([output])})")


def write_taxonomy(connection: Any, folder: Path) -> int:
    """Writes `taxonomy.csv`, the lineages of the images that are used, which `train` reads. Returns their number.

    A lineage that is the upper part of another one is left out: its taxon is in the tree as what is above, and must not become a
    class beside its own species.
    """
    ranks = ", ".join(f'"{rank}"' for rank in LINNAEAN)
    lineages = connection.execute(f"""
        SELECT {ranks}, min(common_name) FILTER (common_name <> '') AS common_name
        FROM catalogue WHERE outcome = 'used' GROUP BY {ranks} ORDER BY {ranks}
    """).fetchall()
    above = {upper for *lineage, _ in lineages for upper in list_upper_parts(lineage)}
    rows = [[value or "" for value in row] for row in lineages if tuple(row[:-1]) not in above]
    with open_replacement(folder / TAXONOMY) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*LINNAEAN, "common_name"])
        writer.writerows(rows)
    return len(rows)


def list_upper_parts(lineage: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns what a lineage is without its lowest names, as wide as itself.

    >>> list_upper_parts(["Animalia", "", "Aves", "Parus"])
    [('Animalia', '', '', ''), ('Animalia', '', 'Aves', '')]
    """
    last = max(rank for rank, name in enumerate(lineage) if name)
    return [(*lineage[: at + 1], *[""] * (len(lineage) - at - 1)) for at in range(last) if lineage[at]]


def count_images(connection: Any) -> dict[str, Any]:
    """Counts the images of the catalogue by outcome, source, status, rank, split and licence, and the taxa that are used."""

    def count(*columns: str, where: str = "true", most: int | None = None) -> list[dict[str, Any]]:
        named = ", ".join(f'"{column}"' for column in columns)
        rows = connection.execute(
            f"SELECT {named}, count(*) AS images FROM catalogue WHERE {where} GROUP BY ALL ORDER BY images DESC, {named}"
            + (f" LIMIT {most}" if most else "")
        ).fetchall()
        return [dict(zip((*columns, "images"), row)) for row in rows]

    used = "outcome = 'used'"
    by_outcome = {one["outcome"]: one["images"] for one in count("outcome")}
    taxa = ", ".join(f"""count(DISTINCT ({", ".join(f'"{one}"' for one in LINNAEAN[: at + 1])})) FILTER ("{rank}" <> '')"""
                     for at, rank in enumerate(LINNAEAN))  # fmt: skip
    return {
        "images": sum(by_outcome.values()),
        "outcomes": {outcome: by_outcome.get(outcome, 0) for outcome in OUTCOMES},
        "by_source": count("source", "outcome"),
        "statuses": count("source", "status", "rank"),
        "splits": count("split", where=used),
        "licences": count("licence", "outcome"),
        "ranks": dict(zip(LINNAEAN, connection.execute(f"SELECT {taxa} FROM catalogue WHERE {used}").fetchall()[0])),
        "reasons": count_reasons(connection),
    }


def count_reasons(connection: Any) -> list[dict[str, Any]]:
    """Returns the commonest reasons, without the similar names that differ from name to name."""
    rows = connection.execute(r"""
        SELECT outcome, regexp_replace(reason, '; similar: .*$', '') AS why, count(*) AS images FROM catalogue
        WHERE outcome <> 'used' AND reason <> '' GROUP BY ALL ORDER BY images DESC, outcome, why LIMIT 1000
    """).fetchall()
    return [dict(zip(("outcome", "reason", "images"), row)) for row in rows]
