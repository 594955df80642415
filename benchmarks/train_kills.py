"""Kills training runs at random moments, and compares the weights that `--resume auto` ends with to those of an unbroken run.

    python benchmarks/train_kills.py [--kills 20] [--terms 4] [--seed 0] [KIND …]

A small model is trained on coloured squares, read by no and by two worker processes, from a folder and from webdataset shards. A
run gets SIGKILL or SIGTERM after a random part of an unbroken run's time, and is resumed. The exported weights must have the
same bytes, and nothing unfinished may be left in the run's folder; after SIGTERM the exit status must be 143, with a
checkpoint of the last step. Writes benchmarks/results/train_kills.json; the exit status is 1 where something is lost.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import shutil
import signal
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from kills_parts import running as kills
from machine import describe
from PIL import Image

RESULTS = kills.ROOT / "benchmarks" / "results" / "train_kills.json"
COLOURS = {
    "Rubrus primus": (220, 30, 30), "Viridis secundus": (30, 200, 40), "Caeruleus tertius": (40, 40, 220),
    "Flavus quartus": (230, 220, 40),
}  # fmt: skip
PER_CLASS, SHARDS = 24, 3
WEIGHTS = "model/open_clip_model.safetensors"
CONFIG: dict[str, Any] = {
    "model": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16},
        "text_cfg": {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
        "preprocess": {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
    },
    "taxonomy": "taxonomy.csv",
    "text": ["scientific", {"name": "common", "weight": 2}],
    "augment": {"crop_scale": [0.6, 1.0], "horizontal_flip": 0.5, "colour_jitter": 0.1},
    "epochs": 6, "batch_size": 16, "learning_rate": 0.002, "warmup_steps": 2, "seed": 1, "precision": "fp32",
    "device": "cpu", "threads": 1, "checkpoint_every": 2,
}  # fmt: skip
DATA = {
    "folder": {"name": "image-folder", "path": "squares"},
    "webdataset": {"name": "webdataset", "path": "shards/shard-*.tar"},
}
KINDS = {f"{data}, {workers} workers": (data, workers) for data in DATA for workers in (0, 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="KIND", help=f"default all: {'; '.join(KINDS)}")
    parser.add_argument("--kills", type=int, default=20, help="over all kinds")
    parser.add_argument("--terms", type=int, default=4, help="over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = options.names or list(KINDS)
    if unknown := set(names) - set(KINDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there is {'; '.join(KINDS)}")
    outcomes = {}
    kills.SLOW_IMPORTS += ["bioclip_x.cli.train", "bioclip_x.training.trainer", "bioclip_x_plugins.encoders.trainable"]
    with TemporaryDirectory() as name:
        folder = Path(name)
        kills.set_environment(folder)
        make_inputs(folder)
        kills.Running(["--help"], folder / "errors.txt").wait()  # starts the process that the others are forked from
        for number, kind in enumerate(names):
            trial = Trial(folder, kind, random.Random(options.seed + number))
            outcomes[kind] = trial.run(
                share(options.kills, len(names), number), share(options.terms, len(names), number)
            )
            print(f"{kind}: {outcomes[kind]}", flush=True)
            write_results(options.results, {kind: outcomes[kind]})
    return 1 if any(outcome["lost"] for outcome in outcomes.values()) else 0


def share(total: int, parts: int, number: int) -> int:
    """Divides a number as evenly as possible.

    >>> [share(20, 3, number) for number in range(3)]
    [7, 7, 6]
    """
    return total // parts + (number < total % parts)


def write_results(path: Path, outcomes: dict[str, Any]) -> None:
    """Writes outcomes; those of other kinds stay, so that kinds can be tried one by one."""
    earlier = json.loads(path.read_text("utf-8"))["kinds"] if path.exists() else {}
    merged = {**earlier, **outcomes}
    ordered = {name: merged[name] for name in KINDS if name in merged}
    document = {"about": (__doc__ or "").strip(), "machine": describe(), "kinds": ordered}
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


@dataclass
class Trial:
    """One kind of run, interrupted in many ways."""

    folder: Path
    kind: str
    dice: random.Random
    interrupted: int = 0
    resumed_after: list[int] = field(default_factory=list)

    def run(self, n_kills: int, n_terms: int) -> dict[str, Any]:
        """Returns how often each kind of interrupt was survived, after which steps runs were resumed, and what was lost."""
        whole = self._make_path("whole")
        started = time.monotonic()
        status, errors = self._start(whole).wait()
        if status:
            raise RuntimeError(f"status {status}: {errors[-500:]}")
        self.seconds, self.wanted = time.monotonic() - started, (whole / WEIGHTS).read_bytes()
        lost, counts = [], {}
        for sent, times in ((signal.SIGKILL, n_kills), (signal.SIGTERM, n_terms)):
            problems = [self._interrupt(sent, f"{sent.name}-{number}") for number in range(times)]
            counts[sent.name] = times - sum(map(bool, problems))
            lost += filter(None, problems)
        counts["interrupted before the end"] = self.interrupted
        return {
            "seconds": round(self.seconds, 1), "survived": counts, "resumed after step": self.resumed_after, "lost": lost,
        }  # fmt: skip

    def _make_path(self, name: str) -> Path:
        return self.folder / f"{self.kind}-{name}"

    def _start(self, output: Path) -> kills.Running:
        data, workers = KINDS[self.kind]
        config = self.folder / f"{data}.yaml"
        arguments = ["train", config, "--output", output, "--resume", "auto", "--set", f"workers={workers}", "--quiet"]
        return kills.Running(list(map(str, arguments)), self.folder / "errors.txt")

    def _interrupt(self, sent: signal.Signals, name: str) -> str:
        """Interrupts a run at a random moment, and resumes it. Returns what is wrong then; "" if nothing is.

        A run that has ended before is repeated: the machine is faster now than it was for the unbroken run.
        """
        output = self._make_path(name)
        for _ in range(kills.ATTEMPTS):
            running = self._start(output)
            time.sleep(self.dice.uniform(0, self.seconds))
            running.send(sent)
            status, _ = running.wait()
            if status not in kills.ENDED:
                self.interrupted += 1
                break
            shutil.rmtree(output)
        steps = sorted(int(path.stem[-7:]) for path in output.glob("checkpoint-*.pt"))
        self.resumed_after.append(steps[-1] if steps else 0)
        if sent == signal.SIGTERM and status != 128 + signal.SIGTERM:
            return f"{name}: exit status {status}"
        status, errors = self._start(output).wait()
        if status:
            return f"{name}: resuming failed with status {status}: {errors[-300:]}"
        if (output / WEIGHTS).read_bytes() != self.wanted:
            return f"{name}: other weights than those of an unbroken run, resumed after step {self.resumed_after[-1]}"
        left = [path.name for path in output.rglob("*.tmp")]
        return f"{name}: left behind: {', '.join(sorted(left))}" if left else ""


def make_inputs(folder: Path) -> None:
    """Writes squares in folders and in shards with BioCLIP's keys, a taxonomy, and the configurations."""
    numbers = np.random.default_rng(0)
    rows, samples = ["kingdom,genus,species,common_name"], []
    for name, colour in COLOURS.items():
        rows.append(f"Animalia,{name.split()[0]},{name},{name.split()[0].lower()} square")
        (folder / "squares" / name.replace(" ", "_")).mkdir(parents=True)
        for i in range(PER_CLASS):
            pixels = numbers.integers(0, 100, (36, 40, 3)).astype(np.uint8)
            top, left = numbers.integers(0, 14, 2)
            pixels[top : top + 22, left : left + 22] = colour
            file = folder / "squares" / name.replace(" ", "_") / f"{i:02}.png"
            Image.fromarray(pixels).save(file)
            samples.append((f"{len(samples):05}", file.read_bytes(), name))
    (folder / "taxonomy.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (folder / "shards").mkdir()
    order = numbers.permutation(len(samples))
    for shard in range(SHARDS):
        with tarfile.open(folder / "shards" / f"shard-{shard:06}.tar", "w") as archive:
            for index in order[shard::SHARDS].tolist():
                key, image, name = samples[index]
                for suffix, content in (("png", image), ("sci.txt", name.encode())):
                    entry = tarfile.TarInfo(f"{key}.{suffix}")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
    for name, data in DATA.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**CONFIG, "data": data}), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
