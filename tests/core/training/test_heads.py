"""Runs with losses on linear heads and on the class bank, up to the classifier that uses what they export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bioclip_x import Classifier, hookimpl
from bioclip_x.errors import ScoresError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.training import RunContext, StepEnd
from bioclip_x.training.config import read_config
from bioclip_x.training.trainer import Outcome, Trainer

TREES = ["cross-entropy", "rank-cross-entropy", "hxe:0.5", "soft-labels:8"]


class Killed(Exception):
    pass


class Killer:
    def __init__(self, at: int) -> None:
        self.at = at

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        if event.step == self.at:
            raise Killed


def train(file: Path, *, resume: bool = False, plugin: Any = None, **changes: Any) -> Outcome:
    registry = create_registry()
    trainer = Trainer(read_config(file, changes), registry, resume=resume)
    if plugin is not None:
        registry.manager.register(plugin)
    return trainer.run()


def classify(folder: Path, taxonomy: Path, scorer: str) -> dict[str, str]:
    """Path of each training image → the name of the best class."""
    classifier = Classifier(f"local-dir:{folder}", taxonomy=taxonomy, scorer=scorer, device="cpu", workers=1)
    images = sorted((taxonomy.parent / "squares").glob("*/*.png"))
    return {result.source: result.predictions[0].taxon.name for result in classifier.classify(images)}


@pytest.mark.parametrize("loss", TREES)
def test_an_exported_head_classifies_as_it_was_trained(config_file: Path, loss: str) -> None:
    """Four colours are learnt in a few steps, by the head alone: the text tower is never trained."""
    outcome = train(config_file, loss=loss, epochs=8, learning_rate=0.005)
    name = loss.split(":")[0]
    names = [f"{name}-{rank}" for rank in ("kingdom", "genus", "species")] if name == "rank-cross-entropy" else [name]
    assert {path.stem for path in (outcome.model / "heads").iterdir()} == set(names)
    head = outcome.model / "heads" / f"{names[-1]}.safetensors"
    found = classify(outcome.model, config_file.with_name("taxonomy.csv"), f"linear:path={head}")
    right = sum(Path(path).parent.name.replace("_", " ") == name for path, name in found.items())
    assert len(found) == 48 and right >= 44


def test_a_run_with_a_linear_loss_embeds_no_text(config_file: Path) -> None:
    trainer = Trainer(read_config(config_file, {"loss": "cross-entropy", "epochs": 1}), create_registry())
    before = {name: p.detach().clone() for name, p in trainer.encoder.module.named_parameters()}
    trainer.run()
    changed = {name for name, p in trainer.encoder.module.named_parameters() if not torch.equal(p, before[name])}
    assert changed and all(name.startswith("visual") for name in changed)


@pytest.mark.parametrize("loss", ["hxe:0.5,on=bank", "rank-cross-entropy:on=bank", "soft-labels"])
def test_a_resumed_run_is_the_same_run(config_file: Path, loss: str) -> None:
    """The bank is two steps old where the run was stopped: it is in the checkpoint."""
    whole, broken = config_file.parent / "whole", config_file.parent / "broken"
    options: dict[str, Any] = {"loss": loss, "bank_every": 3, "checkpoint_every": 2, "workers": 0}
    train(config_file, output=whole, **options)
    with pytest.raises(Killed):
        train(config_file, output=broken, plugin=Killer(5), **options)
    train(config_file, output=broken, resume=True, **options)
    weights = "model/open_clip_model.safetensors"
    assert (broken / weights).read_bytes() == (whole / weights).read_bytes()


def test_losses_on_the_bank_learn_and_their_texts_classify(config_file: Path) -> None:
    outcome = train(config_file, loss="cross-entropy:on=bank", epochs=8, learning_rate=0.005, bank_every=2)
    assert not (outcome.model / "heads").exists()
    found = classify(outcome.model, config_file.with_name("taxonomy.csv"), "text")
    right = sum(Path(path).parent.name.replace("_", " ") == name for path, name in found.items())
    assert right >= 40


def test_heads_of_several_losses_have_a_file_each(config_file: Path) -> None:
    outcome = train(config_file, loss=[{"name": "cross-entropy"}, {"name": "hxe", "weight": 0.5}], epochs=1)
    names = {str(path.relative_to(outcome.model)) for path in outcome.model.rglob("heads/**/*.safetensors")}
    assert names == {"heads/cross-entropy.safetensors", "heads/hxe.safetensors"}


def test_another_taxonomy_and_another_model_are_refused(config_file: Path) -> None:
    outcome = train(config_file, loss="cross-entropy", epochs=1)
    head = outcome.model / "heads" / "cross-entropy.safetensors"
    other = config_file.with_name("other.csv")
    other.write_text("kingdom,genus,species\nPlantae,Quercus,Quercus robur\n", "utf-8")
    with pytest.raises(ScoresError, match=r"none of its 4 classes \(.*\) is a class of .*other.csv \(Quercus robur\)"):
        Classifier(f"local-dir:{outcome.model}", taxonomy=other, scorer=f"linear:path={head}", device="cpu")
