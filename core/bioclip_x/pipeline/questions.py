"""What to ask a language model: one prompt for each class of a taxonomy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from bioclip_x.prompts.templates import PromptTemplate, fill
from bioclip_x.records import Taxon
from bioclip_x.taxonomy import Taxonomy, normalise_name

CalledBy = Literal["common", "scientific"]


@dataclass(frozen=True, slots=True)
class Question:
    """key: what the descriptor file calls the class. name: what the prompt calls it. path: its names from the top."""

    key: str
    name: str
    path: tuple[str, ...]
    prompt: str


def questions(
    taxonomy: Taxonomy, template: PromptTemplate, *, called_by: CalledBy = "common", language: str = "en"
) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """One question per class, in class order, and notes.

    A class's key is its name, or where several classes have that name its path, which tells them apart. Classes whose
    very paths are equal share one question.
    """
    taxa = [taxonomy.class_taxon(c) for c in range(taxonomy.n_classes)]
    times = Counter(normalise_name(taxon.name) for taxon in taxa)
    asked: dict[str, Question] = {}
    nameless = 0
    for taxon in taxa:
        common = taxon.common_name(language)
        nameless += not common
        name = ((common if called_by == "common" else "") or taxon.name).replace("_", " ")
        path = tuple(name for _, name in taxon.lineage) or (taxon.name,)
        key = taxon.name if times[normalise_name(taxon.name)] == 1 else "; ".join(path)
        asked.setdefault(key, Question(key, name, path, fill(template.text, _values(taxon, name))))
    notes = []
    if nameless and called_by == "common":
        notes.append(
            f"{nameless} of {len(taxa)} classes have no common name in language {language!r}; they are asked of by "
            "their scientific name"
        )
    if len(asked) < len(taxa):
        notes.append(f"{len(taxa) - len(asked)} classes have the path of another class, and share its descriptors")
    return tuple(asked.values()), tuple(notes)


def _values(taxon: Taxon, name: str) -> dict[str, str]:
    above = [name for _, name in taxon.lineage[:-1]]
    return {"name": name, "scientific_name": taxon.name.replace("_", " "), "lineage": ", ".join(above) or name}
