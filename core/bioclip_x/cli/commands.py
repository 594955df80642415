"""The subcommands that come with bioclip-x, by name. They are the core's own: there whatever plugins are loaded."""

from __future__ import annotations

from bioclip_x.components import ComponentSpec
from bioclip_x.hookspecs import hookimpl


@hookimpl
def commands() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            "calibrate", "learn from labelled images how far to trust the numbers", "bioclip_x.cli.calibrate:command"
        ),
        ComponentSpec("classify", "name what is in images, and say why", "bioclip_x.cli.classify:command"),
        ComponentSpec("config", "this machine's settings, and where each comes from", "bioclip_x.cli.config:command"),
        ComponentSpec("embed", "embeddings of images and texts", "bioclip_x.cli.embed:command"),
        ComponentSpec("evaluate", "how well labelled images are named", "bioclip_x.cli.evaluate:command"),
        ComponentSpec("explain", "which descriptors tell classes apart", "bioclip_x.cli.explain:command"),
        ComponentSpec("models", "models that have a short name, and what they are fed", "bioclip_x.cli.models:command"),
        ComponentSpec("plugins", "installed plugins and their components", "bioclip_x.cli.plugins:command"),
        ComponentSpec("taxonomy", "what a list of classes holds", "bioclip_x.cli.taxonomy:command"),
        ComponentSpec("train", "train a model", "bioclip_x.cli.train:command"),
        ComponentSpec("describe", "have a language model write descriptors", "bioclip_x.cli.describe:command"),
    ]
