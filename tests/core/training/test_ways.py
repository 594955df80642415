"""Ways of training, each as a word in the configuration: what is trained, at which size, and averaged how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from bioclip_x.errors import TrainingError
from bioclip_x.hooks.registry import create_registry
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import read_config
from bioclip_x.training.trainer import Trainer
from bioclip_x_plugins.encoders.open_clip import OpenClip
from processes import run_in_processes

from .test_trainer import Killed, Killer, losses, train

CLIPA = [{"until": 0.7, "image_size": 16, "patch_dropout": 0.5, "text_length": 6}]
WAYS: dict[str, dict[str, Any]] = {
    "LiT": {"lock": {"image_groups": 0}},
    "text tower locked": {"lock": {"text_groups": 0}},
    "last groups": {"lock": {"image_groups": 1, "text_groups": 2}},
    "linear probe": {"probe_steps": 3, "probe_learning_rate": 0.01},
    "layer decay": {"layer_decay": 0.5},
    "cooldown": {"schedule": "cooldown", "cooldown_steps": 2, "cooldown_shape": "sqrt"},
    "average": {"ema": 0.9},
    "CLIPA": {"phases": CLIPA},
    "larger images": {"image_size": 40, "patch_dropout": 0.25},
    "lora": {"adapter": {"name": "lora", "r": 2, "dropout": 0.1}, "ema": 0.9},
    "ssf": {"adapter": "ssf"},
    "prompts": {"adapter": {"name": "prompts", "length": 3}},
    "second projector": {
        "data": [
            {"name": "image-folder", "path": "squares", "source": "organisms"},
            {"name": "image-folder", "path": "squares", "source": "replay"},
        ],
        "loss": [{"name": "clip", "source": "organisms"}, {"name": "clip", "source": "replay", "projector": True}],
        "batch_size": 32,
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_run_is_the_same_run(way: str, config_file: Path) -> None:
    if way == "lora":
        pytest.importorskip("peft")
    whole, broken = config_file.parent / "whole", config_file.parent / "broken"
    changes = WAYS[way] | {"checkpoint_every": 2, "workers": 0}
    train(config_file, output=whole, **changes)
    with pytest.raises(Killed):
        train(config_file, output=broken, **changes, plugin=Killer(5))
    train(config_file, output=broken, **changes, resume=True)
    assert losses(broken) == losses(whole) and len(losses(whole)) == 6
    weights = "model/open_clip_model.safetensors"
    assert (broken / weights).read_bytes() == (whole / weights).read_bytes()


def run_one(world: World, file: Path, changes: dict[str, Any]) -> list[torch.Tensor]:
    trainer = Trainer(read_config(file, changes), create_registry(), world=world)
    trainer.run()
    average = trainer.run_context.ema
    module = trainer.encoder.module if average is None else average
    return [parameter.detach() for parameter in module.parameters()]


@pytest.mark.parametrize("way", ["LiT", "linear probe", "average", "ssf", "heads, probed"])
def test_two_processes_train_as_one(way: str, config_file: Path) -> None:
    """Up to rounding, since sums are added in another order. What is trained changes while the run is under way."""
    changes = WAYS.get(way, {"loss": "cross-entropy", "probe_steps": 3}) | {"workers": 0}
    expected = run_one(World(), config_file, changes | {"output": "one"})
    for found in run_in_processes(run_one, 2, config_file, changes | {"output": "two"}):
        for one, two in zip(found, expected):
            torch.testing.assert_close(one, two, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("way", ["lora", "ssf", "prompts", "second projector"])
def test_the_exported_model_is_an_ordinary_one(way: str, config_file: Path) -> None:
    """It has the weights of a model that was trained without, and embeds as the trained one."""
    if way == "lora":
        pytest.importorskip("peft")
    trainer = make_trainer(config_file, **WAYS[way] | {"ema": None, "epochs": 1})
    model = trainer.run().model
    plain = OpenClip().trainable(trainer.config.model, device="cpu").module.state_dict()
    exported = load_file(model / "open_clip_model.safetensors")
    assert {name: one.shape for name, one in exported.items()} == {name: one.shape for name, one in plain.items()}
    loaded = OpenClip().load(f"local-dir:{model}", device="cpu", precision="fp32")
    encoder = trainer.encoder
    encoder.module.eval()
    torch.manual_seed(0)
    pixels, texts = torch.randn(3, 3, 32, 32), ["Rubrus primus", "red square"]
    image, text = encoder.forward_image(pixels)[:, :32], encoder.forward_text(encoder.tokenize(texts))
    torch.testing.assert_close(loaded.encode_images(pixels).embeddings_BD, normalize(image).detach(), atol=2e-3, rtol=0)
    torch.testing.assert_close(loaded.encode_texts(texts), normalize(text).detach(), atol=2e-3, rtol=0)


def make_trainer(config_file: Path, **changes: Any) -> Trainer:
    return Trainer(read_config(config_file, {"workers": 0, **changes}), create_registry())


def find_changed(config_file: Path, **changes: Any) -> set[str]:
    """Returns the names of the weights that training changes."""
    trainer = make_trainer(config_file, **changes)
    before = {name: tensor.clone() for name, tensor in trainer.encoder.module.state_dict().items()}
    trainer.run()
    after = trainer.encoder.module.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_a_locked_image_tower_does_not_change(config_file: Path) -> None:
    changed = find_changed(config_file, epochs=1, **WAYS["LiT"])
    assert changed and not any(name.startswith("visual.") for name in changed)


def test_a_locked_text_tower_does_not_change(config_file: Path) -> None:
    changed = find_changed(config_file, epochs=1, **WAYS["text tower locked"])
    assert all(name.startswith("visual.") or name == "logit_scale" for name in changed)


def test_the_last_groups_alone_change(config_file: Path) -> None:
    changed = find_changed(config_file, epochs=1, lock={"image_groups": 1, "text_groups": 1})
    assert changed == {"visual.proj", "text_projection", "logit_scale"}


def test_during_a_probe_the_projections_alone_change(config_file: Path) -> None:
    assert find_changed(config_file, epochs=1, probe_steps=3) == {"visual.proj", "text_projection", "logit_scale"}
    assert len(find_changed(config_file, epochs=2, probe_steps=3, output=config_file.parent / "more")) > 20


def test_locks_need_a_model_that_tells_its_layers(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bioclip_x.plugin import TrainableEncoderCapabilities
    from bioclip_x_plugins.encoders.trainable import TrainableOpenClip

    monkeypatch.setattr(TrainableOpenClip, "capabilities", TrainableEncoderCapabilities())
    with pytest.raises(TrainingError, match="lock, layer_decay and probe_steps need a model that tells its layers"):
        make_trainer(config_file, layer_decay=0.5)
    with pytest.raises(TrainingError, match="phases, patch_dropout, text_length: this model takes inputs of one size"):
        train(config_file, phases=CLIPA)


def test_the_average_is_exported(config_file: Path) -> None:
    trainer = make_trainer(config_file, epochs=1, ema=0.5)
    model = trainer.run().model
    assert trainer.run_context.ema is not None
    exported = load_file(model / "open_clip_model.safetensors")
    averaged = trainer.run_context.ema.state_dict()
    assert all(torch.equal(exported[name], averaged[name].half()) for name in exported)
    own = trainer.encoder.module.state_dict()
    assert not torch.equal(own["visual.proj"], averaged["visual.proj"])


def test_the_average_covers_the_losses_own_parameters(config_file: Path) -> None:
    trainer = make_trainer(config_file, epochs=1, ema=0.5, loss="cross-entropy")
    model = trainer.run().model
    [head] = (model / "heads").glob("*.safetensors")
    [checkpoint] = model.parent.glob("checkpoint-*.pt")
    states = torch.load(checkpoint, weights_only=True)["states"]
    [own] = [one for one in states["loss"].values() if one.ndim == 1 and one.is_floating_point()]
    [averaged] = [one for name, one in states["ema"]["module"].items() if name.startswith("losses.") and one.ndim == 1]
    exported = load_file(head)["bias"]
    assert torch.equal(exported, averaged) and not torch.equal(exported, own)


def test_images_and_texts_grow_at_the_end_of_a_phase(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """6 steps, of which 4 are in the first phase: images of 16 pixels, half of whose 4 patches are left out."""
    from bioclip_x_plugins.encoders.trainable import TrainableOpenClip

    trainer = make_trainer(config_file, phases=CLIPA)
    seen: list[tuple[int, int]] = []
    visual: Any = trainer.encoder.module.visual  # type: ignore[attr-defined]
    visual.transformer.register_forward_pre_hook(lambda _, args: seen.append((0, args[0].shape[1])))
    forward = TrainableOpenClip.forward_image

    def spy(self: Any, pixels: torch.Tensor) -> torch.Tensor:
        out = forward(self, pixels)
        seen[-1] = (pixels.shape[-1], seen[-1][1])
        return out

    monkeypatch.setattr(TrainableOpenClip, "forward_image", spy)
    trainer.run()
    assert seen == [(16, 3)] * 4 + [(32, 17)] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "cooldown"}, "cooldown_steps: the schedule `cooldown` needs the number of its last steps"),
        ({"probe_steps": 3, "shard": "fsdp"}, "probe_steps: parameters that are sharded cannot be unlocked later"),
        ({"lock": {"image_groups": 9}}, "lock: image_groups: 9, but the image tower has 3"),
        ({"image_size": 33}, "image_size: 33×33 is not a multiple"),
    ],
)
def test_what_does_not_go_together_is_named(config_file: Path, change: dict[str, Any], message: str) -> None:
    from bioclip_x.errors import BioclipXError

    with pytest.raises(BioclipXError, match=message):
        train(config_file, **change)
