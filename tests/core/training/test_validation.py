"""Validation during training, held against the exported model in the classifier."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from bioclip_x import Classifier, hookimpl
from bioclip_x.errors import TrainingError
from bioclip_x.hooks.capabilities import LossCapabilities
from bioclip_x.hooks.components import Dataset, LinearHead
from bioclip_x.hooks.registry import create_registry
from bioclip_x.images.files import ImageFiles
from bioclip_x.records import LossInput, RunContext, Validated
from bioclip_x.training.checkpointing import checkpoints
from bioclip_x.training.checkpointing.checkpoints import Place
from bioclip_x.training.compute.towers import Towers
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import Validation, read_config
from bioclip_x.training.trainer import Trainer
from bioclip_x.training.validation import (
    LabelledData,
    _looking_at,
    covers_classes,
    find_class_rows,
    is_best,
    is_due,
    use_module,
)
from bioclip_x_plugins.encoders.trainable import TrainableOpenClip
from processes import run_in_processes


class Watcher:
    def __init__(self) -> None:
        self.events: list[Validated] = []

    @hookimpl
    def validated(self, event: Validated, run: RunContext) -> None:
        assert run.metrics.items() >= event.metrics.items()
        self.events.append(event)


@pytest.fixture
def held_out(config_file: Path) -> dict[str, Any]:
    """The fields that validate with the squares, two species of which are of one genus."""
    taxonomy = config_file.with_name("taxonomy.csv")
    taxonomy.write_text(taxonomy.read_text("utf-8").replace("Viridis,", "Rubrus,"), "utf-8")
    return {"validation": {"data": {"name": "image-folder", "path": "squares"}}}


def train(file: Path, changes: Mapping[str, Any], plugin: object = None, *, resume: bool = False) -> Trainer:
    registry = create_registry()
    trainer = Trainer(read_config(file, changes), registry, resume=resume)
    if plugin is not None:
        registry.manager.register(plugin)
    trainer.run()
    return trainer


def read_log(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    return [line for line in lines if line.pop("event") == kind]


@pytest.mark.parametrize("text", [None, ["scientific", "templates:clip"], "common"])
def test_metrics_are_those_of_the_exported_model_in_the_classifier(
    config_file: Path, held_out: dict[str, Any], text: Any
) -> None:
    held_out["validation"]["text"] = text
    watcher = Watcher()
    train(config_file, held_out | {"learning_rate": 0.004, "epochs": 3}, watcher)
    folder = config_file.parent
    classifier = Classifier(
        f"local-dir:{folder}/run/model",
        taxonomy=folder / "taxonomy.csv",
        text=text or ["scientific", "common"],
        head="rollup",
        k=5,
    )
    results = list(classifier.classify(folder / "squares"))
    truth = [Path(result.source).parent.name.replace("_", " ") for result in results]
    rights: dict[str, list[bool]] = {"species_top1": [], "genus_top1": [], "kingdom_top1": []}
    genus_of = {name: "Rubrus" if name.startswith("Viridis") else name.split()[0] for name in truth}
    for result, name in zip(results, truth):
        best = {winner.taxon.rank: winner.taxon.name for winner in result.ranks}
        rights["species_top1"].append(best["species"] == name)
        rights["genus_top1"].append(best["genus"] == genus_of[name])
        rights["kingdom_top1"].append(best["kingdom"] == "Animalia")
    metrics = watcher.events[-1].metrics
    assert {name: metrics[name] for name in rights} == {name: np.mean(right) for name, right in rights.items()}
    assert metrics["species_top5"] == 1, "of four species, five are all"
    assert metrics["species_top1"] > 0.25, "it learns"
    assert watcher.events[-1].images == 48
    assert [event.epoch for event in watcher.events] == [1, 2, 3] and [e.step for e in watcher.events] == [3, 6, 9]


def test_an_image_labelled_at_genus_counts_at_genus_and_above(config_file: Path, held_out: dict[str, Any]) -> None:
    rows = ["path,label", "Rubrus_primus/00.png,Rubrus", "Viridis_secundus/00.png,Viridis secundus"]
    config_file.with_name("some.csv").write_text("\n".join(rows), "utf-8")
    data = {"name": "manifest", "path": "some.csv", "images": "squares"}
    trainer = Trainer(read_config(config_file, {"validation": {"data": data}}), create_registry())
    validator, tree = trainer.validator, trainer.parts.taxonomy
    assert validator and [tree.taxon(node).name for node in validator.data.node_n] == ["Rubrus", "Viridis secundus"]
    _, n = validator.validate(trainer.encoder, Towers(trainer.encoder), "fp32")
    assert n == 2
    genus = tree.names.index("Rubrus")  # type: ignore[attr-defined]
    only_genus = dataclasses.replace(
        validator, data=dataclasses.replace(validator.data, node_n=np.array([genus, genus]))
    )
    assert only_genus.list_metrics() == ["genus_top1", "kingdom_top1"]


def test_it_leaves_no_trace_in_the_run(config_file: Path, held_out: dict[str, Any]) -> None:
    """Weights are bit-identical with and without validation after every step."""
    held_out["validation"]["every_steps"] = 1
    train(config_file, {"output": "plain"})
    train(config_file, held_out | {"output": "validated"})
    folder = config_file.parent
    weights = [(folder / run / "model" / "open_clip_model.safetensors").read_bytes() for run in ("plain", "validated")]
    assert weights[0] == weights[1]
    assert len(read_log(folder / "validated", "validation")) == 6
    losses = [[line["loss"] for line in read_log(folder / run, "step")] for run in ("plain", "validated")]
    assert losses[0] == losses[1]


def test_a_tower_that_draws_random_numbers_changes_nothing(
    config_file: Path, held_out: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(read_config(config_file, held_out), create_registry())
    embed = TrainableOpenClip.forward_image
    drawn: list[float] = []

    def draw(self: TrainableOpenClip, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        drawn.append(float(torch.rand(())))
        assert not self.module.training and not torch.is_grad_enabled()
        return embed(self, pixels_B3HW)

    monkeypatch.setattr(TrainableOpenClip, "forward_image", draw)
    trainer.encoder.module.train()
    before = torch.get_rng_state()
    assert trainer.validator
    found = [trainer.validator.validate(trainer.encoder, Towers(trainer.encoder), "fp32") for _ in range(2)]
    assert drawn and torch.equal(before, torch.get_rng_state()) and trainer.encoder.module.training
    assert found[0] == found[1] and found[0][1] == 48


def test_each_module_returns_to_its_own_mode() -> None:
    frozen = nn.BatchNorm1d(2).eval()
    model = nn.Sequential(nn.BatchNorm1d(2), frozen, nn.Dropout())
    statistics = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ZeroDivisionError), _looking_at([model, object()]):
        assert not any(module.training for module in model.modules())
        model(torch.randn(8, 2))
        raise ZeroDivisionError
    assert [module.training for module in model.modules()] == [True, True, False, True]
    for name, value in model.state_dict().items():
        assert torch.equal(value, statistics[name]), name


def validate_in_process(world: World, file: Path, changes: dict[str, Any]) -> list[torch.Tensor]:
    trainer = Trainer(read_config(file, changes), create_registry(), world=world)
    assert trainer.validator
    metrics, n = trainer.validator.validate(trainer.encoder, Towers(trainer.encoder), "fp32")
    return [torch.tensor([n, *metrics.values()], dtype=torch.float64)]


def test_a_process_without_images_takes_part(config_file: Path, held_out: dict[str, Any]) -> None:
    folder = config_file.parent / "two"
    for name in ("Rubrus_primus", "Flavus_quartus"):
        (folder / name).mkdir(parents=True)
        (config_file.parent / "squares" / name / "00.png").rename(folder / name / "00.png")
    fields: dict[str, Any] = {
        "validation": {"data": {"name": "image-folder", "path": "two"}},
        "batch_size": 12,
        "workers": 0,
    }
    [expected] = validate_in_process(World(), config_file, fields)
    for [found] in run_in_processes(validate_in_process, 3, config_file, fields):
        assert torch.equal(found, expected)
    assert expected[0] == 2


@pytest.mark.parametrize("size", [2, 3])
def test_processes_share_the_images_and_agree(config_file: Path, held_out: dict[str, Any], size: int) -> None:
    """48 images less one that cannot be read; 3 processes have unequal shares."""
    (config_file.parent / "squares" / "Rubrus_primus" / "03.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    held_out |= {"batch_size": 12, "workers": 0}
    [expected] = validate_in_process(World(), config_file, held_out)
    for [found] in run_in_processes(validate_in_process, size, config_file, held_out):
        assert torch.equal(found, expected)
    assert expected[0] == 47


def test_an_average_of_the_weights_is_validated_in_place_of_the_weights(
    config_file: Path, held_out: dict[str, Any]
) -> None:
    trainer = Trainer(read_config(config_file, held_out), create_registry())
    other = Trainer(read_config(config_file, held_out | {"seed": 5}), create_registry())
    assert trainer.validator
    own, average = trainer.encoder, use_module(trainer.encoder, other.encoder.module)
    assert use_module(own, None) is own and average.module is not own.module
    found = trainer.validator.validate(average, Towers(average), "fp32")
    assert found == trainer.validator.validate(other.encoder, Towers(other.encoder), "fp32")


class Heads(nn.Module):
    """A loss with a head for the species and one for two of the genera, whose weights are set by hand."""

    capabilities = LossCapabilities(needs_prepare=True, needs_texts=False, exports_heads=True)

    def prepare(self, taxonomy: Any, embed_dim: int, n_classes: int) -> None:
        self.taxonomy, self.classes = taxonomy, n_classes
        self.weight = nn.Parameter(torch.randn(n_classes, embed_dim, generator=torch.Generator().manual_seed(0)))

    def forward(self, batch: LossInput) -> torch.Tensor:
        return (batch.image_raw_BD @ self.weight.T).logsumexp(1).mean()

    def export_heads(self) -> dict[str, LinearHead]:
        leaves = self.taxonomy.leaf_node_C[::-1].copy()
        genera = np.flatnonzero([self.taxonomy.rank(node) == "genus" for node in range(self.taxonomy.n_nodes)])[:2]
        weight, n = self.weight.detach(), self.classes
        return {
            "species": LinearHead(weight.flip(0), torch.zeros(n), leaves, normalised=False),
            "genus": LinearHead(weight[:2], torch.tensor([0.0, 100.0]), genera, normalised=True),
        }


def test_linear_heads_are_validated_by_themselves(
    config_file: Path, held_out: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bioclip_x_plugins.losses.unicl.UniCl", Heads)
    trainer = Trainer(read_config(config_file, held_out), create_registry())
    validator = trainer.validator
    assert validator and validator.texts is None, "no loss trains the text tower"
    metrics, _ = validator.validate(trainer.encoder, Towers(trainer.encoder), "fp32")
    assert list(metrics) == validator.list_metrics()
    encoder, tree = trainer.encoder, trainer.parts.taxonomy
    encoder.module.eval()
    with torch.no_grad():
        pixels = torch.stack([encoder.preprocess(image) for image in _read_images(validator)])
        raw_BD = encoder.forward_image(pixels)
        loss = next(iter(validator.losses.values()))
        best = (raw_BD @ loss.weight.T).argmax(1).numpy()
    label_of = tree.class_of_N[validator.data.node_n]
    assert metrics["unicl_species_top1"] == np.mean(best == label_of)
    genus = np.array([next(n for n in tree.path(node) if tree.rank(n) == "genus") for node in validator.data.node_n])
    head = loss.export_heads()["genus"]
    counted = np.isin(genus, head.nodes_C)
    assert metrics["unicl_genus_top1"] == np.mean(genus[counted] == head.nodes_C[1]), "the bias of 100 decides"
    assert validator.metric == "unicl_species_top1"


def _read_images(validator: Any) -> Iterator[Any]:
    for row in range(len(validator.data.node_n)):
        yield validator.data.files.read(validator.data.make_source(row)).image


def test_rows_of_a_head_in_class_order(config_file: Path, held_out: dict[str, Any]) -> None:
    tree = Trainer(read_config(config_file, held_out), create_registry()).parts.taxonomy
    order = [2, 0, 3, 1]
    head = LinearHead(torch.zeros(4, 2), torch.zeros(4), tree.leaf_node_C[order], normalised=True)
    assert covers_classes(head, tree)
    assert [order[row] for row in find_class_rows(head, tree)] == [0, 1, 2, 3]
    assert not covers_classes(LinearHead(torch.zeros(2, 2), torch.zeros(2), tree.leaf_node_C[:2], True), tree)


def test_the_best_checkpoint_is_named_and_kept(config_file: Path, held_out: dict[str, Any]) -> None:
    held_out["validation"] |= {"metric": "genus_top1", "every_steps": 1}
    watcher = Watcher()
    train(config_file, held_out | {"keep": 1, "learning_rate": 0.004, "epochs": 3}, watcher)
    values = {event.step: event.metrics["genus_top1"] for event in watcher.events}
    assert len(set(values.values())) > 1
    best = max(values.values())
    folder = config_file.parent / "run"
    named = json.loads((folder / "checkpoint-best.json").read_text("utf-8"))
    first = next(step for step, value in values.items() if value == best)
    assert named == {"checkpoint": f"checkpoint-{first:07d}.pt", "metric": "genus_top1", "value": best}
    kept = torch.load(folder / named["checkpoint"], weights_only=True)
    assert kept["metrics"]["genus_top1"] == best
    so_far = [max([-1.0, *list(values.values())[:n]]) for n in range(len(values))]
    assert [event.is_best for event in watcher.events] == [v > most for v, most in zip(values.values(), so_far)]


def test_which_value_is_better(tmp_path: Path) -> None:
    assert is_best(tmp_path, "severity", 9.0), "the first is"
    checkpoint = tmp_path / "checkpoint-0000003.pt"
    checkpoint.write_bytes(b"")
    checkpoints.mark_best(checkpoint, "severity", 1.5)
    assert [is_best(tmp_path, "severity", value) for value in (1.4, 1.5, 1.6)] == [True, False, False]
    assert is_best(tmp_path, "species_top1", 0.0), "of another metric nothing is known"
    checkpoints.mark_best(checkpoint, "species_top1", 0.5)
    assert [is_best(tmp_path, "species_top1", value) for value in (0.6, 0.5, 0.4)] == [True, False, False]
    checkpoint.unlink()
    assert is_best(tmp_path, "species_top1", 0.1), "the former best is gone"


def test_a_resumed_run_remembers_the_best(config_file: Path, held_out: dict[str, Any]) -> None:
    train(config_file, held_out | {"epochs": 1})
    file = config_file.parent / "run" / "checkpoint-best.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | {"value": 2.0}), "utf-8")
    watcher = Watcher()
    train(config_file, held_out, watcher, resume=True)
    assert [event.is_best for event in watcher.events] == [False]


@pytest.mark.parametrize(
    ("settings", "place", "expected"),
    [
        ({}, Place(3, 1, 0), True),
        ({}, Place(3, 0, 3), False),
        ({"every_epochs": 2}, Place(3, 1, 0), False),
        ({"every_epochs": 2}, Place(6, 2, 0), True),
        ({"every_epochs": None}, Place(6, 2, 0), False),
        ({"every_epochs": None}, Place(15, 5, 0), True),
        ({"every_epochs": None, "every_steps": 4}, Place(4, 1, 1), True),
        ({"every_epochs": None, "every_steps": 4}, Place(5, 1, 2), False),
    ],
)
def test_when_it_is_due(settings: dict[str, Any], place: Place, expected: bool) -> None:
    assert is_due(Validation.model_validate({"data": "image-folder:x", **settings}), place, 5) == expected
    assert not is_due(None, place, 5)


def test_bad_requests(config_file: Path, held_out: dict[str, Any]) -> None:
    held_out["validation"]["metric"] = "family_top1"
    with pytest.raises(
        TrainingError, match=r"'family_top1' is not computed .*known: species_top1, species_top5, genus"
    ):
        train(config_file, held_out)
    empty = config_file.parent / "empty"
    (empty / "Nobody").mkdir(parents=True)
    held_out["validation"] = {"data": {"name": "image-folder", "path": str(empty)}}
    with pytest.raises(TrainingError, match=r"validation: data: image-folder.* has no usable image"):
        train(config_file, held_out)


def test_images_that_cannot_be_read_are_named(config_file: Path, held_out: dict[str, Any]) -> None:
    broken = config_file.parent / "squares" / "Rubrus_primus" / "03.png"
    trainer = Trainer(read_config(config_file, held_out | {"epochs": 1}), create_registry())
    broken.write_bytes(b"")
    outcome = trainer.run()
    assert any(
        note.startswith("validation: 1 image cannot be read, left out: ") and str(broken) in note
        for note in outcome.notes
    )


def test_a_data_set_may_give_the_content_of_files(pictures: Path) -> None:
    content = (pictures / "a.png").read_bytes()

    class Shards:
        def name(self, index: int) -> str:
            return f"shard.tar/{index}.png"

        def image(self, index: int) -> bytes:
            return content

    data = LabelledData((cast(Dataset, Shards()),), ImageFiles(), ((0, 7),), np.zeros(1, np.int64))
    source = data.make_source(0)
    assert (source.name, source.data) == ("shard.tar/7.png", content)
    assert data.files.read(source).image.size == (40, 30)
