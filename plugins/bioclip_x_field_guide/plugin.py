"""Components of the field guide: its model, which is the default, and its data set of drawings."""

from bioclip_x.plugin import ComponentSpec, hookimpl


@hookimpl
def models() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "field-guide", "the embedded demonstration model",
            "bioclip_x_field_guide.embedded_model:make_known_model", default=True
        )
    ]  # fmt: skip


@hookimpl
def datasets() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "field-guide",
            "drawings of the field guide, rendered on first use",
            "bioclip_x_field_guide.dataset:FieldGuide",
        )
    ]
