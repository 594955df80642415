"""Parts of sources against simple references: sets of hashes, JSON read in pieces, the walk up EOL's hierarchy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioclip_x.plugin import LINNAEAN, DatasetError
from bioclip_x_plugins.image_sources import json_arrays
from bioclip_x_plugins.image_sources.accounting import SeenHashes, hash_texts
from bioclip_x_plugins.image_sources.eol_names import Hierarchy

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=12))
def test_seen_hashes_are_a_set(batches: list[list[int]]) -> None:
    seen, known = SeenHashes(), set[int]()
    for batch in batches:
        expected = []
        for number in batch:
            expected.append(number in known)
            known.add(number)
        assert seen.add(hash_texts(map(str, batch))).tolist() == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["images", "info", "licenses"]), VALUES | st.lists(VALUES), max_size=3),
    st.integers(1, 9),
)
def test_arrays_are_read_in_pieces_as_json_reads_them(tmp_path: Path, document: dict[str, Any], chunk: int) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=chunk % 3 or None), "utf-8")
    keys = {"images", "licenses"}
    expected = [(k, one) for k, values in document.items() if k in keys and isinstance(values, list) for one in values]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_arrays, "CHUNK", chunk)
        assert list(json_arrays.iterate_arrays(path, keys)) == expected


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"images": [1, 2', '{"images": [1 2]}', '{"images": [tru]}', '{"images" [1]}', "{1: 2"]
)
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DatasetError, match=r"a\.json is (cut short|not)"):
        list(json_arrays.iterate_arrays(tmp_path / "a.json", {"images"}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_lineages_of_eol_are_those_of_a_walk_up(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 12
    parent = [int(random.integers(-1, i)) if i else -1 for i in range(count)]
    rank = [str(random.choice([*LINNAEAN, "clade", ""])) for _ in range(count)]
    rows = [f"T{i}\tT{parent[i] if parent[i] >= 0 else ''}\t{rank[i]}\tName{i}\t{100 + i}\n" for i in range(count)]
    path = tmp_path / "taxon.tab"
    path.write_text("taxonID\tparentNameUsageID\ttaxonRank\tcanonicalName\teolID\n" + "".join(rows))
    found = Hierarchy(path).find(np.array([*range(100, 100 + count), 7, -1]))
    for i in range(count):
        expected, at = dict.fromkeys(LINNAEAN, ""), i
        while at >= 0:
            if rank[at] in expected and not expected[rank[at]]:
                expected[rank[at]] = f"Name{at}"
            at = parent[at]
        assert {name: found[name][i].as_py() for name in LINNAEAN} == expected
    assert found["name"].to_pylist() == [*(f"Name{i}" for i in range(count)), "", ""]
