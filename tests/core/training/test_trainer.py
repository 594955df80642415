from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cpuinfo
import pytest
import torch

from bioclip_x import Classifier, hookimpl
from bioclip_x.errors import ModelError, TrainingError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.training import EpochEnd, LossInput, StepEnd
from bioclip_x.training.compute.precision import has_native_bf16, resolve_precision
from bioclip_x.training.config import read_config
from bioclip_x.training.trainer import Outcome, Trainer
from bioclip_x_plugins.encoders.trainable import TrainableOpenClip
from bioclip_x_plugins.losses.unicl import UniCl


class Killed(Exception):
    pass


class Killer:
    def __init__(self, at: int) -> None:
        self.at = at

    @hookimpl
    def training_step_ended(self, event: StepEnd) -> None:
        if event.step == self.at:
            raise Killed


class StopsAfter:
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.losses: list[float] = []

    @hookimpl
    def epoch_ended(self, event: EpochEnd) -> bool:
        self.losses.append(event.mean_loss)
        return event.epoch == self.epoch


def train(file: Path, *, resume: bool = False, plugin: Any = None, **changes: Any) -> Outcome:
    registry = create_registry()
    trainer = Trainer(read_config(file, changes), registry, resume=resume)
    if plugin is not None:
        registry.manager.register(plugin)
    return trainer.run()


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]


def losses(folder: Path) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in log(folder) if line["event"] == "step"}


@pytest.mark.parametrize(("killed_at", "workers"), [(5, 0), (3, 3)])
def test_a_resumed_run_is_the_same_run(config_file: Path, killed_at: int, workers: int) -> None:
    whole, broken = config_file.parent / "whole", config_file.parent / "broken"
    train(config_file, output=whole, checkpoint_every=2)
    with pytest.raises(Killed):
        train(config_file, output=broken, checkpoint_every=2, plugin=Killer(killed_at))
    train(config_file, output=broken, checkpoint_every=2, workers=workers, resume=True)
    assert len(losses(whole)) == 6
    assert losses(broken) == losses(whole)
    weights = "model/open_clip_model.safetensors"
    assert (broken / weights).read_bytes() == (whole / weights).read_bytes()
    means = [[line["mean_loss"] for line in log(run) if line["event"] == "epoch"] for run in (broken, whole)]
    assert means[0] == means[1]


def test_another_loss_changes_the_run_and_is_refused_on_resume(config_file: Path) -> None:
    train(config_file, epochs=1)
    with pytest.raises(TrainingError, match="add --resume, or name another output folder"):
        train(config_file)
    with pytest.raises(TrainingError, match=r"loss\[0\]\.name: .unicl., now .clip"):
        train(config_file, loss="clip", resume=True)
    with pytest.raises(TrainingError, match=r"taxonomy\.classes: 4, now 5"):
        taxonomy = config_file.with_name("taxonomy.csv")
        text = taxonomy.read_text("utf-8")
        taxonomy.write_text(text + "Plantae,Quercus,Quercus robur,oak\n", "utf-8")
        train(config_file, resume=True)
    taxonomy.write_text(text, "utf-8")
    assert train(config_file, epochs=2, resume=True).steps == 6


class ModuleLoss(torch.nn.Module):
    """UniCL as a torch module that counts its batches."""

    seen: torch.Tensor

    def __init__(self, *, aspects: float = 0.0) -> None:
        super().__init__()
        self.loss = UniCl(aspects=aspects)
        self.register_buffer("seen", torch.tensor(0))

    def forward(self, batch: LossInput) -> torch.Tensor:
        self.seen += 1
        return self.loss(batch)


