"""Stands in until the names are merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from bioclip_x.records import Taxon
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.matching import match_taxon
from bioclip_x.taxonomy.names.resolver import Resolver
from bioclip_x.taxonomy.ranks import LINNAEAN


@dataclass(frozen=True)
class RankedTaxonomy:
    name: str
    load: Callable[[], Taxonomy]


RESOLVED = pa.schema(
    [("key", pa.int64())]
    + [
        (n, pa.string())
        for n in ("status", "name", "rank", *LINNAEAN, "common_name", "taxonomy", "by", "reason", "conflict")
    ]
)


def resolve_names(
    given: pa.Table, taxonomies: Sequence[RankedTaxonomy], corrections: Any = None, say: Any = print
) -> pa.Table:
    loaded = [(one.name, Resolver(one.load())) for one in taxonomies]
    records = []
    for row in given.to_pylist():
        record = dict.fromkeys(RESOLVED.names, "") | {"key": row["key"], "status": "lost"}
        for name, resolver in loaded:
            nodes, how = match_taxon(
                resolver, Taxon(row["rank"], row["name"], tuple((r, row[r]) for r in LINNAEAN if row[r]))
            )
            if len(nodes) == 1:
                taxon = resolver.taxonomy.taxon(nodes[0])
                record |= {rank: taxon.at(rank) for rank in LINNAEAN}
                record |= {
                    "status": "full" if all(record[r] for r in LINNAEAN) else "partial",
                    "name": taxon.name, "rank": taxon.rank, "taxonomy": name, "by": how,
                    "common_name": row["common_name"] or taxon.common_name(),
                }  # fmt: skip
                break
            if how == "ambiguous":
                record |= {"status": "ambiguous", "reason": how}
        records.append(record)
    return pa.Table.from_pylist(records, schema=RESOLVED)
