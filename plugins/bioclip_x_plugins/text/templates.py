"""Inserts class names into the sentences of a template set (Radford et al., ICML 2021, arXiv 2103.00020, section 3.1.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bioclip_x.plugin import Prompt, PromptSet, TextBuilderCapabilities, TextRequest, load_template_set
from bioclip_x_plugins.text.names import Name, make_class_names


class Templates:
    """One text per template and class.

    set: openai-80 (CLIP's 80 for ImageNet), clip ("a photo of a {}."), bioclip ("a photo of {}."), or a .yaml file.
    name: the inserted name, in the form of the text builder of that name.
    """

    capabilities = TextBuilderCapabilities(pooling="ensemble")

    def __init__(
        self, set: Literal["openai-80", "clip", "bioclip"] | Path = "openai-80", *, name: Name = "common"
    ) -> None:
        self.set = set
        self.name = name

    def build(self, request: TextRequest) -> PromptSet:
        """Raises DescriptorError for an unknown set or an invalid file."""
        templates = load_template_set(self.set)
        names, notes = make_class_names(request, self.name)
        source = f"templates {templates.name}"
        prompts = [
            Prompt(text, class_index, self.name, source=source)
            for class_index, name in names.items()
            for text in templates.fill(name)
        ]
        return PromptSet(tuple(prompts), notes)