def test_the_state_of_a_loss_that_is_a_module_is_saved_and_restored(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = config_file.parent / "run"
    with monkeypatch.context() as patch:
        patch.setattr("bioclip_x_plugins.losses.unicl.UniCl", ModuleLoss)
        train(config_file, epochs=1)
        train(config_file, epochs=2, resume=True)
    states = torch.load(folder / "checkpoint-0000006.pt", weights_only=True)["states"]
    assert int(states["loss"]["parts.unicl.seen"]) == 6
    with pytest.raises(TrainingError, match=r"has the state of .*loss.*, but this run has that of"):
        train(config_file, epochs=2, resume=True)


def test_an_unwritable_output_folder_is_reported_before_anything_is_loaded(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bioclip_x.training.trainer.make_parts", lambda *_: pytest.fail("loaded"))
    with pytest.raises(TrainingError, match=r"train\.yaml/run cannot be written: .*train\.yaml is not a folder"):
        train(config_file, output=config_file / "run")


def test_a_model_that_cannot_be_written_is_written_by_resuming(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(TrainableOpenClip, "save", full)
        with pytest.raises(TrainingError, match=r"model cannot be written: No space left .*checkpoints in .* intact"):
            train(config_file, epochs=1)
    outcome = train(config_file, epochs=1, resume=True)
    assert (outcome.model / "open_clip_model.safetensors").is_file()
    assert len(losses(config_file.parent / "run")) == 3


def test_training_learns_and_the_classifier_loads_the_model(config_file: Path) -> None:
    outcome = train(config_file, epochs=12, learning_rate=0.004, card={"demo": "squares only"})
    folder = config_file.parent
    classifier = Classifier(f"local-dir:{outcome.model}", taxonomy=folder / "taxonomy.csv", text="scientific")
    assert classifier.provenance.demo == "squares only"
    results = list(classifier.classify(folder / "squares"))
    right = [Path(r.source).parent.name.replace("_", " ") == r.predictions[0].taxon.name for r in results]
    assert len(right) == 48 and sum(right) >= 40  # chance is 12


def test_training_starts_from_an_existing_model(config_file: Path) -> None:
    first = train(config_file, epochs=1)
    again = train(config_file, epochs=1, model=f"local-dir:{first.model}", output="again", learning_rate=1e-6)
    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        assert (again.model / name).exists()
    assert min(losses(config_file.parent / "again").values()) < max(losses(config_file.parent / "run").values())
    config = [json.loads((one.model / "open_clip_config.json").read_text()) for one in (first, again)]
    assert config[0] == config[1]


def test_a_plugin_stops_training(config_file: Path) -> None:
    plugin = StopsAfter(2)
    outcome = train(config_file, epochs=9, plugin=plugin)
    assert (outcome.epochs, outcome.steps, len(plugin.losses)) == (2, 6, 2)
    assert (outcome.model / "open_clip_model.safetensors").is_file()


def test_unreadable_images_are_replaced_and_counted(config_file: Path) -> None:
    folder = config_file.parent / "squares"
    bad = folder / "Rubrus_primus" / "03.png"
    bad.write_bytes(b"not an image")
    notes = train(config_file, epochs=1).notes
    assert len(notes) == 1 and "1 image that cannot be read" in notes[0] and str(bad) in notes[0]
    for image in folder.glob("*/*.png"):
        image.write_bytes(b"")
    with pytest.raises(TrainingError, match=r"none of the 48 images of data set 1 can be read: .*the file is empty"):
        train(config_file, epochs=1, output="other")


def test_data_sets_are_mixed_by_their_shares(config_file: Path) -> None:
    folder = config_file.parent
    rows = [f"squares/Flavus_quartus/{i:02}.png,,a yellow thing" for i in range(12)]
    (folder / "own.csv").write_text("path,label,text\n" + "\n".join(rows), "utf-8")
    data = [
        {"name": "image-folder", "path": "squares", "share": 1},
        {"name": "manifest", "path": "own.csv", "share": 1},
    ]
    assert train(config_file, epochs=1, data=data).steps == 3


def test_bad_requests_name_the_field(config_file: Path) -> None:
    with pytest.raises(TrainingError, match="batch_size: 100 is more than all 48 images"):
        train(config_file, batch_size=100)
    with pytest.raises(ModelError, match=r"model: no setting is called 'model_cfg.vision_cfg.colour'"):
        train(config_file, model={"embed_dim": 32, "vision_cfg": {"colour": 1}, "text_cfg": {}})
    with pytest.raises(TrainingError, match="precision: fp16 trains on CUDA only"):
        train(config_file, precision="fp16")


def test_a_loss_that_is_not_finite_is_an_error(config_file: Path) -> None:
    with pytest.raises(TrainingError, match="lower learning_rate"):
        train(config_file, epochs=9, learning_rate=1e6, warmup_steps=0, grad_clip=None)
    assert not (config_file.parent / "run" / "model").exists()


def test_bf16_trains_on_a_cpu(config_file: Path) -> None:
    train(config_file, epochs=1, precision="bf16")
    assert len(losses(config_file.parent / "run")) == 3


def test_auto_precision_is_supported_by_the_device() -> None:
    assert resolve_precision("auto", torch.device("cpu")) in ("fp32", "bf16")
    assert resolve_precision("auto", torch.device("mps")) == "fp32"


@pytest.mark.parametrize(
    ("info", "precision"),
    [
        ({"flags": ["avx2", "avx512_bf16"]}, "bf16"),
        ({"flags": ["amx_bf16", "amx_tile"]}, "bf16"),
        ({"flags": ["avx2", "avx512f", "amx_tile"]}, "fp32"),
        ({}, "fp32"),
        (OSError("no such program"), "fp32"),
        (ValueError("no JSON"), "fp32"),
    ],
)
def test_auto_precision_on_a_cpu_is_bf16_if_its_flags_include_it(
    info: dict[str, Any] | Exception, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_cpu_info() -> dict[str, Any]:
        if isinstance(info, Exception):
            raise info
        return info

    monkeypatch.setattr(cpuinfo, "get_cpu_info", get_cpu_info)
    has_native_bf16.cache_clear()
    try:
        assert resolve_precision("auto", torch.device("cpu")) == precision
    finally:
        has_native_bf16.cache_clear()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_it_trains_on_a_gpu_and_resumes(config_file: Path, precision: str) -> None:
    train(config_file, device="cuda", precision=precision, epochs=1)
    assert train(config_file, device="cuda", precision=precision, epochs=3, resume=True).steps == 9
