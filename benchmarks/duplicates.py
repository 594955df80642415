"""Measures the finders of duplicates: against all pairs of 5,000 real photos, and at ten million generated rows.

    python benchmarks/duplicates.py --data ../shared/data

The photos are of animals (64 pixels) and of fruit and vegetables in shops; copies of 250 are planted, encoded anew, resized,
cropped, brightened, turned grey and mirrored. Embeddings are of two kinds: those of the field guide's model, which was trained
on drawings, and pixels (the photo at 16 × 16, less its mean). Neither is a BioCLIP: what they say of thresholds holds for them,
what they say of clusters (which pairs are missed) is the method's. About ten minutes on two cores. Writes
benchmarks/results/duplicates.json and the tables in docs/data-set-duplicates.md, and with --page a page of the pairs nearest
to the threshold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from duplicates_parts.compare import compare_perceptual, compare_semantic
from duplicates_parts.photos import Photos, prepare
from duplicates_parts.scale import generate, measure
from duplicates_parts.tables import make_tables
from machine import describe
from PIL import Image

from bioclip_x.dataset.duplicates.columns import drop_duplicates
from bioclip_x.dataset.duplicates.hashing import perceptual_hash
from bioclip_x.dataset.duplicates.pages import write_page
from bioclip_x.dataset.duplicates.perceptual import find_perceptual

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "duplicates.json"
PAGE = ROOT / "docs" / "data-set-duplicates.md"
BEGIN, END = "<!-- table: written by benchmarks/duplicates.py -->", "<!-- end of table -->"
SCALE = [("exact", 10**7, 0), ("perceptual", 10**7, 4), ("perceptual", 10**6, 8), ("semantic", 10**6, 0)]
CLUSTERS = (1, 8, 32, 85, 256, 1024)


def main() -> int:
    options = _parse()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if options.one:
        kind, n, distance = options.one
        print(json.dumps(measure(kind, int(n), int(distance), work)))
        return 0
    if options.generate:
        generate(options.generate[0], int(options.generate[1]), work)
        return 0
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    results |= {
        "about": (__doc__ or "").strip(),
        "command": "python benchmarks/duplicates.py --data ../shared/data",
        "machine": describe("pyarrow", "duckdb", "ImageHash", "scikit-learn"),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }
    if "photos" in options.parts:
        results["photos"] = measure_photos(options.data.resolve(), work, options.page)
    if "scale" in options.parts:
        results["scale"] = [_measure_apart(*row, work) for row in SCALE]
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{make_tables(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    return 0


def measure_photos(data: Path, work: Path, page: Path | None) -> dict[str, Any]:
    folder = work / "copies"
    folder.mkdir(exist_ok=True)
    photos = prepare(data, folder)
    begin = time.perf_counter()
    hashes_N = np.array([_hash(path) for path in photos.paths_N], np.uint64)
    per_photo = (time.perf_counter() - begin) / len(hashes_N)
    if page is not None:
        _write_page(page, photos, hashes_N)
    n_copies = sum(1 for kind in photos.kind_N if kind)
    return {
        "originals": len(hashes_N) - n_copies,
        "copies": n_copies,
        "hashing_ms": round(1000 * per_photo, 2),
        "perceptual": compare_perceptual(photos, hashes_N),
        "semantic_field_guide": compare_semantic(photos, _embed(photos, work), CLUSTERS),
        "semantic_pixels": compare_semantic(photos, _embed_pixels(photos), CLUSTERS),
    }


def _hash(path: Path) -> int:
    with Image.open(path) as image:
        return perceptual_hash(image)


def _embed(photos: Photos, work: Path) -> np.ndarray:
    """Embeds with the field guide's model, by the command line."""
    listed, output = work / "photos.txt", work / "photos.npz"
    listed.write_text("\n".join(str(path) for path in photos.paths_N), "utf-8")
    if not output.exists():
        command = [sys.executable, "-m", "bioclip_x", "embed", "--model", "field-guide", "--output", str(output), "-"]
        with listed.open() as stream:
            subprocess.run(command, stdin=stream, check=True)
    with np.load(output) as archive:
        embeddings_ND, names = archive["embeddings"], archive["file_name"].tolist()
    assert names == [str(path) for path in photos.paths_N]
    return embeddings_ND


def _embed_pixels(photos: Photos) -> np.ndarray:
    embeddings = []
    for path in photos.paths_N:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX), np.float32).ravel()
        embeddings.append(pixels - pixels.mean())
    embeddings_ND = np.stack(embeddings)
    return embeddings_ND / np.maximum(np.linalg.norm(embeddings_ND, axis=1, keepdims=True), 1e-6)


def _write_page(path: Path, photos: Photos, hashes_N: np.ndarray) -> None:
    order = [1 if kind else 0 for kind in photos.kind_N]
    table = pa.table({"row": np.arange(len(hashes_N)), "phash": hashes_N, "order": order})
    duplicates = find_perceptual(table, 4)
    write_page(
        path, duplicates, title="Duplicates by perceptual hash", threshold="4 bits",
        open_image=lambda row: Image.open(photos.paths_N[row]),
        describe=lambda row: {
            "taxon": photos.taxa_N[row], "copy": photos.kind_N[row], "file": photos.paths_N[row].name
        },
        beyond=find_perceptual(drop_duplicates(table, duplicates), 8),
        taxa=pa.table({"row": range(len(order)), "taxon": photos.taxa_N}),
    )  # fmt: skip


def _measure_apart(kind: str, n: int, distance: int, work: Path) -> dict[str, Any]:
    """Generates and measures in processes of their own, so that the peak is that of the finder."""
    start = [sys.executable, __file__, "--work", str(work)]
    subprocess.run([*start, "--generate", kind, str(n)], check=True)
    done = subprocess.run([*start, "--one", kind, str(n), str(distance)], check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout.strip(), flush=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the photos")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "duplicates", help="folder of generated rows")
    parser.add_argument("--parts", nargs="+", choices=["photos", "scale"], default=["photos", "scale"])
    parser.add_argument("--page", type=Path, help="write a page of the photos' duplicates")
    parser.add_argument("--one", nargs=3, metavar=("KIND", "ROWS", "DISTANCE"), help=argparse.SUPPRESS)
    parser.add_argument("--generate", nargs=2, metavar=("KIND", "ROWS"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
