"""What to ask a language model: the prompts of a file for each class of a taxonomy, or for each taxon at some ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bioclip_x.describe.siblings import describe_siblings
from bioclip_x.errors import RecipeError
from bioclip_x.messages import list_some, pluralise
from bioclip_x.prompts.exemplars import Exemplar, choose, load_exemplar, read_builtin_exemplars
from bioclip_x.prompts.llm_prompts import Part, PromptTemplate, fill
from bioclip_x.records import Taxon
from bioclip_x.taxonomy import TAXON, Taxonomy, normalise_rank
from bioclip_x.taxonomy.names.normalise import normalise_name

CalledBy = Literal["common", "scientific"]


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt.

    key: what the descriptor file calls the taxon. name: what the prompt calls it. path: its names from the top.
    kind: what is asked for. rank: the taxon's, "" for a plain label. also: other names that an answer may call it by.
    taxon: what is asked about; not compared, because its mappings cannot be hashed.
    """

    key: str
    name: str
    path: tuple[str, ...]
    prompt: str
    kind: str = "descriptor"
    rank: str = ""
    also: tuple[str, ...] = ()
    taxon: Taxon | None = field(default=None, compare=False)


def make_questions(
    taxonomy: Taxonomy,
    template: PromptTemplate,
    *,
    called_by: CalledBy = "common",
    language: str = "en",
    at: Sequence[str] = (),
    contrast: bool = False,
) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """The questions, each list of the template for every taxon, and notes.

    at: the ranks that are asked of ("genus", "species"), each taxon of them once; by default the classes, whatever their
    rank. contrast: name a taxon's siblings, where it has any, and ask what tells it from them.

    A taxon's key is its name, or where several taxa have that name its path, which tells them apart. Taxa whose very
    paths are equal share their questions. Raises RecipeError for ranks that the taxonomy lacks and for a template
    without a prompt for contrast, DescriptorError where no exemplar fits.
    """
    if contrast and not all(part.contrast for part in template.parts if part.kind == "descriptor"):
        raise RecipeError(f"the prompt {template.name!r} has no 'contrast' text; built-in ones have, exemplar say")
    nodes, notes = _asked_of(taxonomy, tuple(map(normalise_rank, at)))
    taxa = [taxonomy.taxon(node) for node in nodes]
    ambiguous = _ambiguous(taxonomy, taxa)
    names = [_called(taxonomy, node, taxon, called_by, language) for node, taxon in zip(nodes, taxa)]
    exemplars = _exemplars(template, taxa, notes)
    asked: dict[tuple[str, str], Question] = {}
    for node, taxon, name, exemplar in zip(nodes, taxa, names, exemplars):
        path = tuple(name for _, name in taxon.lineage) or (taxon.name,)
        key = "; ".join(path) if normalise_name(taxon.name) in ambiguous else taxon.name
        siblings = describe_siblings(taxonomy, node, called_by, language) if contrast else ""
        for part in template.parts:
            text = part.contrast if siblings and part.contrast else part.text
            values = _values(taxon, name, part, exemplar) | {"siblings": siblings}
            also = (taxon.name, taxon.common_name(language), key)
            question = Question(key, name, path, fill(text, values), part.kind, taxon.rank, also, taxon)
            asked.setdefault((key, part.kind), question)
    distinct = len({key for key, _ in asked})
    if called_by == "common":
        notes += _nameless(taxa, language, "taxa" if at else "classes")
    if distinct < len(taxa):
        notes.append(f"{len(taxa) - distinct} classes have the path of another class, and share its descriptors")
    return tuple(asked.values()), tuple(notes)


def _asked_of(taxonomy: Taxonomy, ranks: Sequence[str]) -> tuple[list[int], list[str]]:
    """The nodes to ask of, in the order of the tree, and notes."""
    classes = [taxonomy.owner(int(node)) for node in taxonomy.leaf_node_C]
    if not ranks:
        return classes, []
    is_taxon_N = taxonomy.kind_N == TAXON
    there = [rank for rank in taxonomy.rank_names if rank]
    if unknown := [rank for rank in ranks if rank not in there]:
        raise RecipeError(f"--at: the taxonomy has no rank {', '.join(unknown)}; it has {', '.join(there) or 'none'}")
    wanted = [taxonomy.rank_names.index(rank) for rank in ranks]
    is_asked_N = is_taxon_N & np.isin(taxonomy.rank_N, wanted)
    lacking = [node for node in classes if not any(is_asked_N[n] for n in taxonomy.path(node))]
    named = [taxonomy.names[node] for node in lacking]
    notes = [f"{pluralise(len(named), 'class', 'classes')} have no taxon at {', '.join(ranks)}: {list_some(named)}"]
    return np.flatnonzero(is_asked_N).tolist(), notes if named else []


def _ambiguous(taxonomy: Taxonomy, taxa: Sequence[Taxon]) -> frozenset[str]:
    """The normalised names of the taxa that other taxa of the tree have too."""
    wanted = {normalise_name(taxon.name) for taxon in taxa}
    nodes = np.flatnonzero(taxonomy.kind_N == TAXON).tolist()
    times = Counter(key for key in (normalise_name(taxonomy.names[node]) for node in nodes) if key in wanted)
    return frozenset(key for key, count in times.items() if count > 1)


def _called(taxonomy: Taxonomy, node: int, taxon: Taxon, called_by: CalledBy, language: str) -> str:
    """What a prompt calls it. A genus or a family is not "a Parus" but what belongs to it."""
    is_class = taxonomy.class_of_N[node] >= 0
    common = taxon.common_name(language) if called_by == "common" else ""
    name = (common or taxon.name).replace("_", " ")
    if is_class or taxon.rank in ("", "species", "subspecies", "variety", "form"):
        return name
    return f"member of the {taxon.rank} {taxon.name}" + (f" ({common})" if common else "")


def _exemplars(template: PromptTemplate, taxa: Sequence[Taxon], notes: list[str]) -> Sequence[Exemplar | None]:
    if template.domain:
        return [load_exemplar(template.domain)] * len(taxa)
    if not any(part.needs_exemplar for part in template.parts):
        return [None] * len(taxa)
    choice = choose([[name for _, name in taxon.lineage] for taxon in taxa], read_builtin_exemplars())
    if choice.strangers:
        strange = [taxa[place].name for place in choice.strangers]
        notes.append(
            f"{pluralise(len(strange), 'taxon', 'taxa')} of no domain that has an exemplar ({list_some(strange)}); shown that "
            f"of {choice.exemplars[choice.strangers[0]].domain}"
        )
    return choice.exemplars


def _values(taxon: Taxon, name: str, part: Part, exemplar: Exemplar | None) -> dict[str, str]:
    above = [name for _, name in taxon.lineage[:-1]]
    values = {
        "name": name,
        "scientific_name": taxon.name.replace("_", " "),
        "rank": taxon.rank,
        "lineage": ", ".join(above) or name,
    }
    if exemplar:
        values |= {"exemplar": exemplar.name, "exemplar_list": exemplar.listed(part.kind)}
    return values


def _nameless(taxa: Sequence[Taxon], language: str, noun: str) -> list[str]:
    nameless = sum(not taxon.common_name(language) for taxon in taxa)
    return [
        f"{nameless} of {len(taxa)} {noun} have no common name in language {language!r}; they are asked of by "
        "their scientific name"
    ] * bool(nameless)
