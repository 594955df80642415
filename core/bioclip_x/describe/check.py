"""Curation with a taxonomy: what classes and their siblings are called is looked up there. `check_file` looks at a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bioclip_x.describe.siblings import find_siblings
from bioclip_x.messages import list_some, pluralise
from bioclip_x.prompts import curation, load_descriptors
from bioclip_x.prompts.curation import CONTEXT, Curated, Finding, Names
from bioclip_x.records import DescriptorSet, Taxon
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.names.resolver import Resolver

MOST_MISSING = 20
"""Classes without descriptors that a finding names."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A descriptor file as it is, what curation makes of it, and all that was found in it."""

    file: Path
    descriptors: DescriptorSet
    curated: Curated
    findings: tuple[Finding, ...]


def curate(
    descriptors: DescriptorSet,
    taxonomy: Taxonomy | None = None,
    *,
    language: str = "en",
    count_tokens: Callable[[str], int] | None = None,
    context: int = CONTEXT,
) -> Curated:
    """The descriptors cleaned, and what was found in them.

    taxonomy: tells the names of classes and of their siblings; without it, only what the file itself calls them is known.
    language: of common names. count_tokens: tokens of a text, begin and end marks included, as the model's tokenizer makes
    them; without it, words are counted. context: tokens that the model reads.
    """
    names, groups = (None, None) if taxonomy is None else _names(_nodes(descriptors, taxonomy), taxonomy, language)
    return curation.curate(descriptors, names, groups, count_tokens=count_tokens, context=context)


def check_file(
    path: Path,
    taxonomy: Taxonomy | None = None,
    *,
    language: str = "en",
    count_tokens: Callable[[str], int] | None = None,
    context: int = CONTEXT,
) -> Checked:
    """Reads a descriptor file, in any format, and curates it; nothing is written.

    With a taxonomy, names that fit none of its taxa, or several, and classes without descriptors are told too. Raises
    DescriptorError where the file cannot be read.
    """
    descriptors = load_descriptors(path)
    curated = curate(descriptors, taxonomy, language=language, count_tokens=count_tokens, context=context)
    read = [Finding("in the file", "", "", "mended", note.removeprefix(f"{path}: ")) for note in descriptors.notes]
    fits = [] if taxonomy is None else list(_unfit(descriptors, taxonomy))
    return Checked(path, descriptors, curated, (*read, *fits, *curated.findings))


def _nodes(descriptors: DescriptorSet, taxonomy: Taxonomy) -> dict[str, tuple[int, ...]]:
    """The taxa that each name of the file may mean, classes before others."""
    resolver, found = Resolver(taxonomy), {}
    for name in descriptors.classes:
        every = resolver.find(name).nodes
        found[name] = tuple(node for node in every if taxonomy.class_of_N[node] >= 0) or every
    return found


def _names(
    nodes: Mapping[str, Sequence[int]], taxonomy: Taxonomy, language: str
) -> tuple[dict[str, Names], list[list[str]]]:
    """What each class and its siblings are called, and the groups of classes of which same lists are told."""
    names: dict[str, Names] = {}
    groups: dict[tuple[int, int] | None, list[str]] = defaultdict(list)
    called: dict[tuple[int, int], tuple[str, ...]] = {}
    for name, found in nodes.items():
        if len(found) != 1:
            names[name] = Names((name,))
            groups[None].append(name)
            continue
        node, taxon = found[0], taxonomy.taxon(found[0])
        group = (int(taxonomy.owner_N[taxonomy.parent_N[node]]), int(taxonomy.rank_N[node]))
        if group not in called:  # of a genus once, however many species it has
            others = find_siblings(taxonomy, node)
            together = [*others, node] if others else []
            called[group] = tuple(one for other in together for one in _called(taxonomy.taxon(other), language))
        genus = "" if taxon.rank == "genus" else next((of for rank, of in taxon.lineage if rank == "genus"), "")
        names[name] = Names(tuple(dict.fromkeys((name, *_called(taxon, language)))), genus, called[group])
        groups[group if called[group] else None].append(name)
    return names, list(groups.values())


def _called(taxon: Taxon, language: str) -> Iterator[str]:
    yield taxon.name
    for one in dict.fromkeys((language, "en")):
        yield from taxon.common_names.get(one, ())


def _unfit(descriptors: DescriptorSet, taxonomy: Taxonomy) -> Iterator[Finding]:
    """Names of the file that fit no taxon, or several, or one that has been; and the classes that are not in the file."""
    resolver, taken = Resolver(taxonomy), dict[int, str]()
    nodes = _nodes(descriptors, taxonomy)
    for name, found in nodes.items():
        if not found:
            near = resolver.near(name)
            meant = f"; meant was maybe {list_some(near)}" if near else ""
            yield Finding("unknown class", name, "", "told", f"no taxon of the taxonomy has this name{meant}")
        elif len(found) > 1:
            yield Finding("ambiguous name", name, "", "told", f"{len(found)} taxa have this name; give the path (A; B)")
        elif (first := taken.setdefault(found[0], name)) != name:
            yield Finding("class given twice", name, "", "told", f"the same taxon as {first!r}, which is used")
    without = [taxonomy.names[node] for node in taxonomy.owner_N[taxonomy.leaf_node_C].tolist() if node not in taken]
    if without:
        number = pluralise(len(without), "class", "classes")
        message = f"the file has nothing on {number} of the taxonomy: {list_some(without, MOST_MISSING)}"
        yield Finding("missing classes", "", "", "told", message)
