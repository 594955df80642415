from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.records import Synonym
from bioclip_x.records.problem import Problem
from bioclip_x.taxonomy import Details, TaxonomyBuilder, cache
from bioclip_x.taxonomy.findings import Findings

words = st.text(st.characters(exclude_characters="|\t", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(words, words, st.lists(words, max_size=2))
def test_save_load_round_trip(tmp_path_factory, extra: str, author: str, names: list[str]) -> None:  # type: ignore[no-untyped-def]
    builder, findings = TaxonomyBuilder(), Findings("f.csv")
    stripped = tuple(dict.fromkeys(name.strip() for name in names))
    about = Details(
        {"de": stripped} if stripped else {}, {"gbif": "1"}, {"habitat": extra}, author, (Synonym("Old", "L."),)
    )
    builder.add_lineage([("genus", "Parus"), ("species", "Parus major\\n")], about, line=2)
    builder.add_lineage([("genus", "Parus"), ("species", "Parus minor")], line=3)
    findings.warn("odd", "something", 3)
    tree = builder.build("f.csv", ["a note"], rows=[2, 3, 2], findings=findings)
    file = tmp_path_factory.mktemp("compiled") / "tree.npz"
    cache.save(tree, file)
    loaded = cache.load(file)
    assert loaded is not None
    for name in (*cache.ARRAYS, *cache.OPTIONAL_ARRAYS):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(tree, name))
        assert getattr(loaded, name).dtype == getattr(tree, name).dtype
    assert loaded.fingerprint == tree.fingerprint
    assert (loaded.names, loaded.rank_names, loaded.source) == (tree.names, tree.rank_names, tree.source)
    assert loaded.notes == ("a note", "f.csv, line 3: something")
    assert loaded.problems == (Problem("odd", "something", "f.csv", 3),)
    assert dict(loaded.details) == dict(tree.details)


def test_invalid_files_load_as_none(tmp_path: Path) -> None:
    tree = TaxonomyBuilder()
    tree.add(0, "", "a")
    file = tmp_path / "tree.npz"
    assert cache.load(file) is None
    cache.save(tree.build(), file)
    whole = file.read_bytes()
    for damaged in (b"", b"PK", whole[: len(whole) // 2], whole[:-30]):
        file.write_bytes(damaged)
        assert cache.load(file) is None
