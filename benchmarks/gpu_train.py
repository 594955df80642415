"""Training on a GPU beside `open_clip_train.main`: ViT-B/16 in bf16, from synthetic pixels and from decoded shards.

    python benchmarks/gpu_train.py [--minutes 9] [--smoke]

It takes less than ten minutes on one H100. It makes its own shards, downloads nothing, and writes
benchmarks/results/gpu_train.json after each part, so that an interrupted run keeps what it has measured, and the table in
docs/training-experiments.md. Parts: images per second and model FLOP utilisation of both programs, plain and compiled; waiting
for data; peak memory; where the time goes, by torch.profiler; and the largest batch, doubled until memory is exhausted. Every
part is a process of its own. --smoke runs all of it with a tiny model on a CPU in minutes, and writes no committed file.

Texts are taxonomic names, as in BioCLIP's training, nearly all different. FLOPs are counted as executed (matrix products,
convolutions, attention): open_clip pads every text to 77 tokens, bioclip-x does not. Runs without installing the package too:
PYTHONPATH=core:plugins:prompts.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from open_clip_train_run import run_peer
from PIL import Image

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "gpu_train.json"
PAGE = ROOT / "docs" / "training-experiments.md"
BEGIN, END = "<!-- gpu: written by benchmarks/gpu_train.py -->", "<!-- end of gpu -->"
NOT_RUN = "not yet run"
PEAK = {"H100": 989.4e12, "H200": 989.4e12, "A100": 312e12}
"""Dense bf16 FLOP/s by the data sheets (SXM)."""
FASTER, UTILISED = 1.2, 0.45
"""Targets: times open_clip_train's images per second, and the model FLOP utilisation."""
PER_SHARD = 512


@dataclass(frozen=True, slots=True)
class Size:
    """What is trained, and for how long. images: of the shards. steps, warm_up: of a measured run; warm_up are not counted."""

    model: Mapping[str, Any]
    batch: int
    steps: int
    warm_up: int
    workers: int
    images: int
    side: int
    device: str
    precision: str
    largest: int


VIT_B_16 = {
    "embed_dim": 512,
    "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
}
TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 1},
}
FULL = Size(VIT_B_16, 512, 40, 10, 14, 8192, 256, "cuda", "bf16", 1 << 15)
SMOKE = Size(TINY, 8, 8, 2, 1, 64, 48, "cpu", "bf16", 16)


@dataclass(frozen=True, slots=True)
class Part:
    """One measurement. what: "train", "profile", "largest" (ours), or "peer". data: "synthetic" or "shards"."""

    name: str
    what: str
    data: str
    compiled: bool = False


PARTS = (
    Part("bioclip-x, synthetic pixels", "train", "synthetic"),
    Part("open_clip_train, synthetic pixels", "peer", "synthetic"),
    Part("bioclip-x, shards", "train", "shards"),
    Part("open_clip_train, shards", "peer", "shards"),
    Part("bioclip-x, synthetic pixels, compiled", "train", "synthetic", True),
    Part("open_clip_train, synthetic pixels, compiled", "peer", "synthetic", True),
    Part("profile", "profile", "synthetic"),
    Part("largest batch", "largest", "synthetic"),
)


def main() -> int:
    options = _parse()
    if options.child:
        print(json.dumps(run_child(json.loads(options.child))))
        return 0
    size = SMOKE if options.smoke else FULL
    output = options.output or (Path(tempfile.mkdtemp()) / "gpu_train.json" if options.smoke else RESULTS)
    deadline = time.monotonic() + 60 * options.minutes
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder, size)
        for part in PARTS:
            left = deadline - time.monotonic()
            found[part.name] = run_part(part, folder, size, left) if left > 20 else {"error": "no time left"}
            print(f"{part.name}: {json.dumps(found[part.name])[:300]}", flush=True)
            results = make_results(found, size)
            output.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    if not options.smoke:
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table(results))
    return 1 if any("error" in one for one in found.values()) else 0


