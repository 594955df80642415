"""The built-in subcommands, available whichever plugins are loaded."""

from __future__ import annotations

from bioclip_x.hooks.components import ComponentSpec
from bioclip_x.hooks.specs import hookimpl


@hookimpl
def commands() -> list[ComponentSpec]:
    return [
        ComponentSpec("app", "name photos in the browser, and correct the names", "bioclip_x.cli.app:command"),
        ComponentSpec("cache", "what is cached, and clearing it", "bioclip_x.cli.cache:command"),
        ComponentSpec(
            "calibrate", "calibrate probabilities on labelled images", "bioclip_x.cli.evaluation.calibrate:command"
        ),
        ComponentSpec("classify", "classify images and explain predictions", "bioclip_x.cli.classify:command"),
        ComponentSpec("config", "this machine's settings and their origins", "bioclip_x.cli.config:command"),
        ComponentSpec("dataset", "build data sets for training", "bioclip_x.cli.dataset:command"),
        ComponentSpec("embed", "embeddings of images and texts", "bioclip_x.cli.embed:command"),
        ComponentSpec("evaluate", "measure accuracy on labelled images", "bioclip_x.cli.evaluation.evaluate:command"),
        ComponentSpec(
            "explain", "measure which descriptors separate classes", "bioclip_x.cli.evaluation.explain:command"
        ),
        ComponentSpec("models", "models with a short name, and their properties", "bioclip_x.cli.models:command"),
        ComponentSpec("plugins", "installed plugins and their components", "bioclip_x.cli.plugins:command"),
        ComponentSpec("soup", "average the weights of several models", "bioclip_x.cli.soup:command"),
        ComponentSpec("taxonomy", "inspect, convert and compare taxonomies", "bioclip_x.cli.taxonomy:command"),
        ComponentSpec("train", "train a model", "bioclip_x.cli.train:command"),
        ComponentSpec("describe", "have a language model write descriptors", "bioclip_x.cli.describe:command"),
    ]
