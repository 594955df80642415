"""networkx's node-link data in JSON: a lossless format that any program can read.

    {"directed": true, "multigraph": false, "graph": {}, "nodes": [
    {"id": 1, "rank": "family", "name": "Paridae"},
    {"id": 2, "rank": "species", "name": "Parus major"}
    ], "edges": [
    {"source": 1, "target": 2}
    ]}

In networkx: `node_link_graph(document, edges="edges")`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from bioclip_x.taxonomy.ancestors import find_taxa_above, list_taxa
from bioclip_x.taxonomy.tree import Taxonomy
from bioclip_x.taxonomy.writers.document import CHUNK_SIZE, Document
from bioclip_x.taxonomy.writers.node import make_node_describer


def make_document(taxonomy: Taxonomy) -> Document:
    return Document(lambda: _generate_chunks(taxonomy))


def _generate_chunks(taxonomy: Taxonomy) -> Iterator[str]:
    above = find_taxa_above(taxonomy).tolist()
    nodes = list_taxa(taxonomy)
    describe = make_node_describer(taxonomy)
    yield '{"directed": true, "multigraph": false, "graph": {}, "nodes": ['
    yield from _generate_rows({"id": node} | describe(node) for node in nodes)
    yield '\n], "edges": ['
    yield from _generate_rows({"source": above[node], "target": node} for node in nodes if above[node])
    yield "\n]}\n"


def _generate_rows(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    comma = "\n"
    while chunk := ",\n".join(islice(lines, CHUNK_SIZE)):
        yield f"{comma}{chunk}"
        comma = ",\n"
