"""Curates descriptors with the names of classes and siblings from a taxonomy, and checks descriptor files."""

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
from bioclip_x.taxonomy.names.labels import match_labels
from bioclip_x.taxonomy.names.resolver import Resolver

MOST_MISSING = 20
"""Most classes without descriptors that a finding lists by name."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A descriptor file, its curated descriptors, and all findings."""

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
    """Cleans descriptors and reports findings.

    taxonomy: provides the names of classes and of their siblings; without it, only the names in the file are known.
    language: of common names. count_tokens: counts the tokens of a text with the model's tokenizer, start and end tokens
    included; without it, words are counted. context: tokens that the model reads.
    """
    names, groups = (
        (None, None) if taxonomy is None else _collect_names(_find_nodes(descriptors, taxonomy), taxonomy, language)
    )
    return curation.curate(descriptors, names, groups, count_tokens=count_tokens, context=context)


def check_file(
    path: Path,
    taxonomy: Taxonomy | None = None,
    *,
    language: str = "en",
    count_tokens: Callable[[str], int] | None = None,
    context: int = CONTEXT,
) -> CheckedFile:
    """Reads a descriptor file, in any format, and curates it; nothing is written.

    With a taxonomy, names that match no taxon or several, and classes without descriptors, are findings too. Raises
    DescriptorError where the file cannot be read.
    """
    descriptors = load_descriptors(path)
    curated = curate(descriptors, taxonomy, language=language, count_tokens=count_tokens, context=context)
    in_file = [Finding("in the file", "", "", "mended", note.removeprefix(f"{path}: ")) for note in descriptors.notes]
    unmatched = [] if taxonomy is None else list(_find_unmatched(descriptors, taxonomy))
    return CheckedFile(path, descriptors, curated, (*in_file, *unmatched, *curated.findings))


def _find_nodes(descriptors: DescriptorSet, taxonomy: Taxonomy) -> dict[str, tuple[int, ...]]:
    """Returns the nodes that each name of the file may refer to: classes if any of them is one."""
    return match_labels(descriptors.classes, Resolver(taxonomy))


def _collect_names(
    nodes: Mapping[str, Sequence[int]], taxonomy: Taxonomy, language: str
) -> tuple[dict[str, Names], list[list[str]]]:
    """Returns the names of each class and its siblings, and the groups of classes that are compared for identical lists."""
    names: dict[str, Names] = {}
    groups: dict[tuple[int, int] | None, list[str]] = defaultdict(list)
    sibling_names: dict[tuple[int, int], tuple[str, ...]] = {}
    for name, matches in nodes.items():
        if len(matches) != 1:
            names[name] = Names((name,))
            groups[None].append(name)
            continue
        node, taxon = matches[0], taxonomy.taxon(matches[0])
        group = (int(taxonomy.owner_N[taxonomy.parent_N[node]]), int(taxonomy.rank_N[node]))
        if group not in sibling_names:  # once for each genus, however many species it has
            siblings = find_siblings(taxonomy, node)
            members = [*siblings, node] if siblings else []
            sibling_names[group] = tuple(
                member_name for member in members for member_name in _iterate_names(taxonomy.taxon(member), language)
            )
        genus = "" if taxon.rank == "genus" else next((name for rank, name in taxon.lineage if rank == "genus"), "")
        own_names = tuple(dict.fromkeys((name, *_iterate_names(taxon, language))))
        names[name] = Names(own_names, genus, sibling_names[group])
        groups[group if sibling_names[group] else None].append(name)
    return names, list(groups.values())


def _iterate_names(taxon: Taxon, language: str) -> Iterator[str]:
    yield taxon.name
    for code in dict.fromkeys((language, "en")):
        yield from taxon.common_names.get(code, ())


def _find_unmatched(descriptors: DescriptorSet, taxonomy: Taxonomy) -> Iterator[Finding]:
    """Finds names that match no taxon, several, or the taxon of an earlier name; and classes that the file lacks."""
    resolver, name_of_node = Resolver(taxonomy), dict[int, str]()
    for name, nodes in _find_nodes(descriptors, taxonomy).items():
        if not nodes:
            near = resolver.near(name)
            hint = f"; did you mean {list_some(near)}?" if near else ""
            yield Finding("unknown class", name, "", "told", f"no taxon of the taxonomy has this name{hint}")
        elif len(nodes) > 1:
            yield Finding("ambiguous name", name, "", "told", f"{len(nodes)} taxa have this name; give the path (A; B)")
        elif (first := name_of_node.setdefault(nodes[0], name)) != name:
            yield Finding("class given twice", name, "", "told", f"the same taxon as {first!r}, which is used")
    classes = taxonomy.owner_N[taxonomy.leaf_node_C].tolist()
    missing = [taxonomy.names[node] for node in classes if node not in name_of_node]
    if missing:
        number = pluralise(len(missing), "class", "classes")
        message = f"the file has no descriptors for {number} of the taxonomy: {list_some(missing, MOST_MISSING)}"
        yield Finding("missing classes", "", "", "told", message)