def make_data(folder: Path, size: Size) -> None:
    """Writes shards of JPEGs with taxonomic names (`jpg`, `txt` and BioCLIP's keys), and the taxonomy."""
    rng = np.random.default_rng(0)
    lineages = [_make_lineage(i) for i in range(size.images)]
    rows = ["kingdom,phylum,class,order,family,genus,species", *(",".join(lineage) for lineage in lineages)]
    (folder / "taxonomy.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (folder / "shards").mkdir()
    for first in range(0, size.images, PER_SHARD):
        with tarfile.open(folder / "shards" / f"{first // PER_SHARD:04}.tar", "w") as shard:
            for i in range(first, min(first + PER_SHARD, size.images)):
                coarse = rng.integers(0, 256, (size.side // 16, size.side // 16, 3), dtype=np.uint8)
                image = io.BytesIO()
                Image.fromarray(coarse).resize((size.side, size.side), Image.Resampling.BICUBIC).save(
                    image, "JPEG", quality=90
                )
                text = " ".join(lineages[i]).encode()
                _add(shard, f"{i:06}.jpg", image.getvalue())
                _add(shard, f"{i:06}.txt", text)
                _add(shard, f"{i:06}.taxon.txt", text)
                _add(shard, f"{i:06}.sci.txt", lineages[i][-1].encode())


def _make_lineage(i: int) -> tuple[str, ...]:
    """Returns kingdom to species of a made-up species, in words of Latin length."""
    genus = f"Genus{_spell(i // 4)}"
    names = (f"Ordo{_spell(i // 256)}ales", f"Familia{_spell(i // 32)}idae", genus, f"{genus} species{_spell(i)}")
    return ("Animalia", "Arthropoda", "Insecta", *names)


def _spell(i: int) -> str:
    """Spells a number in letters."""
    return np.base_repr(i, 26).lower().translate(str.maketrans("0123456789", "qrstuvwxyz"))


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    shard.addfile(member, io.BytesIO(content))


def run_part(part: Part, folder: Path, size: Size, seconds: float) -> dict[str, Any]:
    """Runs one part in a process. Returns its figures, or {"error": …}."""
    try:
        if part.what == "peer":
            return measure_peer(part, folder, size)
        spec = json.dumps({"part": asdict(part), "size": asdict(size), "folder": str(folder)})
        command = [sys.executable, __file__, "--child", spec]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except (RuntimeError, subprocess.TimeoutExpired) as problem:
        return {"error": str(problem)[-2000:]}
    if done.returncode:
        return {"error": done.stderr[-2000:]}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_peer(part: Part, folder: Path, size: Size) -> dict[str, Any]:
    """Returns images per second of open_clip_train, its wait for data, and its FLOPs per image."""
    n = size.steps * size.batch
    options = [
        "--batch-size", str(size.batch), "--workers", str(size.workers), "--precision", f"amp_{size.precision}",
        "--device", size.device, "--lr", "5e-4", "--wd", "0.2", "--warmup", "100", "--train-num-samples", str(n),
        "--aug-cfg", "scale=(0.9,1.0)", *(["--torchcompile"] if part.compiled else []),
    ]  # fmt: skip
    if part.data == "synthetic":
        options += ["--dataset-type", "synthetic"]
    else:
        last = (size.images - 1) // PER_SHARD
        shards = f"{folder}/shards/{{0000..{last:04}}}.tar" if last else f"{folder}/shards/0000.tar"
        options += ["--train-data", shards, "--dataset-type", "webdataset", "--dataset-resampled"]
    steps = run_peer(folder, size.model, options, name=part.name.replace(" ", "-"))[size.warm_up :]
    seconds = sum(step.seconds for step in steps)
    flops = count_peer_flops(size.model)
    return _describe(size, size.batch * len(steps) / seconds, sum(step.data_wait for step in steps) / seconds, flops)


def count_peer_flops(model: Mapping[str, Any]) -> float:
    """Counts the FLOPs of one image with a text of the whole context, forward and backward, without computing anything."""
    import open_clip
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        towers = open_clip.CLIP(**model)
        size, length = model["vision_cfg"]["image_size"], model["text_cfg"]["context_length"]
        pixels, tokens = torch.zeros(1, 3, size, size), torch.zeros(1, length, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        image, text, _ = towers(pixels, tokens)[:3]
        (image.sum() + text.sum()).backward()
    return float(counter.get_total_flops())


def _describe(size: Size, speed: float, wait: float, flops: float) -> dict[str, Any]:
    """Returns the figures of a run; its utilisation where the peak of the GPU is known. wait: fraction of the time."""
    peak = find_peak() if size.device == "cuda" else None
    return {
        "images_per_second": speed, "data_wait": wait, "gflops_per_image": flops / 1e9,
        "utilisation": speed * flops / peak if peak else None,
    }  # fmt: skip


def find_peak() -> float | None:
    """Returns the GPU's peak FLOP/s in bf16, None if it is not known."""
    import torch

    name = torch.cuda.get_device_name()
    return next((peak for key, peak in PEAK.items() if key in name), None)


def run_child(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Measures a part of the project's in this process."""
    part, size, folder = Part(**spec["part"]), Size(**spec["size"]), Path(spec["folder"])
    if part.what == "largest":
        return find_largest_batch(part, folder, size)
    return profile(part, folder, size) if part.what == "profile" else measure(part, folder, size)


def measure(part: Part, folder: Path, size: Size) -> dict[str, Any]:
    """Trains, and returns images per second, the wait for data, FLOPs per image as executed, and peak memory."""
    from gpu_train_parts import Observer, train

    observer = Observer(counted=None if part.compiled else 2, warm_up=size.warm_up)
    train(part.data, folder, asdict(size), compiled=part.compiled, observer=observer)
    flops = observer.flops / size.batch if not part.compiled else _count_plain(part, folder, size)
    seconds, wait = observer.seconds, observer.data_wait
    described = _describe(size, size.batch * observer.counted_steps / seconds, wait / seconds, flops)
    return described | {"peak_memory_gib": observer.memory / 2**30}


def _count_plain(part: Part, folder: Path, size: Size) -> float:
    """Counts the FLOPs per image of the same steps without compiling, which hides them from the counter."""
    from gpu_train_parts import Observer, train

    observer = Observer(counted=2, warm_up=0)
    short = replace(size, steps=3)
    train(part.data, folder, asdict(short), compiled=False, observer=observer)
    return observer.flops / size.batch


def profile(part: Part, folder: Path, size: Size) -> dict[str, Any]:
    """Returns the operations that take most of the device's time (of the processor's, without a GPU)."""
    from gpu_train_parts import Profiling, train

    profiling = Profiling(first=size.warm_up // 2, steps=2, device=size.device)
    train(part.data, folder, asdict(size), compiled=False, observer=profiling)
    return {"operations": profiling.list_operations(12)}


def find_largest_batch(part: Part, folder: Path, size: Size) -> dict[str, Any]:
    """Doubles the batch until memory is exhausted. Returns the largest that was trained, and the memory of each."""
    from gpu_train_parts import Observer, is_out_of_memory, train

    memory: dict[str, float] = {}
    batch = size.batch
    while batch <= size.largest:
        observer = Observer(counted=None, warm_up=0)
        try:
            train(part.data, folder, asdict(replace(size, batch=batch, steps=2)), compiled=False, observer=observer)
        except Exception as problem:
            if not is_out_of_memory(problem):
                raise
            return {"largest": batch // 2, "exhausted_at": batch, "peak_memory_gib": memory}
        memory[str(batch)] = observer.memory / 2**30
        batch *= 2
    return {"largest": batch // 2, "exhausted_at": None, "peak_memory_gib": memory}


def make_results(found: Mapping[str, Any], size: Size) -> dict[str, Any]:
    """Returns the content of the results file."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "about": (__doc__ or "").strip(), "command": "python benchmarks/gpu_train.py", "status": "run",
        "machine": {**describe(), "gpu": gpu}, "size": asdict(size), "parts": dict(found),
    }  # fmt: skip


def table(results: Mapping[str, Any]) -> str:
    """Formats the results as Markdown."""
    if results["status"] == NOT_RUN:
        return f"On a GPU: **{NOT_RUN}** (`{results['command']}`)."
    lines = ["|  | images/s | utilisation | waiting for data | GFLOP per image | peak memory |", "| --- " * 6 + "|"]
    for name, one in results["parts"].items():
        if "images_per_second" in one:
            used = f"{one['utilisation']:.1%}" if one["utilisation"] else ""
            memory = f"{one['peak_memory_gib']:.1f} GiB" if "peak_memory_gib" in one else ""
            lines.append(
                f"| {name} | {one['images_per_second']:,.0f} | {used} | {one['data_wait']:.1%} | "
                f"{one['gflops_per_image']:.0f} | {memory} |"
            )
    ratios, machine = "; ".join(_compare(results["parts"])), results["machine"]
    largest = results["parts"].get("largest batch", {}).get("largest")
    lines += ["", f"Times open_clip_train's images/s (target ≥ {FASTER}×, utilisation ≥ {UTILISED:.0%}): {ratios}."]
    lines += [f"Largest batch: {largest:,}."] if largest else []
    if operations := results["parts"].get("profile", {}).get("operations"):
        lines += ["", "| operation | share of the time | calls |", "| --- | --- | --- |"]
        lines += [f"| `{one['name']}` | {one['share']:.1%} | {one['calls']} |" for one in operations]
    lines += ["", f"{machine['gpu'] or machine['processor']}; torch {machine['versions']['torch']}."]
    return "\n".join(lines)


def _compare(parts: Mapping[str, Any]) -> list[str]:
    """Returns the ratios of the project's speed and the peer's by kind of data."""
    found = []
    for name in (part.name for part in PARTS if part.what == "train"):
        kind = name.partition(", ")[2]
        ours, peer = (
            parts.get(f"{side}, {kind}", {}).get("images_per_second") for side in ("bioclip-x", "open_clip_train")
        )
        if ours and peer:
            found.append(f"{kind}: {ours / peer:.2f}×")
    return found


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9, help="time for all parts; those left then are skipped")
    parser.add_argument("--smoke", action="store_true", help="a tiny model on a CPU; writes no committed file")
    parser.add_argument("--output", type=Path, help="the results file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
