"""What a reader of a published data set finds: its classes, its images, and the class of each image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bioclip_x.plugin import LINNAEAN, NO_DETAILS, Details, Taxonomy, TaxonomyBuilder

Lineage = tuple[tuple[str, str], ...]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Category:
    """A class of a data set. lineage: (rank, name) from the top; one pair of rank "" for a plain label.

    common: its English name, "" for none.
    """

    lineage: Lineage
    common: str = ""

    @property
    def name(self) -> str:
        return self.lineage[-1][1]


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of a data set. categories: in the data set's order. images: paths. category_of: an index per image."""

    categories: Sequence[Category]
    images: Sequence[str]
    category_of: Sequence[int]


def make_label(name: str) -> Category:
    return Category((("", name),))


def make_taxon(names: Mapping[str, str], common: str = "") -> Category:
    """Makes a class from the names of its seven ranks; the name at "species" is the epithet. Blank ranks are left out.

    >>> make_taxon({"order": "Passeriformes", "genus": "Pica", "species": "hudsonia"}).lineage
    (('order', 'Passeriformes'), ('genus', 'Pica'), ('species', 'Pica hudsonia'))
    """
    named = [(rank, names.get(rank, "").strip()) for rank in LINNAEAN]
    genus = names.get("genus", "").strip()
    lineage = [(rank, f"{genus} {name}".strip() if rank == "species" else name) for rank, name in named if name]
    return Category(tuple(lineage), common.strip())


def collect(images: Iterable[tuple[str, Key]], category_of: Mapping[Key, Category]) -> Listing:
    """Lists images that are labelled with keys of `category_of`, all of whose classes are kept, in its order."""
    index_of = {key: index for index, key in enumerate(category_of)}
    pairs = list(images)
    return Listing(tuple(category_of.values()), [path for path, _ in pairs], [index_of[key] for _, key in pairs])


def collect_in_order(images: Iterable[tuple[str, Category]]) -> Listing:
    """Lists images with their classes, these in the order of their first image."""
    pairs = list(images)
    return collect(pairs, {category: category for _, category in pairs})


def make_taxonomy(categories: Sequence[Category], source: str) -> Taxonomy:
    """Builds the tree of the classes; its `class_of_row` has the class of each. Equal plain labels stay several classes."""
    builder = TaxonomyBuilder()
    return builder.build(source, rows=[_add(builder, category) for category in categories])


def list_nodes(taxonomy: Taxonomy) -> list[int]:
    """Returns the node of each category of a tree that `make_taxonomy` built."""
    assert taxonomy.class_of_row is not None
    return [taxonomy.owner(int(taxonomy.leaf_node_C[c])) for c in taxonomy.class_of_row.tolist()]


def iterate_names(category: Category) -> Iterator[str]:
    """Yields what a class may be called in another taxonomy, the most exact first: its path, its name, its common name."""
    if len(category.lineage) > 1:
        yield "; ".join(name for _, name in category.lineage)
    yield category.name
    if category.common:
        yield category.common


def _add(builder: TaxonomyBuilder, category: Category) -> int:
    *above, (rank, name) = category.lineage
    parent = 0
    for upper_rank, upper_name in above:
        parent = builder.add(parent, upper_rank, upper_name)
    details = Details(common_names={"en": (category.common,)}) if category.common else NO_DETAILS
    node = builder.add(parent, rank, name, details, merge=bool(rank or above))
    builder.mark_class(node)
    return node
