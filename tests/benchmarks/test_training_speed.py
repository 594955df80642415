"""The benchmarks of training speed: both programs get the same data, times are read as written, FLOPs are those of the layers."""

from __future__ import annotations

import csv
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Load = Callable[[str], ModuleType]

LOG = """2027-01-01,00:00:00 | INFO | Start epoch 0
2027-01-01,00:00:01 | INFO | Train Epoch: 0 [ 16/32 (50%)] Data (t): 0.250 Batch (t): 2.000, 8.00000/s, 8.00000/s/gpu LR: 0.1
2027-01-01,00:00:02 | INFO | Train Epoch: 0 [ 32/32 (100%)] Data (t): 0.001 Batch (t): 1.000, 16.0000/s, 16.0000/s/gpu LR: 0.1
"""


def test_the_peers_times_are_read_from_its_log(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = load("open_clip_train_run")

    def run(command: list[str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
        assert command[3:4] == [str(tmp_path / "configs")] and "--flag" in command
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "out.log").write_text(LOG)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(peer.subprocess, "run", run)
    assert peer.run_peer(tmp_path, {"embed_dim": 4}, ["--flag"], name="one") == [(2.0, 0.25), (1.0, 0.001)]
    assert json.loads((tmp_path / "configs" / "benchmarked.json").read_text()) == {"embed_dim": 4}
    monkeypatch.setattr(
        peer.subprocess, "run", lambda command, **kwargs: subprocess.CompletedProcess(command, 1, "", "why")
    )
    with pytest.raises(RuntimeError, match="ended with 1: why"):
        peer.run_peer(tmp_path, {}, [], name="two")


def test_both_programs_read_the_same_images_and_texts(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import open_clip

    speed = load("peers.training_speed")
    monkeypatch.setattr(speed, "STEPS", 1)
    monkeypatch.setattr(speed, "SIDE", 32)
    speed.make_images(tmp_path)
    read = {}
    for name in ("captions", "captions-peer", "names-peer"):
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
            read[name] = list(csv.DictReader(handle))
    assert [str(tmp_path / row["path"]) for row in read["captions"]] == [
        row["filepath"] for row in read["captions-peer"]
    ]
    assert [row["text"] for row in read["captions"]] == [row["title"] for row in read["captions-peer"]]
    assert len({row["text"] for row in read["captions"]}) == speed.BATCH
    tokens = open_clip.SimpleTokenizer(context_length=77)([row["text"] for row in read["captions"]])
    assert (tokens != 0).all()  # every caption fills the context
    assert all(row["title"].split()[0] == "Animalia" or " " in row["title"] for row in read["names-peer"])


def test_a_layers_flops_are_counted_forward_and_backward(load: Load) -> None:
    gpu = load("gpu_train")
    width, tokens = 64, 1 + (32 // 16) ** 2
    by_layers = [
        gpu.count_peer_flops(gpu.TINY | {"vision_cfg": gpu.TINY["vision_cfg"] | {"layers": layers}})
        for layers in (1, 2)
    ]
    products = 2 * tokens * width * (4 + 8) * width  # query, key, value, output; the two of the MLP
    attention = 2 * 2 * tokens * tokens * width
    assert by_layers[1] - by_layers[0] == pytest.approx(3 * products + 3 * attention, rel=0.02)


def test_shards_hold_what_both_programs_read(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = load("gpu_train")
    monkeypatch.setattr(gpu, "PER_SHARD", 40)
    gpu.make_data(tmp_path, gpu.SMOKE)
    assert [path.name for path in sorted((tmp_path / "shards").iterdir())] == ["0000.tar", "0001.tar"]
    with tarfile.open(tmp_path / "shards" / "0001.tar") as shard:
        names = shard.getnames()
        assert len(names) == 4 * (64 - 40) and names[:2] == ["000040.jpg", "000040.txt"]
        caption = shard.extractfile("000040.txt").read().decode()  # type: ignore[union-attr]
    rows = list(csv.DictReader((tmp_path / "taxonomy.csv").read_text("utf-8").splitlines()))
    assert caption == " ".join(rows[40].values()) and len({row["species"] for row in rows}) == 64


def test_the_page_shows_the_gpu_results(load: Load) -> None:
    gpu = load("gpu_train")
    shown = gpu.PAGE.read_text("utf-8").partition(gpu.BEGIN)[2].partition(gpu.END)[0]
    assert shown.strip() == gpu.table(json.loads(gpu.RESULTS.read_text("utf-8")))


def test_gpu_results_are_compared_with_the_same_kind_of_run(load: Load) -> None:
    gpu = load("gpu_train")
    parts = {
        "bioclip-x, shards": {"images_per_second": 300.0, "utilisation": 0.5, "data_wait": 0.01, "gflops_per_image": 100.0,
                              "peak_memory_gib": 2.0},
        "open_clip_train, shards": {"images_per_second": 200.0, "utilisation": 0.4, "data_wait": 0.02, "gflops_per_image": 120.0},
        "bioclip-x, synthetic pixels": {"error": "no time left"},
        "profile": {"operations": [{"name": "aten::mm", "share": 0.25, "calls": 7}]},
        "largest batch": {"largest": 1024},
    }  # fmt: skip
    machine = {"gpu": "H100", "processor": "p", "versions": {"torch": "2"}}
    shown = gpu.table({"status": "run", "command": "c", "machine": machine, "parts": parts})
    assert "shards: 1.50×" in shown and "synthetic" not in shown.partition("Times")[2]
    assert "| bioclip-x, shards | 300 | 50.0% | 1.0% | 100 | 2.0 GiB |" in shown
    assert "Largest batch: 1,024." in shown and "| `aten::mm` | 25.0% | 7 |" in shown
