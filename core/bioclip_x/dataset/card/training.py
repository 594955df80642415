"""train.yaml: a configuration that trains on the shards that were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bioclip_x.dataset.output.catalogue import TAXONOMY
from bioclip_x.dataset.output.shards import SHARDS
from bioclip_x.hooks.capabilities import DatasetCapabilities, get_capabilities
from bioclip_x.hooks.registry import Registry
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.models import list_known_models

VALIDATION: Final = "val"
"""The split that a run is validated on, if there is one of this name."""
SMALLEST_BATCH: Final = 16
LARGEST_BATCH: Final = 256
LEAST_STEPS: Final = 8
"""Of an epoch: with fewer, a small data set would train for a handful of steps."""
EPOCHS: Final = 10


@dataclass(frozen=True)
class SplitShards:
    """The tar files of a split, by name, in order, and the number of their images."""

    files: tuple[str, ...]
    images: int

    @property
    def pattern(self) -> str:
        """The files with a range in braces: `shards/train-{000000..000012}.tar`."""
        first, last = (name.removesuffix(".tar") for name in (self.files[0], self.files[-1]))
        split, _, start = first.rpartition("-")
        end = last.rpartition("-")[2]
        return f"{SHARDS}/{first}.tar" if start == end else f"{SHARDS}/{split}-{{{start}..{end}}}.tar"


def list_split_shards(connection: Any) -> Mapping[str, SplitShards]:
    """Returns the shards of each split of the view `catalogue`."""
    rows = connection.execute("""
        SELECT split, list(DISTINCT shard ORDER BY shard), count(*) FROM catalogue
        WHERE outcome = 'used' AND shard <> '' GROUP BY 1 ORDER BY 1
    """).fetchall()
    return {split: SplitShards(tuple(files), images) for split, files, images in rows}


def find_shard_reader(registry: Registry) -> tuple[str, str] | None:
    """Returns the data set that reads tar files, and its option for their path; None if no plugin has one."""
    for name, target in registry.targets("datasets").items():
        capabilities = get_capabilities(target, DatasetCapabilities)
        if ".tar" in capabilities.reads:
            return name, capabilities.path_option
    return None


def choose_model(registry: Registry) -> str | None:
    """Returns the first model that a family lists, else the default one, which may be a demonstration."""
    known = (model.name for model in list_known_models(registry) if not model.encoder)
    return next(known, registry.default("models"))


def format_training_config(registry: Registry, splits: Mapping[str, SplitShards], seed: int) -> str:
    """Returns the YAML; "" where there is nothing to train on, or no plugin that reads it or writes texts."""
    reader, model, text = find_shard_reader(registry), choose_model(registry), registry.default("text_builders")
    train = splits.get("train")
    if not (reader and model and text and train and train.images > 1):
        return ""

    def refer(split: SplitShards) -> Any:
        return {"name": reader[0], reader[1]: split.pattern}

    wanted = min(max(SMALLEST_BATCH, train.images // LEAST_STEPS), LARGEST_BATCH, train.images)
    batch = 1 << (wanted.bit_length() - 1)
    steps = EPOCHS * (train.images // batch)
    lines: list[tuple[str, Any, str]] = [
        ("model", model, "to start from; bioclip-x models lists others, or describe a new one"),
        ("taxonomy", TAXONOMY, "the classes: the lineages of the images"),
        ("text", [text], "how they are written; several are drawn by turns, see: bioclip-x plugins list"),
        ("data", [refer(train)], f"{train.images:,} images"),
        ("epochs", EPOCHS, f"{steps:,} steps in all"),
        ("batch_size", batch, "images per step: as many as fit, for contrastive losses profit from many"),
        ("accumulate", 1, "parts of a batch that are computed one after another; raise it where memory is short"),
        ("learning_rate", 1e-05, "the maximum, for fine-tuning; from scratch 1e-3 to 1e-4"),
        ("warmup_steps", min(1000, steps // 10), "steps in which it rises from 0"),
        ("augment", {"crop_scale": [0.8, 1.0], "horizontal_flip": 0.5}, "random crops and flips"),
    ]
    if validation := splits.get(VALIDATION):
        lines.append(("validation", {"data": [refer(validation)]}, f"{validation.images:,} images, after each epoch"))
    lines += [
        ("seed", seed, "of the order, the texts and the crops"),
        ("output", "run", "checkpoints, log.jsonl, and at the end model/"),
    ]
    return (
        "# Trains on this data set; paths are relative to this file.\n#\n#     bioclip-x train train.yaml\n\n"
        + "".join(_format_line(*line) for line in lines)
    )


def _format_line(name: str, value: Any, comment: str) -> str:
    pair = yaml.safe_dump({name: value}, default_flow_style=True, width=10_000, allow_unicode=True).strip()[1:-1]
    return f"{pair:<36}  # {comment}\n"


def write_training_config(path: Path, text: str) -> None:
    """Writes the file, or deletes that of an earlier build where there is none to write."""
    if not text:
        path.unlink(missing_ok=True)
        return
    with open_replacement(path) as stream:
        stream.write(text)


def list_missing(registry: Registry) -> Sequence[str]:
    """Names what a configuration needs and no plugin brings."""
    needs = {
        "a data set that reads .tar": find_shard_reader(registry),
        "a model": choose_model(registry),
        "a default text builder": registry.default("text_builders"),
    }
    return [name for name, found in needs.items() if not found]
