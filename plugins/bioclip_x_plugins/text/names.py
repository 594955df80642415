"""Writes names as texts, in the forms that BioCLIP was trained on (arXiv 2311.18803, table 3; captions of its data set).

As in its captions, ranks missing from a lineage are skipped, the epithet follows the genus, and a missing common name is
replaced by the scientific name, else by the taxonomic one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from bioclip_x.plugin import ORDER, Prompt, PromptSet, Taxon, TextRequest, format_taxonomic_name

Form = Literal["caption", "bare"]


def format_scientific_name(taxon: Taxon) -> str:
    """Returns genus and epithet; for a taxon above species, its name."""
    return taxon.name


def find_common_name(taxon: Taxon, language: str) -> str:
    """Returns the common name, or the replacement that BioCLIP's captions use.

    That is the scientific name, or for a taxon above genus (which has no binomial), the taxonomic name.
    """
    has_binomial = not taxon.rank or ORDER.get(taxon.rank, -1) >= ORDER["genus"]
    return taxon.common_name(language) or (
        format_scientific_name(taxon) if has_binomial else format_taxonomic_name(taxon)
    )


Name = Literal["common", "scientific", "taxonomic", "scientific+common", "taxonomic+common"]
NAMES: Final[Mapping[str, Callable[[Taxon, str], str]]] = {
    "common": find_common_name,
    "scientific": lambda taxon, language: format_scientific_name(taxon),
    "taxonomic": lambda taxon, language: format_taxonomic_name(taxon),
    "scientific+common": lambda *one: f"{format_scientific_name(one[0])} with common name {find_common_name(*one)}",
    "taxonomic+common": lambda *one: f"{format_taxonomic_name(one[0])} with common name {find_common_name(*one)}",
}
"""Kind of name → function of taxon and language."""


def make_class_names(request: TextRequest, kind: Name) -> tuple[dict[int, str], tuple[str, ...]]:
    """Returns class → its name for the requested classes, and a note on missing common names if these are needed."""
    taxa = {c: request.taxonomy.class_taxon(c) for c in request.classes}
    names = {c: NAMES[kind](taxon, request.language) for c, taxon in taxa.items()}
    nameless = sum(bool(taxon.rank) and not taxon.common_name(request.language) for taxon in taxa.values())
    if not nameless or "common" not in kind:
        return names, ()
    note = f"{nameless} of {len(names)} classes have no common name in language {request.language!r}; "
    return names, (f"{note}their scientific name is used instead",)


class _Names:
    """One text per class. form: "caption" for "a photo of {…}.", "bare" for the name alone."""

    kind: Name

    def __init__(self, *, form: Form = "caption") -> None:
        self.form = form

    def build(self, request: TextRequest) -> PromptSet:
        names, notes = make_class_names(request, self.kind)
        texts = {c: f"a photo of {name}." if self.form == "caption" else name for c, name in names.items()}
        source = f"text builder {self.kind}"
        return PromptSet(tuple(Prompt(text, c, self.kind, source=source) for c, text in texts.items()), notes)


class Taxonomic(_Names):
    """ "a photo of Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus." """

    kind = "taxonomic"


class Scientific(_Names):
    """ "a photo of Cyanistes caeruleus." """

    kind = "scientific"


class Common(_Names):
    """ "a photo of Eurasian blue tit." """

    kind = "common"


class ScientificCommon(_Names):
    """ "a photo of Cyanistes caeruleus with common name Eurasian blue tit." """

    kind = "scientific+common"


class TaxonomicCommon(_Names):
    """ "a photo of Animalia … Paridae Cyanistes caeruleus with common name Eurasian blue tit." """

    kind = "taxonomic+common"
