"""Classification by description: one text per trait of a class (Menon & Vondrick, ICLR 2023, arXiv 2210.07183)."""

from __future__ import annotations

from bioclip_x.plugin import PromptSet, TextBuilderCapabilities, TextRequest
from bioclip_x_plugins.text.class_descriptors import FLAG_OPTIONS, Inherit, Kinds, find_descriptors
from bioclip_x_plugins.text.phrases import NameSource, SentenceWriter, Style


class Descriptors:
    """One text per descriptor of a class.

    style: "cbd" (the published sentence, corrected), "cbd-original" (unchanged), "has" (always "which has"), "bare" (the
        phrase alone); by default the descriptor file's style, else "cbd".
    name: a class's name in the sentence: its common name (scientific if it has none), its scientific name, or its name in
        the descriptor file.
    kinds: descriptors of the organism, of its background, or all.
    inherit: also use the descriptors of the taxa above a class, with this total weight (0 to 1) of each level of the tree
        relative to the level below; 0 inherits nothing.
    after: appended to every text; "." for the published texts of ImageNet.
    """

    capabilities = TextBuilderCapabilities(pooling="mean", flag_options=FLAG_OPTIONS)

    def __init__(
        self,
        *,
        style: Style | None = None,
        name: NameSource = "common",
        kinds: Kinds = "descriptor",
        inherit: Inherit = 0.0,
        after: str = "",
    ) -> None:
        self.writer = SentenceWriter(style, name, after)
        self.kinds = kinds
        self.inherit = inherit

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError without descriptors, if they match no class, or for `missing="error"`."""
        phrases, notes = find_descriptors(request, self.kinds, self.inherit)
        return PromptSet(self.writer.write(request, phrases), tuple(notes))
