from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.taxonomy import Details, Taxonomy, TaxonomyBuilder
from bioclip_x.taxonomy.details import NO_DETAILS
from bioclip_x.taxonomy.editing.restrict import restrict_with_index
from bioclip_x.taxonomy.editing.slicing import slice_classes

RANKS = ("kingdom", "", "family", "genus", "species")

rows = st.lists(
    st.tuples(*([st.sampled_from(["", "a", "b"])] * len(RANKS)), st.booleans()).filter(lambda row: any(row[:-1])),
    min_size=1, max_size=15,
)  # fmt: skip


def tree(drawn: list[tuple[str | bool, ...]]) -> Taxonomy:
    """Rows with holes, unranked clades, and classes on inner nodes."""
    builder = TaxonomyBuilder()
    for number, row in enumerate(drawn):
        named = [(rank, f"{rank}{name}") for rank, name in zip(RANKS, row[:-1]) if name]
        builder.add_lineage(named, Details({"en": (f"number {number}",)}), is_class=bool(row[-1]))
    return builder.build("drawn", ["a note"])


@given(drawn=rows, data=st.data())
def test_slicing_equals_recompiling(drawn: list[tuple[str | bool, ...]], data: st.DataObject) -> None:
    whole = tree(drawn)
    classes = np.array(sorted(data.draw(st.sets(st.integers(0, whole.n_classes - 1), min_size=1))))
    sliced, expected = slice_classes(whole, classes), compiled_anew(whole, classes)
    if sliced is None:
        return
    for field in ("parent_N", "rank_N", "kind_N", "leaf_start_N", "leaf_stop_N", "leaf_node_C"):
        got, wanted = getattr(sliced, field), getattr(expected, field)
        assert got.dtype == wanted.dtype and got.tolist() == wanted.tolist(), field
    assert (sliced.names, sliced.rank_names, sliced.fingerprint) == (
        expected.names,
        expected.rank_names,
        expected.fingerprint,
    )
    assert dict(sliced.details) == dict(expected.details) and sliced.notes == expected.notes


def compiled_anew(whole: Taxonomy, classes: np.ndarray) -> Taxonomy:
    """The subset, built taxon by taxon."""
    builder, node_of = TaxonomyBuilder(), {0: 0}
    for class_index in classes.tolist():
        for node in whole.path(whole.owner(int(whole.leaf_node_C[class_index]))):
            if whole.owner(node) == node and node not in node_of:
                parent = node_of[whole.owner(int(whole.parent_N[node]))]
                about = whole.details.get(node, NO_DETAILS)
                node_of[node] = builder.add(parent, whole.rank(node), whole.names[node], about, merge=False)
        builder.mark_class(node_of[whole.owner(int(whole.leaf_node_C[class_index]))])
    return builder.build(whole.source, whole.notes)


def test_a_rank_without_taxa_has_no_holes() -> None:
    builder = TaxonomyBuilder()
    for row in (("K", "F", "S"), ("K", "", "T"), ("L", "G", "U"), ("L", "G", "V")):
        builder.add_lineage(list(zip(("kingdom", "family", "species"), row)))
    whole = builder.build()
    names = [whole.class_taxon(c).name for c in range(4)]
    assert slice_classes(whole, np.array([names.index("T")])) is None
    assert restrict_with_index(whole, np.array([names.index("T")]))[0].rank_names == ("", "kingdom", "species")
    part = slice_classes(whole, np.array(sorted(names.index(name) for name in "TU")))
    assert part is not None and tuple(part.rank_tables) == ("kingdom", "family", "species")
