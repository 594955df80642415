"""What is counted, against loops over the rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from statistics import quantiles
from typing import Any

import pytest

from bioclip_x.dataset.card.facts import Facts, grow_tree
from bioclip_x.dataset.card.treemap import Node
from bioclip_x.dataset.schema import OUTCOMES
from card_rows import RANKS, make_row, open_catalogue


def draw_rows(seed: int = 0, number: int = 600) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    rows = []
    for i in range(number):
        known = rng.choice([7, 7, 7, 6, 4])
        names = [f"{rank[0]}{rng.randint(0, 2 if at < 4 else 4)}" for at, rank in enumerate(RANKS)]
        lineage = {rank: "/".join(names[: at + 1]) if at < known else "" for at, rank in enumerate(RANKS)}
        outcome = rng.choice([*OUTCOMES, *["used"] * 8])
        split = rng.choice(["train", "train", "val"]) if outcome == "used" else ""
        rows.append(
            make_row(
                i, **lineage, outcome=outcome, split=split, shard=split and f"{split}-{rng.randint(0, 2):06}.tar",
                reason={"used": "", "duplicate": rng.choice(["exact", "perceptual"])}.get(outcome, rng.choice("abc")),
                duplicate_of=f"{rng.randrange(number):032x}" if outcome == "duplicate" else "",
                licence=rng.choice(["CC0-1.0", "CC-BY-4.0"]), rights_holder=rng.choice(["", "A", "B", "C"]),
                status=rng.choice(["full", "partial", "ambiguous", "lost"]), conflict=rng.choice(["", "", "x", "y"]),
            )
        )  # fmt: skip
    return rows


@pytest.fixture
def drawn(tell: Callable[..., Facts]) -> tuple[list[dict[str, Any]], Facts]:
    rows = draw_rows()
    return rows, tell(rows, title="Park")


def test_outcomes_add_up_to_all_images(drawn: tuple[list[dict[str, Any]], Facts]) -> None:
    rows, facts = drawn
    assert facts.outcomes == {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in OUTCOMES}
    assert sum(facts.outcomes.values()) == facts.images == len(rows)
    (source,) = facts.sources
    assert source.images == len(rows)
    assert source.statuses == Counter(row["status"] for row in rows)
    assert source.conflicts == sum(bool(row["conflict"]) for row in rows)


def test_ranks_splits_and_licences_of_the_images_that_are_used(drawn: tuple[list[dict[str, Any]], Facts]) -> None:
    rows, facts = drawn
    used = [row for row in rows if row["outcome"] == "used"]
    assert facts.ranks == tuple(
        (rank, len({row[rank] for row in used if row[rank]}), sum(bool(row[rank]) for row in used)) for rank in RANKS
    )
    assert facts.splits == tuple(
        (
            name,
            len(of := [row for row in used if row["split"] == name]),
            len({row["species"] for row in of} - {""}),
            len({row["shard"] for row in of}),
        )
        for name in ("train", "val")
    )
    for one in facts.licences:
        of = [row for row in used if row["licence"] == one.name]
        holders = [row["rights_holder"] for row in of]
        assert (one.images, one.holders, one.unattributed) == (len(of), len({*holders} - {""}), holders.count(""))
    assert dict(facts.holders) == Counter(row["rights_holder"] for row in used if row["rights_holder"])


def test_images_per_species(drawn: tuple[list[dict[str, Any]], Facts]) -> None:
    rows, facts = drawn
    sizes = sorted(Counter(row["species"] for row in rows if row["outcome"] == "used" and row["species"]).values())
    assert facts.quartiles == pytest.approx((sizes[0], *quantiles(sizes, method="inclusive"), sizes[-1]))
    assert facts.singletons == sizes.count(1)
    assert facts.species == len(sizes)
    assert list(facts.histogram) == [
        sum(2**power <= size < 2 ** (power + 1) for size in sizes) for power in range(len(facts.histogram))
    ]
    assert sum(facts.histogram) == len(sizes)


def test_duplicates_of_another_taxon(drawn: tuple[list[dict[str, Any]], Facts]) -> None:
    rows, facts = drawn
    kept = {row["id"]: row for row in rows if row["outcome"] not in ("repeated", "incomplete")}
    for kind, images, other in facts.duplicates:
        of = [row for row in rows if row["outcome"] == "duplicate" and row["reason"] == kind]
        differ = 0
        for row in of:
            keeper = kept.get(row["duplicate_of"])
            differ += keeper is not None and any(row[r] and keeper[r] and row[r] != keeper[r] for r in RANKS)
        assert (images, other) == (len(of), differ)
    assert len(facts.duplicates) == 2


def test_a_partial_lineage_is_no_other_taxon(tell: Callable[..., Facts]) -> None:
    partial = make_row(1, species="", outcome="duplicate", reason="exact", duplicate_of=make_row(0)["id"])
    repeated = make_row(0, outcome="repeated", species="Parus ater")
    assert tell([make_row(0), partial, repeated]).duplicates == (("exact", 1, 0),)


def test_taxonomies_count_the_names_whose_lineage_another_completed(tell: Callable[..., Facts]) -> None:
    given = ["ITIS", "ITIS+col:order", "", "col+ITIS:kingdom,phylum"]
    taxonomies = [{"path": "itis", "as": "ITIS"}, {"path": "col", "as": "col"}]
    facts = tell([make_row(i, taxonomy=one) for i, one in enumerate(given)], taxonomies=taxonomies)
    assert facts.taxonomies == (("ITIS", 2), ("col", 1))


def test_similar_names_do_not_divide_a_reason(tell: Callable[..., Facts]) -> None:
    reasons = ["lost: not in ITIS", "lost: not in ITIS; similar: Parus", "lost: not in ITIS; similar: Pica or Picus"]
    facts = tell([make_row(i, outcome="unnamed", reason=reason) for i, reason in enumerate(reasons)])
    assert facts.reasons == (("unnamed", "lost: not in ITIS", 3),)


def test_reasons_are_counted_without_what_differs_from_image_to_image(tell: Callable[..., Facts]) -> None:
    reasons = [
        *(f"/home/ann/my/{i}.jpg: not an image" for i in range(3)),
        *(f"https://ann:secret@host.org/{i}.jpg: 404" for i in range(2)),
        "cannot open '/data/ann/x.tar'",
        "C:\\Users\\ann\\x.jpg: not an image",
    ]
    facts = tell([make_row(i, outcome="unreadable", reason=reason) for i, reason in enumerate(reasons)])
    assert facts.reasons == (
        ("unreadable", "not an image", 4),
        ("unreadable", "https://host.org/… 404", 2),
        ("unreadable", "cannot open 'x.tar'", 1),
    )


def count_nodes(rows: list[dict[str, Any]], least: int) -> dict[tuple[str, ...], int]:
    used = [row for row in rows if row["outcome"] == "used"]
    counts = Counter(tuple(row[rank] for rank in RANKS[: depth + 1]) for row in used for depth in range(6))
    return {path: images for path, images in counts.items() if images >= least}


def list_nodes(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    for child in node.children:
        yield (*path, child.name), child
        yield from list_nodes(child, (*path, child.name))


@pytest.mark.parametrize("least", [1, 5, 40, 10**6])
def test_the_tree_has_all_images_and_the_large_taxa(least: int) -> None:
    rows = draw_rows(1)
    tree = grow_tree(open_catalogue(rows), least)
    counted = count_nodes(rows, least)
    named = {path: node.images for path, node in list_nodes(tree) if node.name}
    assert named == {path: images for path, images in counted.items() if path[-1]}
    taxa = count_nodes(rows, 1)
    for path, node in [((), tree), *list_nodes(tree)]:
        if node.children:
            assert sum(child.images for child in node.children) == node.images
            below = [one for one in taxa if len(one) == len(path) + 1 and one[:-1] == path and one[-1]]
            assert sum(child.pooled or bool(child.name) for child in node.children) == len(below)
            assert [child.images for child in node.children] == sorted((c.images for c in node.children), reverse=True)


def test_no_image_is_used(tell: Callable[..., Facts]) -> None:
    facts = tell([make_row(0, outcome="unnamed", reason="lost")])
    assert (facts.used, facts.quartiles, facts.histogram, facts.tree.children) == (0, (), (), ())
