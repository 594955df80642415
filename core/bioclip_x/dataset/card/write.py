"""Writes the card into the data set's folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bioclip_x.dataset.card.facts import collect_facts
from bioclip_x.dataset.card.markdown import format_markdown
from bioclip_x.dataset.card.page import format_page
from bioclip_x.dataset.card.training import (
    format_training_config,
    list_missing,
    list_split_shards,
    write_training_config,
)
from bioclip_x.dataset.context import Build
from bioclip_x.io.storage.replacement import open_replacement


def write_card(build: Build, counts: Mapping[str, Any]) -> None:
    """Writes `README.md`, `card.html` and `train.yaml`.

    The database has the view `catalogue`. counts: as `catalogue.count_images` returns them.
    """
    folder, config = build.folder.path, build.config
    training = format_training_config(build.registry, list_split_shards(build.database), config.seed)
    write_training_config(folder / "train.yaml", training)
    if missing := list_missing(build.registry):
        build.say(f"train.yaml is not written: no plugin has {' or '.join(missing)}")
    facts = collect_facts(build.database, config, counts, folder)
    for name, text in (("README.md", format_markdown(facts)), ("card.html", format_page(facts))):
        with open_replacement(folder / name) as stream:
            stream.write(text)
