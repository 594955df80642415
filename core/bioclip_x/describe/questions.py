"""Makes the questions for a language model: a template's prompts for each class of a taxonomy, or each taxon of some ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bioclip_x.describe.siblings import describe_siblings
from bioclip_x.errors import RecipeError
from bioclip_x.messages import list_some, pluralise
from bioclip_x.prompts.exemplars import Exemplar, choose_exemplars, load_exemplar, read_builtin_exemplars
from bioclip_x.prompts.llm_prompts import Part, PromptTemplate, fill
from bioclip_x.records import Taxon
from bioclip_x.taxonomy import TAXON, Taxonomy, normalise_rank
from bioclip_x.taxonomy.names.normalise import normalise_name

CalledBy = Literal["common", "scientific"]


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt about one taxon.

    key: its name in the descriptor file. name: its name in the prompt. path: names of its lineage from the root.
    kind: of descriptors asked for. rank: "" for a plain label. also: other names that an answer may use.
    taxon: excluded from comparison, because its mappings cannot be hashed.
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
    """Makes a question for each list of the template and each taxon; returns them with notes.

    at: ranks whose taxa are asked about ("genus", "species"); by default the classes, whatever their rank. contrast: name a
    taxon's siblings, if any, and ask what distinguishes it from them.

    A taxon's key is its name, or its path where several taxa have that name. Taxa with equal paths share their questions.
    Raises RecipeError for ranks that the taxonomy lacks and for a template without contrast text, DescriptorError where no
    exemplar fits.
    """
    if contrast and not all(part.contrast for part in template.parts if part.kind == "descriptor"):
        raise RecipeError(
            f"the prompt {template.name!r} has no 'contrast' text; choose one that has, such as the built-in 'exemplar'"
        )
    nodes, notes = _select_nodes(taxonomy, tuple(map(normalise_rank, at)))
    taxa = [taxonomy.taxon(node) for node in nodes]
    ambiguous = _find_ambiguous_names(taxonomy, taxa)
    names = [_make_prompt_name(taxonomy, node, taxon, called_by, language) for node, taxon in zip(nodes, taxa)]
    exemplars = _choose_exemplars(template, taxa, notes)
    questions: dict[tuple[str, str], Question] = {}
    for node, taxon, name, exemplar in zip(nodes, taxa, names, exemplars):
        path = tuple(name for _, name in taxon.lineage) or (taxon.name,)
        key = "; ".join(path) if normalise_name(taxon.name) in ambiguous else taxon.name
        siblings = describe_siblings(taxonomy, node, called_by, language) if contrast else ""
        for part in template.parts:
            text = part.contrast if siblings and part.contrast else part.text
            values = _make_values(taxon, name, part, exemplar) | {"siblings": siblings}
            also = (taxon.name, taxon.common_name(language), key)
            question = Question(key, name, path, fill(text, values), part.kind, taxon.rank, also, taxon)
            questions.setdefault((key, part.kind), question)
    distinct = len({key for key, _ in questions})
    if called_by == "common":
        notes += _note_nameless(taxa, language, "taxa" if at else "classes")
    if distinct < len(taxa):
        notes.append(f"{len(taxa) - distinct} classes have the same path as another class and share its descriptors")
    return tuple(questions.values()), tuple(notes)


def _select_nodes(taxonomy: Taxonomy, ranks: Sequence[str]) -> tuple[list[int], list[str]]:
    """Returns the nodes to ask about, in the order of the tree, and notes."""
    taxa = taxonomy.leaf_node_C[: taxonomy.n_classes - taxonomy.n_beside]
    classes = [taxonomy.owner(int(node)) for node in taxa]
    if not ranks:
        return classes, []
    is_taxon_N = taxonomy.kind_N == TAXON
    known = [rank for rank in taxonomy.rank_names if rank]
    if unknown := [rank for rank in ranks if rank not in known]:
        raise RecipeError(f"--at: the taxonomy has no rank {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    rank_indices = [taxonomy.rank_names.index(rank) for rank in ranks]
    is_selected_N = is_taxon_N & np.isin(taxonomy.rank_N, rank_indices)
    lacking = [taxonomy.names[node] for node in classes if not any(is_selected_N[n] for n in taxonomy.path(node))]
    notes = [f"{pluralise(len(lacking), 'class', 'classes')} have no taxon at {', '.join(ranks)}: {list_some(lacking)}"]
    return np.flatnonzero(is_selected_N).tolist(), notes if lacking else []


def _find_ambiguous_names(taxonomy: Taxonomy, taxa: Sequence[Taxon]) -> frozenset[str]:
    """Returns the normalised names of `taxa` that more than one taxon of the tree has."""
    candidates = {normalise_name(taxon.name) for taxon in taxa}
    nodes = np.flatnonzero(taxonomy.kind_N == TAXON).tolist()
    counts = Counter(key for key in (normalise_name(taxonomy.names[node]) for node in nodes) if key in candidates)
    return frozenset(key for key, count in counts.items() if count > 1)


def _make_prompt_name(taxonomy: Taxonomy, node: int, taxon: Taxon, called_by: CalledBy, language: str) -> str:
    """Returns the name for a prompt. Above species it is "member of the genus Parus", as "a Parus" is no organism."""
    is_class = taxonomy.class_of_N[node] >= 0
    common = taxon.common_name(language) if called_by == "common" else ""
    name = (common or taxon.name).replace("_", " ")
    if is_class or taxon.rank in ("", "species", "subspecies", "variety", "form"):
        return name
    return f"member of the {taxon.rank} {taxon.name}" + (f" ({common})" if common else "")


def _choose_exemplars(template: PromptTemplate, taxa: Sequence[Taxon], notes: list[str]) -> Sequence[Exemplar | None]:
    if template.domain:
        return [load_exemplar(template.domain)] * len(taxa)
    if not any(part.needs_exemplar for part in template.parts):
        return [None] * len(taxa)
    choice = choose_exemplars([[name for _, name in taxon.lineage] for taxon in taxa], read_builtin_exemplars())
    if choice.unmatched:
        unmatched = [taxa[index].name for index in choice.unmatched]
        notes.append(
            f"no exemplar for the domain of {pluralise(len(unmatched), 'taxon', 'taxa')} ({list_some(unmatched)}); that of "
            f"{choice.exemplars[choice.unmatched[0]].domain} is used"
        )
    return choice.exemplars


def _make_values(taxon: Taxon, name: str, part: Part, exemplar: Exemplar | None) -> dict[str, str]:
    ancestors = [name for _, name in taxon.lineage[:-1]]
    values = {
        "name": name,
        "scientific_name": taxon.name.replace("_", " "),
        "rank": taxon.rank,
        "lineage": ", ".join(ancestors) or name,
    }
    if exemplar:
        values |= {"exemplar": exemplar.name, "exemplar_list": exemplar.format_list(part.kind)}
    return values


def _note_nameless(taxa: Sequence[Taxon], language: str, noun: str) -> list[str]:
    nameless = sum(not taxon.common_name(language) for taxon in taxa)
    return [
        f"{nameless} of {len(taxa)} {noun} have no common name in language {language!r}; prompts use their scientific name"
    ] * bool(nameless)
