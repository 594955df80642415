"""Times and peak memory of the finders on generated rows; each in a process of its own."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PARTS = 10
COPIES = 0.1


def measure(kind: str, n: int, distance: int, work: Path) -> dict[str, Any]:
    """Runs a finder on n rows of which a tenth are copies with up to two bits, or a little noise, changed."""
    run = {"exact": _run_exact, "perceptual": _run_perceptual, "semantic": _run_semantic}[kind]
    folder = work / f"{kind}-{n}"
    before, seconds, found = run(folder, n, distance)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    described = {"kind": kind, "rows": n} | ({"distance": distance} if kind == "perceptual" else {})
    return described | {
        "seconds": round(seconds, 1), "peak_rss_gib": round(peak / 2**20, 2), "removed": found, "rss_before_gib": before
    }  # fmt: skip


def generate(kind: str, n: int, work: Path) -> None:
    """Writes the rows, in parts; in a process whose memory is not that of the finder."""
    folder = work / f"{kind}-{n}"
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    if kind == "semantic":
        _generate_embeddings(folder, n, rng)
    else:
        _generate_rows(folder, n, rng)
    (folder / "done").touch()


def _generate_rows(folder: Path, n: int, rng: np.random.Generator) -> None:
    phash = rng.integers(0, 2**64, n, np.uint64)
    sha256 = rng.integers(0, 256, (n, 32), np.uint8)
    copies = rng.permutation(n)[: int(n * COPIES)]
    sources = rng.integers(0, n, copies.size)
    sha256[copies] = sha256[sources]
    phash[copies] = phash[sources]
    for _ in range(2):
        phash[copies] ^= np.uint64(1) << rng.integers(0, 64, copies.size).astype(np.uint64)
    order = rng.integers(0, 10, n)
    for i, part in enumerate(np.array_split(np.arange(n), PARTS)):
        hashes = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(32), part.size, [None, pa.py_buffer(np.ascontiguousarray(sha256[part]))]
        )
        table = pa.table({"row": part, "sha256": hashes, "phash": phash[part], "order": order[part]})
        pq.write_table(table, folder / f"{i}.parquet")


def _generate_embeddings(folder: Path, n: int, rng: np.random.Generator) -> None:
    dim = 512
    embeddings = np.memmap(folder / "embeddings.f16", np.float16, "w+", shape=(n, dim))
    centres = rng.standard_normal((2000, dim), np.float32)
    size = 10_000
    for begin in range(0, n, size):
        block = centres[rng.integers(0, 2000, size)] + 0.8 * rng.standard_normal((size, dim), np.float32)
        copies = size // 10
        block[:copies] = block[copies : 2 * copies] + 0.1 * rng.standard_normal((copies, dim), np.float32)
        embeddings[begin : begin + size] = block / np.linalg.norm(block, axis=1, keepdims=True)
    embeddings.flush()


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _run_exact(folder: Path, n: int, distance: int) -> tuple[float, float, int]:
    from bioclip_x.dataset.duplicates.exact import find_exact

    before = _resident()
    begin = time.perf_counter()
    found = find_exact(_parts(folder))
    return before, time.perf_counter() - begin, found.num_rows


def _run_perceptual(folder: Path, n: int, distance: int) -> tuple[float, float, int]:
    from bioclip_x.dataset.duplicates.perceptual import find_perceptual

    before = _resident()
    begin = time.perf_counter()
    found = find_perceptual(_parts(folder), distance)
    return before, time.perf_counter() - begin, found.num_rows


def _run_semantic(folder: Path, n: int, distance: int) -> tuple[float, float, int]:
    from bioclip_x.dataset.duplicates.semantic import find_semantic

    embeddings = np.memmap(folder / "embeddings.f16", np.float16, "r", shape=(n, 512))
    before = _resident()
    begin = time.perf_counter()
    found = find_semantic(embeddings, np.arange(n), epsilon=0.05)
    return before, time.perf_counter() - begin, found.num_rows


def _resident() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
