"""The classifier `colours` and the head `common`. Imports nothing heavy: every command of bioclip-x reads this module."""

from bioclip_x.plugin import ComponentSpec, hookimpl


@hookimpl
def classifiers() -> list[ComponentSpec]:
    return [ComponentSpec("colours", "a regression on an image's colours", f"{__name__}.classifier:Colours")]


@hookimpl
def heads() -> list[ComponentSpec]:
    return [ComponentSpec("common", "the taxon that all likely classes have in common", f"{__name__}.head:Common")]
