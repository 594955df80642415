"""Names as texts, in the forms that BioCLIP was trained on (arXiv 2311.18803, table 3; the captions of its data set).

Its captions skip the ranks that a lineage lacks, write the epithet after the genus, and where there is no common name
put the scientific name in its place, else the taxonomic one. So do these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Literal

from bioclip_x.records import Prompt, PromptSet, Taxon, TextRequest
from bioclip_x.taxonomy import LINNAEAN
from bioclip_x.taxonomy.ranks import ORDER

Form = Literal["caption", "bare"]


def taxonomic_name(taxon: Taxon) -> str:
    """The seven Linnaean ranks that the lineage has, then the taxon itself if it lies below or off them.

    "Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus"
    """
    names = [name for rank, name in taxon.lineage if rank in LINNAEAN]
    if not taxon.lineage or taxon.lineage[-1][0] not in LINNAEAN:
        names.append(taxon.name)
    words = [names[0]] if names else []
    for above, name in pairwise(names):
        words.append(name.removeprefix(f"{above} "))
    return " ".join(words)


def scientific_name(taxon: Taxon) -> str:
    """Genus and epithet; for a taxon above species its own name alone."""
    return taxon.name


def common_name(taxon: Taxon, language: str) -> str:
    """The common name, or in its absence what BioCLIP's captions put in its place.

    That is the scientific name, or for a taxon above genus (which has none of two words) the taxonomic one.
    """
    has_binomial = not taxon.rank or ORDER.get(taxon.rank, -1) >= ORDER["genus"]
    return taxon.common_name(language) or (scientific_name(taxon) if has_binomial else taxonomic_name(taxon))


class _Names(ABC):
    """One text per class. form: "caption" is "a photo of {…}.", "bare" the name alone."""

    kind: str

    def __init__(self, *, form: Form = "caption") -> None:
        self.form = form

    @abstractmethod
    def text(self, taxon: Taxon, language: str) -> str:
        """The name, before it is put into a caption."""

    def build(self, request: TextRequest) -> PromptSet:
        prompts = []
        nameless = 0
        for class_index in request.classes:
            taxon = request.taxonomy.class_taxon(class_index)
            nameless += bool(taxon.rank) and not taxon.common_name(request.language)
            name = self.text(taxon, request.language)
            text = f"a photo of {name}." if self.form == "caption" else name
            prompts.append(Prompt(text, class_index, self.kind, source=f"text builder {self.kind}"))
        notes = []
        if nameless and "common" in self.kind:
            notes.append(
                f"{nameless} of {len(prompts)} classes have no common name in language {request.language!r}; "
                "their scientific name stands in its place"
            )
        return PromptSet(tuple(prompts), tuple(notes))


class Taxonomic(_Names):
    """ "a photo of Animalia Chordata Aves Passeriformes Paridae Cyanistes caeruleus." """

    kind = "taxonomic"

    def text(self, taxon: Taxon, language: str) -> str:
        return taxonomic_name(taxon)


class Scientific(_Names):
    """ "a photo of Cyanistes caeruleus." """

    kind = "scientific"

    def text(self, taxon: Taxon, language: str) -> str:
        return scientific_name(taxon)


class Common(_Names):
    """ "a photo of Eurasian blue tit." """

    kind = "common"

    def text(self, taxon: Taxon, language: str) -> str:
        return common_name(taxon, language)


class ScientificCommon(_Names):
    """ "a photo of Cyanistes caeruleus with common name Eurasian blue tit." """

    kind = "scientific+common"

    def text(self, taxon: Taxon, language: str) -> str:
        return f"{scientific_name(taxon)} with common name {common_name(taxon, language)}"


class TaxonomicCommon(_Names):
    """ "a photo of Animalia … Paridae Cyanistes caeruleus with common name Eurasian blue tit." """

    kind = "taxonomic+common"

    def text(self, taxon: Taxon, language: str) -> str:
        return f"{taxonomic_name(taxon)} with common name {common_name(taxon, language)}"
