"""The prompt `my-component` for language models: `bioclip-x describe --prompt my-component`."""

from bioclip_x.plugin import ComponentSpec, PromptTemplate, hookimpl

bioclip_x_api = 1


@hookimpl
def prompts() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "asks for marks of adults", f"{__name__}:make_prompt")]


def make_prompt(*, part: str = "") -> PromptTemplate:
    """Makes the prompt. part: of the body to ask about; "" for all."""
    of = f" of its {part}" if part else ""
    return PromptTemplate(
        name="my-component",
        source="the author of bioclip-x-my-component",
        text=f"List the visual features{of} by which an adult {{name}} is told from similar species, one per line.",
    )
