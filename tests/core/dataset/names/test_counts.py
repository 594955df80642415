from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given as examples
from hypothesis import strategies as st

from bioclip_x.dataset.names import count_statuses

_ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 9)), max_size=20)


@examples(_ROWS)
def test_counts_are_those_of_a_loop(rows: list[tuple[str, int, int]]) -> None:
    rows = list({(source, key): (source, key, images) for source, key, images in rows}.values())
    sources, keys, images = zip(*rows) if rows else ((), (), ())
    types = pa.schema([("source", pa.string()), ("key", pa.int64()), ("images", pa.int64())])
    by_source = pa.table({"source": list(sources), "key": list(keys), "images": list(images)}, schema=types)
    found = {0: ("species", "full"), 1: ("genus", "partial"), 2: ("", "lost"), 3: ("species", "full")}
    ranks, statuses = zip(*found.values())
    resolved = pa.table({"key": list(found), "rank": list(ranks), "status": list(statuses)})
    names: Counter[tuple[str, str, str]] = Counter()
    totals: Counter[tuple[str, str, str]] = Counter()
    for source, key, count in rows:
        names[(source, *found[key])] += 1
        totals[(source, *found[key])] += count
    expected = [
        {"source": group[0], "rank": group[1], "status": group[2], "names": names[group], "images": totals[group]}
        for group in sorted(names)
    ]
    assert count_statuses(by_source, resolved).to_pylist() == expected
