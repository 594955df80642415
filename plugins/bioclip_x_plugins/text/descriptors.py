"""Classification by description: one text per trait of a class (Menon & Vondrick, ICLR 2023, arXiv 2210.07183)."""

from __future__ import annotations

from bioclip_x.plugin import PromptSet, TextBuilderCapabilities, TextRequest
from bioclip_x_plugins.text.class_descriptors import FLAG_OPTIONS, Inherit, Kinds, find_descriptors
from bioclip_x_plugins.text.phrases import Called, Style, Wording


class Descriptors:
    """One text per descriptor of a class.

    style: "cbd" (the published sentence, mended), "cbd-original" (to the letter), "has" (always "which has"), "bare"
        (the phrase alone); none takes the descriptor file's own, else "cbd".
    name: what a class is called in its sentence: its common name (scientific where there is none), its scientific name,
        or what the descriptor file calls it.
    kinds: descriptors of the organism, of its background, or all.
    inherit: what is said of the taxa above a class is said of the class as well. Of each level of the tree all phrases
        together weigh this much (0 to 1) of what those of the level below it do; 0 inherits nothing.
    """

    capabilities = TextBuilderCapabilities(pooling="mean", flag_options=FLAG_OPTIONS)

    def __init__(
        self,
        *,
        style: Style | None = None,
        name: Called = "common",
        kinds: Kinds = "descriptor",
        inherit: Inherit = 0.0,
    ) -> None:
        self.wording = Wording(style, name)
        self.kinds = kinds
        self.inherit = inherit

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError without a descriptor file, with one that fits no class, or by `missing="error"`."""
        found, notes = find_descriptors(request, self.kinds, self.inherit)
        return PromptSet(self.wording.write(request, found), tuple(notes))
