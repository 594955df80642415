"""The model card of a trained model: README.md in the form of Hugging Face's hub, with its metadata in a YAML header."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from bioclip_x.messages import pluralise
from bioclip_x.training.config import TrainConfig


def format_model_card(config: TrainConfig, facts: Mapping[str, Any], *, step: int, metrics: Mapping[str, float]) -> str:
    """facts: the run's run.json. step: completed steps. metrics: of the last validation, empty without one."""
    header = yaml.safe_dump(_make_header(config, facts, metrics), sort_keys=False, allow_unicode=True)
    return f"---\n{header}---\n\n" + "\n".join(_list_lines(config, facts, step, metrics)) + "\n"


def _make_header(config: TrainConfig, facts: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, Any]:
    """See https://huggingface.co/docs/hub/model-cards#model-card-metadata."""
    header: dict[str, Any] = {
        "library_name": "bioclip-x",
        "pipeline_tag": "zero-shot-image-classification",
        "tags": ["biology", "taxonomy", "bioclip-x"],
    }
    scheme, _, name = config.model.partition(":") if isinstance(config.model, str) else ("", "", "")
    if scheme == "hf-hub":
        header["base_model"] = name.partition("@")[0]
    if metrics:
        task = {"type": "zero-shot-image-classification"}
        dataset = {"type": "validation", "name": "validation data of the training run"}
        values = [{"type": name, "value": value} for name, value in metrics.items()]
        results = [{"task": task, "dataset": dataset, "metrics": values}]
        header["model-index"] = [{"name": "model", "results": results}]
    return header


def _list_lines(
    config: TrainConfig, facts: Mapping[str, Any], step: int, metrics: Mapping[str, float]
) -> Iterator[str]:
    n_classes = facts["taxonomy"]["classes"]
    yield "# A model trained with bioclip-x"
    yield ""
    yield f"{_name_base(config)}, trained to recognise {pluralise(n_classes, 'class', 'classes')} in images by "
    yield "texts or labels: `taxonomy.*` in this folder lists them."
    yield ""
    yield "## How to use"
    yield ""
    yield "    pip install bioclip-x"
    yield "    bioclip-x classify --model local-dir:FOLDER photos/"
    yield ""
    yield "FOLDER is this folder. Without further options the classes are those of its taxonomy, and the texts those that it was "
    yield "trained on, both named in `bioclip_x.json`; `--taxonomy`, `--labels` and `--text` set others."
    yield ""
    yield "## Training data"
    yield ""
    yield from _format_table(
        ("data set", "images", "taxa", "share of an epoch"),
        [
            (one["name"], f"{one['images']:,}", f"{one['taxa']:,}", data.share or "as large as it is")
            for one, data in zip(facts["data"], config.data)
        ],
    )
    yield ""
    yield "## Texts"
    yield ""
    yield from _format_table(
        ("text", "weight", "example"), [(one["text"], f"{one['weight']:g}", one["example"]) for one in facts["texts"]]
    )
    yield ""
    yield "## Training"
    yield ""
    yield from _format_table(("setting", "value"), _list_settings(config, facts, step))
    yield ""
    yield "## Evaluation"
    yield ""
    if metrics:
        yield "On the validation data of the training run, during training; an independent test set was not evaluated."
        yield ""
        yield from _format_table(("metric", "value"), [(name, f"{value:.4g}") for name, value in metrics.items()])
    else:
        yield "Not evaluated."
    yield ""
    yield "## Limits"
    yield ""
    yield "- Evaluated on nothing but what the previous section names: other regions, seasons, cameras and habitats were not."
    yield "- It names one of the classes that it is given for every image, also where the image shows none of them."
    yield "- Its shares are not calibrated; `bioclip-x calibrate` fits them to labelled images."
    yield "- Licences of the base model and of the training images apply and are not stated here."


def _name_base(config: TrainConfig) -> str:
    if not isinstance(config.model, str):
        return "A new model, from random weights"
    scheme, _, name = config.model.partition(":")
    return "A local model" if scheme == "local-dir" else f"`{name if scheme == 'hf-hub' else config.model}`"


def _list_settings(config: TrainConfig, facts: Mapping[str, Any], step: int) -> list[tuple[str, Any]]:
    losses = " + ".join(f"{term.weight:g} × {term.component.name}" for term in config.loss)
    versions = ", ".join(
        f"{plugin['distribution'] or plugin['name']} {plugin['version']}" for plugin in facts["plugins"]
    )
    return [
        ("loss", losses),
        ("steps", f"{step:,}"),
        ("epochs planned", config.epochs),
        ("batch size", config.batch_size),
        ("learning rate", f"{config.learning_rate:g}, {config.schedule} after {config.warmup_steps} steps of warm-up"),
        ("weight decay", config.weight_decay),
        ("precision", facts["precision"]),
        ("processes", f"{facts['processes']} ({facts['device']})"),
        ("seed", config.seed),
        ("software", f"bioclip-x {facts['bioclip_x']}, torch {facts['torch']}; {versions}"),
    ]


def _format_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    def escape(cell: Any) -> str:
        return str(cell).replace("|", "\\|").replace("\n", " ")

    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(escape, row))} |"
