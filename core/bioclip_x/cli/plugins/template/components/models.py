"""The model `my-component`: `bioclip-x classify --model my-component`."""

from bioclip_x.plugin import ComponentSpec, KnownModel, hookimpl

bioclip_x_api = 1


@hookimpl
def models() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "CLIP ViT-B/32 of OpenAI", f"{__name__}:make_model")]


def make_model() -> KnownModel:
    """Describes the model. Weights that come with the package would be `source="package:bioclip_x_my_component/model"`."""
    return KnownModel(
        name="my-component",
        source="open_clip:ViT-B-32/openai",
        summary="CLIP ViT-B/32 of OpenAI",
        architecture="ViT-B-32",
        dim=512,
        image_size=224,
        resize="shortest",
        licence="MIT",
        classes="",
        is_cached=False,
        classes_cached=None,
        encoder="open_clip",
    )
