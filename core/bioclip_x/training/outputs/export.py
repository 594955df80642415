"""Exports a trained model as a folder that needs nothing else: `bioclip-x classify --model local-dir:run/model photos`.

Beside the model's own files:

    bioclip_x.json          its taxonomy, and the texts that it was trained on, which `classify` uses unless others are named
    taxonomy.csv, descriptors.yaml, texts/…
                            the files that it names
    heads/NAME.safetensors  linear heads of losses, with the names of their classes
    training.json           settings, versions, counts and metrics
    README.md               the same to read, as a model card of Hugging Face
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bioclip_x.classes.linear_heads import save_linear_head
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import LossCapabilities, TextBuilderCapabilities, get_capabilities
from bioclip_x.hooks.components import LinearHead
from bioclip_x.hooks.options import ComponentRef
from bioclip_x.hooks.registry import Registry, resolve_relative_paths
from bioclip_x.hooks.returned import check_heads
from bioclip_x.io.storage.replacement import open_replacement
from bioclip_x.training.checkpointing.finite import check_finite
from bioclip_x.training.components import Parts
from bioclip_x.training.config import TrainConfig
from bioclip_x.training.outputs.model_card import format_model_card
from bioclip_x.training.outputs.run_folder import RUN, naming_write_problems, write_json

Heads = Sequence[tuple[str, LinearHead]]
MODEL: Final = "model"
README: Final = "README.md"
RECORD: Final = "training.json"
HEADS: Final = "heads"
_PATHS: Final = ("taxonomy", "descriptors", "data", "validation", "model", "output", "card", "text", "plugins")
"""Fields of the configuration that may name files of this machine, which an exported model does not tell."""


def export_model(
    config: TrainConfig, parts: Parts, registry: Registry, *, step: int, metrics: Mapping[str, float]
) -> Path:
    """Writes the model's folder. Called by the main process, with whole weights in the encoder.

    step: completed steps. Raises TrainingError if a weight is not finite, or a file cannot be written; the run's
    checkpoints are intact then, and resuming the run writes it.
    """
    run = config.path(config.output)
    folder = run / MODEL
    heads = collect_heads(parts)
    weights = {name: {"weight": head.weight_CD, "bias": head.bias_C} for name, head in heads}
    check_finite({"model": parts.encoder.module.state_dict(), "heads": weights}, step)
    facts = json.loads((run / RUN).read_text("utf-8"))
    with naming_write_problems(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, head in heads:
            save_linear_head(folder / HEADS / f"{name}.safetensors", head, parts.taxonomy)
        card = make_card(config, parts, registry, folder, heads)
        parts.encoder.save(folder, card)
        settings = config.model_dump(mode="json", exclude=set(_PATHS))
        write_json(folder / RECORD, {**facts, "steps": step, "settings": settings, "metrics": dict(metrics)})
        with open_replacement(folder / README) as handle:
            handle.write(format_model_card(config, facts, step=step, metrics=metrics))
    return folder


def make_card(config: TrainConfig, parts: Parts, registry: Registry, folder: Path, heads: Heads) -> dict[str, Any]:
    """Returns the content of bioclip_x.json, and copies the files that it names into the model's folder.

    The configuration's own `card` goes first; its null takes an entry out.
    """
    run = config.path(config.output)
    card: dict[str, Any] = {}
    for name in ("taxonomy", "descriptors"):
        for file in run.glob(f"{name}.*"):
            if name not in config.card:
                _copy(file, folder / file.name)
                card[name] = file.name
    card["recipe"] = make_own_recipe(config, parts, registry, folder, heads)
    return {name: value for name, value in {**card, **config.card}.items() if value is not None}


def make_own_recipe(
    config: TrainConfig, parts: Parts, registry: Registry, folder: Path, heads: Heads
) -> dict[str, Any] | None:
    """Returns the recipe fields that the model brings: the texts that it was trained on, pooled as they were published.

    A model whose losses need no texts brings the scorer of its first head over all classes instead, if a plugin declares one
    for heads.
    """
    if not parts.loss.needs_texts:
        scorer = registry.default("scorers", "heads")
        whole = [name for name, head in heads if np.array_equal(head.nodes_C, parts.taxonomy.leaf_node_C)]
        if not scorer or not whole:
            return None
        return {"scorer": {"name": scorer, "options": {"path": f"{HEADS}/{whole[0]}.safetensors"}}}
    texts = [text.component for text in config.text]
    builders = [registry.make("text_builders", ref.name, ref.options) for ref in texts]
    poolings = {get_capabilities(builder, TextBuilderCapabilities).pooling for builder in builders} - {None}
    return {
        "text": [_bring(registry, ref, config.base, folder) for ref in texts],
        "language": config.language,
        "pooling": poolings.pop() if len(poolings) == 1 else "mean",
    }


def _bring(registry: Registry, ref: ComponentRef, base: Path, folder: Path) -> dict[str, Any]:
    """Returns a text builder as the card names it; the files among its options are copied into the model's folder."""
    resolved = resolve_relative_paths(registry, "text_builders", ref, base)
    options = dict(resolved.options)
    validated = registry.options("text_builders", ref.name, options)
    for key, value in validated.items():
        if key in options and isinstance(value, Path):
            options[key] = f"texts/{value.name}"
            _copy(value, folder / options[key])
    return {"name": ref.name, "options": json.loads(json.dumps(options, default=str))}


def collect_heads(parts: Parts) -> list[tuple[str, LinearHead]]:
    """Returns the linear heads of all losses by name: the loss's, and the head's if it has several."""
    found: list[tuple[str, LinearHead]] = []
    for term in parts.loss.terms:
        if get_capabilities(term.loss, LossCapabilities).exports_heads:
            with naming(term.loss, "export_heads"):
                heads = check_heads(term.loss, term.loss.export_heads())
            safe = term.name.replace("#", "-").replace("/", "-")
            found += [(f"{safe}-{name}" if len(heads) > 1 else safe, head) for name, head in heads.items()]
    return found


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as stream, open_replacement(target, "wb") as handle:
        shutil.copyfileobj(stream, handle)
