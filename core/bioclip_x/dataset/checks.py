"""Checks of a build before its first stage: what a late stage needs must not be missed after days of reading images."""

from __future__ import annotations

from bioclip_x.dataset.context import Build
from bioclip_x.errors import DatasetError
from bioclip_x.hooks.registry import resolve_relative_paths
from bioclip_x.models import load_encoder, make_family
from bioclip_x.recipe_resolution import resolve_recipe


def check_build(build: Build) -> None:
    """Looks for the files and the components that the configuration names.

    Components are made, which does no work; the model is loaded in the first run. Raises BioclipXError naming the first that is
    missing or has wrong options.
    """
    config, registry = build.config, build.registry
    lists = {
        "held_out.species": config.held_out.species,
        "held_out.images": config.held_out.images,
        "names.corrections": config.names.corrections,
    }
    for field, path in lists.items():
        if path is not None and not config.path(path).is_file():
            raise DatasetError(f"{field}: the file {config.path(path)} does not exist")
    for ref in config.texts.values():
        resolved = resolve_relative_paths(registry, "text_builders", ref, config.base)
        registry.make("text_builders", resolved.name, resolved.options)
    if config.model and not (build.folder.work / "embeddings").exists():  # later runs know that it can be loaded
        recipe = resolve_recipe(registry, flags={"model": config.model, "device": config.device})
        load_encoder(make_family(registry, recipe), recipe)
    if config.captions:
        resolved = resolve_relative_paths(registry, "captioners", config.captions.component, config.base)
        registry.make("captioners", resolved.name, resolved.options)
