"""What the field guide provides: its data set of drawings."""

from bioclip_x import ComponentSpec, hookimpl


@hookimpl
def datasets() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "field-guide", "drawings of the field guide, made here", "bioclip_x_field_guide.dataset:FieldGuide"
        )
    ]
