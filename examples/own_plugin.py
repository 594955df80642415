"""A custom plugin in one file: a text builder that writes prompts in another wording.

    bioclip-x classify --plugin examples/own_plugin.py examples/drawings
    bioclip-x classify --plugin examples/own_plugin.py --text drawing-of:medium=watercolour examples/drawings

A text builder receives the taxonomy and returns prompts; no base class is needed. Its options are the keyword-only arguments of
its constructor, which are validated against their annotations. To install it permanently, put the module into a package with an
entry point in the group `bioclip_x`: `bioclip-x plugins new text_builders drawing-of` writes one, and examples/packages has one.
"""

from typing import Any

from bioclip_x.plugin import ComponentSpec, Prompt, PromptSet, Recipe, TextRequest, hookimpl


class DrawingOf:
    """Writes prompts such as "a field guide drawing of Eurasian blue tit, Cyanistes caeruleus"."""

    def __init__(self, *, medium: str = "field guide drawing") -> None:
        self.medium = medium

    def build(self, request: TextRequest) -> PromptSet:
        prompts = []
        for class_index in request.classes:
            taxon = request.taxonomy.class_taxon(class_index)
            names = ", ".join(filter(None, [taxon.common_name(request.language), taxon.name]))
            prompts.append(Prompt(f"a {self.medium} of {names}", class_index, kind="drawing-of"))
        return PromptSet(tuple(prompts))


@hookimpl
def text_builders() -> list[ComponentSpec]:
    """Registers the builder, which makes `--text drawing-of` available."""
    return [ComponentSpec("drawing-of", "an example: a medium and the names", f"{__name__}:DrawingOf")]


@hookimpl
def configure(recipe: Recipe) -> dict[str, Any]:
    """Returns the recipe settings that `--plugin examples/own_plugin.py` changes."""
    return {"text": ["drawing-of"]}
