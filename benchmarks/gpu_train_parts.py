"""What `gpu_train.py` puts into a run of the project's trainer: synthetic pixels, and observers of its steps."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import tomllib
import torch
from torch.profiler import ProfilerActivity
from torch.utils.flop_counter import FlopCounterMode

from bioclip_x.hooks.registry import create_registry
from bioclip_x.plugin import ComponentSpec, Taxonomy, hookimpl
from bioclip_x.records.training import RunContext, StepEnd
from bioclip_x.training.config import make_config
from bioclip_x.training.trainer import Trainer


class Synthetic:
    """Images of random pixels of the model's size, one for each class, without files or decoding."""

    def __init__(self, *, size: int, count: int) -> None:
        self.size, self.count = size, count

    def prepare(self, taxonomy: Taxonomy) -> list[str]:
        from bioclip_x.plugin import Sample

        nodes = taxonomy.owner_N[taxonomy.leaf_node_C].tolist()
        self._samples = [Sample(nodes[i % len(nodes)]) for i in range(self.count)]
        rng = np.random.default_rng(0)
        self._pixels_HW3 = rng.integers(0, 256, (self.size, self.size, 3), dtype=np.uint8)
        return []

    def __len__(self) -> int:
        return self.count

    def sample(self, index: int) -> Any:
        return self._samples[index]

    def name(self, index: int) -> str:
        return f"synthetic {index}"

    def image(self, index: int) -> np.ndarray:
        return self._pixels_HW3


class Observer:
    """A plugin that adds up the steps of a run.

    counted: the step whose FLOPs are counted, from 1; None for none. warm_up: first steps that are not added up.
    seconds, data_wait: of the counted_steps. flops: of one step. memory: peak bytes.
    """

    def __init__(self, *, counted: int | None, warm_up: int) -> None:
        self.counted, self.warm_up = counted, warm_up
        self.seconds = self.data_wait = self.flops = 0.0
        self.counted_steps = self.memory = 0
        self._counter: FlopCounterMode | None = None

    @hookimpl
    def datasets(self) -> list[ComponentSpec]:
        return [ComponentSpec("synthetic", "random pixels", f"{__name__}:Synthetic")]

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        # Between two reports lies exactly one step, the next but one: a step is reported when its successor is launched.
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self.flops, self._counter = float(self._counter.get_total_flops()), None
        if event.step == self.counted:
            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()
        self.memory = max(self.memory, event.memory)
        if event.step > max(self.warm_up, (self.counted or 0) + 2):
            self.seconds += run.config.batch_size / event.images_per_second
            self.data_wait += event.data_wait
            self.counted_steps += 1


class Profiling(Observer):
    """Profiles some steps. first: the step after which it begins."""

    def __init__(self, *, first: int, steps: int, device: str) -> None:
        super().__init__(counted=None, warm_up=0)
        self.first, self.last, self.device = first, first + steps, device
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
        self._profiler = torch.profiler.profile(activities=activities)

    @hookimpl
    def training_step_ended(self, event: StepEnd, run: RunContext) -> None:
        if event.step == max(self.first, 1):
            self._profiler.start()
        elif event.step == max(self.first, 1) + self.last - self.first:
            self._profiler.stop()

    def list_operations(self, most: int) -> list[dict[str, Any]]:
        """Returns name, share of the device's time, and calls of the operations that take most of it."""
        attribute = "self_device_time_total" if self.device == "cuda" else "self_cpu_time_total"
        events = self._profiler.key_averages()
        total = sum(getattr(event, attribute) for event in events) or 1
        events = sorted(events, key=lambda event: -getattr(event, attribute))[:most]
        return [
            {"name": event.key, "share": getattr(event, attribute) / total, "calls": event.count} for event in events
        ]


def train(data: str, folder: Path, size: Mapping[str, Any], *, compiled: bool, observer: Observer) -> None:
    """Trains for `steps` steps. data: "synthetic" or "shards"."""
    n = size["steps"] * size["batch"]
    side = size["model"]["vision_cfg"]["image_size"]
    datasets = {
        "synthetic": {"name": "synthetic", "size": side, "count": n},
        "shards": {"name": "webdataset", "path": str(folder / "shards" / "*.tar"), "texts": []},
    }
    epochs = 1 if data == "synthetic" else -(-n // size["images"])
    config = {
        "model": size["model"], "taxonomy": str(folder / "taxonomy.csv"), "text": ["taxonomic"], "loss": "clip",
        "data": [datasets[data]], "epochs": epochs, "batch_size": size["batch"], "learning_rate": 5e-4, "weight_decay": 0.2,
        "grad_clip": None, "warmup_steps": 100, "precision": size["precision"], "device": size["device"],
        "workers": size["workers"], "compile": compiled, "output": str(folder / f"run-{time.monotonic_ns()}"),
    }  # fmt: skip
    if data == "shards":
        config["augment"] = {"crop_scale": [0.9, 1.0]}
    Trainer(make_config(config), create_registry([*_find_plugins(), observer])).run()


def is_out_of_memory(problem: BaseException | None) -> bool:
    """Returns whether an error, or one that caused it, is torch's of exhausted GPU memory."""
    while problem is not None:
        if isinstance(problem, torch.cuda.OutOfMemoryError):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def _find_plugins() -> list[str]:
    """Returns the built-in plugins' modules if the package is not installed, so that its entry points are unknown."""
    if any(point.value == "bioclip_x_plugins.builtin" for point in entry_points(group="bioclip_x")):
        return []
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    return list(project["entry-points"]["bioclip_x"].values())
