"""The texts of a sample: BioCLIP's ten, by its own rules, and those of text builders.

Rules of the ten: Imageomics/bioclip, scripts/evobio10m/make_wds.py (`make_txt`) and src/imageomics/naming.py (`Taxon`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from bioclip_x.errors import DatasetError
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry
from bioclip_x.prompts import DescriptorSet
from bioclip_x.records import TextRequest
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.ranks import LINNAEAN
from bioclip_x.text_bank.class_prompts import write_prompts

NOT_NAMES: Final = frozenset({"(unidentified)", "unknown", "pleasehelp"})
"""What stands in sources of BioCLIP's where a name is not known."""
KINGDOMS: Final[Mapping[str, str]] = {"metazoa": "animalia", "archaeplastida": "plantae", "chloroplastida": "plantae"}
"""Names of kingdoms that BioCLIP replaces."""
MEMBERS: Final = (
    "scientific_name.txt", "taxonomic_name.txt", "common_name.txt", "sci.txt", "com.txt", "taxon.txt", "taxonTag.txt",
    "sci_com.txt", "taxon_com.txt", "taxonTag_com.txt",
)  # fmt: skip
"""Names of the text members of a sample of BioCLIP's shards."""


def make_text_members(lineage: Sequence[str], common_name: str = "") -> dict[str, str]:
    """Returns BioCLIP's ten text members of a sample: name of the member → its text.

    lineage: the names at the seven Linnaean ranks, kingdom to species, "" where one is missing; the species as binomial or
    epithet, without author. common_name: where it is blank, the scientific name is used, else the taxonomic name. Raises
    DatasetError for a lineage without any name.

    >>> make_text_members(["Animalia", "Chordata", "Aves", "", "", "Parus", "Parus major"], "Great Tit")["taxonTag_com.txt"]
    'a photo of kingdom Animalia phylum Chordata class Aves genus Parus species major with common name Great Tit.'
    """
    names = clean_lineage(lineage)
    if not any(names):
        raise DatasetError("expected a lineage with a name at one of its ranks, got blanks only; leave the image out")
    scientific = " ".join(" ".join(names[-2:]).split()).capitalize()
    taxonomic = " ".join(" ".join(names).split())
    tagged = " ".join(f"{rank} {name}" for rank, name in zip(LINNAEAN, names, strict=True) if name)
    common = common_name or scientific or taxonomic
    return {
        "scientific_name.txt": scientific,
        "taxonomic_name.txt": taxonomic,
        "common_name.txt": common,
        "sci.txt": f"a photo of {scientific}.",
        "com.txt": f"a photo of {common}.",
        "taxon.txt": f"a photo of {taxonomic}.",
        "taxonTag.txt": f"a photo of {tagged}.",
        "sci_com.txt": f"a photo of {scientific} with common name {common}.",
        "taxon_com.txt": f"a photo of {taxonomic} with common name {common}.",
        "taxonTag_com.txt": f"a photo of {tagged} with common name {common}.",
    }


def clean_lineage(lineage: Sequence[str]) -> tuple[str, ...]:
    """Returns the seven names as BioCLIP writes them: ranks capitalised, the species its epithet in lower case.

    A genus that stands in the species alone is moved to its place; an epithet that is repeated (an autonym) stands once.
    BioCLIP also cuts authors off, and HTML, from which names that were parsed are free.

    >>> clean_lineage(["Metazoa", "CHORDATA", "Aves", "unknown", "", "", "Parus major"])
    ('Animalia', 'Chordata', 'Aves', '', '', 'Parus', 'major')
    """
    if len(lineage) != len(LINNAEAN):
        raise DatasetError(f"expected {len(LINNAEAN)} names, of {', '.join(LINNAEAN)}, got {len(lineage)}")
    lower = [" ".join(name.lower().split()) for name in lineage]
    *above, genus, species = ["" if name in NOT_NAMES else name for name in lower]
    first, _, rest = species.partition(" ")
    if rest and genus in ("", first):
        genus, species = first, rest
    words = species.split()
    if len(words) == 2 and words[0] == words[1]:
        species = words[0]
    above[0] = KINGDOMS.get(above[0], above[0])
    return (*(name.capitalize() for name in (*above, genus)), species)


def build_texts(
    registry: Registry,
    refs: Mapping[str, ComponentRef],
    taxonomy: Taxonomy,
    *,
    language: str = "en",
    descriptors: DescriptorSet | None = None,
) -> dict[str, list[list[str]]]:
    """Returns what text builders write for the classes of a taxonomy: member → class → its texts, at least one.

    refs: member ("traits.txt") → builder. language, descriptors: as in `TextRequest`. Raises DatasetError for a member that is
    one of BioCLIP's, or no name of a text, RecipeError for a class of which a builder writes nothing, and PluginError for a
    builder that is not there.
    """
    request = TextRequest(taxonomy, range(taxonomy.n_classes), language=language, descriptors=descriptors)
    texts: dict[str, list[list[str]]] = {}
    for member, ref in refs.items():
        _check_member(member)
        builder = registry.make("text_builders", ref.name, ref.options)
        per_class: list[list[str]] = [[] for _ in range(taxonomy.n_classes)]
        for prompt in write_prompts([builder], request).prompts:
            per_class[prompt.class_index].append(prompt.text)
        texts[member] = per_class
    return texts


def _check_member(member: str) -> None:
    stem = member.removesuffix(".txt")
    if member in MEMBERS:
        raise DatasetError(
            f"the member {member} is one of BioCLIP's own; choose another name for the texts of a builder"
        )
    if stem == member or not stem.isascii() or not stem.replace("_", "").replace("-", "").isalnum():
        raise DatasetError(f"expected a member such as traits.txt (letters, digits, - and _), got {member!r}")


def choose_text(prompts: Sequence[str], image_id: str, seed: int = 0) -> str:
    """Chooses one of the texts for an image: the same for the same image and seed, evenly over many images.

    >>> choose_text(["a", "b", "c"], "img-1") == choose_text(["a", "b", "c"], "img-1")
    True
    """
    digest = hashlib.blake2b(f"{seed}\0{image_id}".encode(errors="surrogatepass"), digest_size=8).digest()
    return prompts[int.from_bytes(digest, "big") % len(prompts)]
