"""Classification by description: one text per trait of a class (Menon & Vondrick, ICLR 2023, arXiv 2210.07183)."""

from __future__ import annotations

from bioclip_x.records import PromptSet, TextRequest

from .phrases import Called, Kinds, Phrase, Style, Wording, said


class Descriptors:
    """One text per descriptor of a class.

    style: "cbd" (the published sentence, mended), "cbd-original" (to the letter), "has" (always "which has"), "bare"
        (the phrase alone); none takes the descriptor file's own, else "cbd".
    name: what a class is called in its sentence: its common name (scientific where there is none), its scientific name,
        or what the descriptor file calls it.
    kinds: descriptors of the organism, of its background, or all.
    """

    pooling = "mean"

    def __init__(self, *, style: Style | None = None, name: Called = "common", kinds: Kinds = "descriptor") -> None:
        self.wording = Wording(style, name)
        self.kinds = kinds

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError without a descriptor file, with one that fits no class, or by `missing="error"`."""
        found, notes = said(request, self.kinds)
        source = request.descriptors.source if request.descriptors else ""
        phrases = {c: [Phrase(entry, entry.kind, source) for entry in one.entries] for c, one in found.items()}
        keys = {c: one.key for c, one in found.items()}
        return PromptSet(self.wording.write(request, phrases, keys), tuple(notes))
