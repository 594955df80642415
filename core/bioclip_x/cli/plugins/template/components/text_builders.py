"""The text builder `my-component`: `bioclip-x classify --text my-component`."""

from bioclip_x.plugin import ComponentSpec, Prompt, PromptSet, TextRequest, hookimpl

bioclip_x_api = 1


@hookimpl
def text_builders() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "both names of a class", f"{__name__}:MyComponent")]


class MyComponent:
    """Writes the scientific and the common name of each class.

    medium: of the image, as in "a photo of …".
    """

    def __init__(self, *, medium: str = "photo") -> None:
        self.medium = medium

    def build(self, request: TextRequest) -> PromptSet:
        """Returns one prompt for each requested class."""
        prompts = []
        for class_index in request.classes:
            taxon = request.taxonomy.class_taxon(class_index)
            names = ", ".join(filter(None, [taxon.common_name(request.language), taxon.name]))
            prompts.append(Prompt(f"a {self.medium} of {names}.", class_index, kind="my-component"))
        return PromptSet(tuple(prompts))
