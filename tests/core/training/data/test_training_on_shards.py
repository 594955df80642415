"""A run on tar files that stops is the same run as one that does not."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bioclip_x import hookimpl
from bioclip_x.hooks.registry import create_registry
from bioclip_x.records.training import RunContext, StepEnd
from bioclip_x.training.config import make_config
from bioclip_x.training.trainer import Trainer


class Recorder:
    def __init__(self, stop_at: int | None = None) -> None:
        self.losses: dict[int, float] = {}
        self.stop_at = stop_at

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        self.losses[event.step] = event.loss
        if event.step == self.stop_at:
            raise KeyboardInterrupt


def train(fields: dict[str, Any], folder: Path, recorder: Recorder, *, resume: bool = False, **changes: Any) -> bytes:
    registry = create_registry()
    registry.manager.register(recorder)
    config = make_config(fields | {"base": folder} | changes)
    outcome = Trainer(config, registry, resume=resume).run()
    return (outcome.model / "open_clip_model.safetensors").read_bytes()


def test_a_stopped_run_on_shards_is_the_same_run(
    config_fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOCLIP_X_CACHE", str(tmp_path / "cache"))
    for number, files in enumerate(zip(*[iter(sorted((tmp_path / "squares").rglob("*.png")))] * 12)):
        with tarfile.open(tmp_path / f"shard-{number}.tar", "w") as tar:
            for i, file in enumerate(files):
                caption = f"a photo of {file.parent.name.replace('_', ' ')}.".encode()
                for kind, content in (("png", file.read_bytes()), ("sci.txt", caption)):
                    member = tarfile.TarInfo(f"{i}.{kind}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    fields = config_fields | {
        "data": {"name": "webdataset", "path": "shard-{0..3}.tar", "balance": 0.5},
        "shuffle_shards": 2,
        "text_per": "batch",
    }
    whole, first, rest = Recorder(), Recorder(stop_at=4), Recorder()
    expected = train(fields, tmp_path, whole, output="whole", workers=0)
    with pytest.raises(KeyboardInterrupt):
        train(fields, tmp_path, first, output="broken", workers=2, checkpoint_every=2)
    assert train(fields, tmp_path, rest, output="broken", workers=1, resume=True) == expected
    assert len(whole.losses) == 6 and first.losses | rest.losses == whole.losses
