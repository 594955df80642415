"""Classifying with Ray on one machine beside one process, the sizes of parts, and what the driver can list and write.

    python benchmarks/distributed.py [--images 128] [--rounds 3]

The same ViT-B-32 with random weights names the same JPEGs of 0.3 megapixels by 700 classes, in one process with all cores, and
by two workers of `--engine ray` with half of the cores each. Runs of N and of 3N images are timed from start to end: their
difference is the time of 2N images without start-up. Ray's workers run at normal priority here (Ray's own default is a lower
one), as other programs may run beside. Sizes of parts are those of made-up results. The list of a run is measured on a table of
URLs, with nothing computed; writing, on parts of 1 MB. Writes benchmarks/results/distributed.json, and
the tables of docs/beyond-one-machine.md, whose arithmetic on 1e9 images names what is measured and what is assumed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "distributed.json"
IMAGES = ROOT / "benchmarks" / "results" / "images.json"
PAGE = ROOT / "docs" / "beyond-one-machine.md"
MEASURED, DESIGN = "measured", "design"
SIZES = (2, 3, 4, 6, 20, 100, 700)
LINNAEAN = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
LISTED = 200_000
ROWS = 8_192
"""Images of the parts whose sizes are measured."""
DIM = 768
WRITTEN = 1_000_000
"""Bytes of a part."""
WORKERS = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=128, help="images of the shorter runs; a multiple of 128")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tables", action="store_true", help="only write the tables again")
    options = parser.parse_args()
    if not options.tables:
        with tempfile.TemporaryDirectory() as folder:
            results = measure(Path(folder), options.images, options.rounds)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    page = PAGE.read_text("utf-8")
    for name, table in make_tables().items():
        begin, end = f"<!-- {name}: written by benchmarks/distributed.py -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(page, "utf-8")
    return 0


def measure(folder: Path, images: int, rounds: int) -> dict[str, Any]:
    from big_tree import make_rows
    from machine import describe
    from peers.images import write_images
    from peers.text_bank import write_model

    model = f"local-dir:{write_model(folder / 'model', 'ViT-B-32')}"
    taxonomy = folder / "txt_emb_species.json"
    taxonomy.write_text(json.dumps(make_rows(SIZES)), "utf-8")
    pictures = folder / "pictures"
    write_images(pictures, (640, 480))
    paths = sorted(pictures.iterdir())
    tables = {
        n: write_table(folder / f"{n}.csv", [str(paths[i % len(paths)]) for i in range(n)])
        for n in (images, 3 * images)
    }
    os.environ["BIOCLIP_X_CACHE"] = str(folder / "cache")
    classify = ["classify", "--model", model, "--taxonomy", str(taxonomy)]
    ray = ["--engine", "ray", "--ray-workers", str(WORKERS), "--partition-size", "64"]
    run([*classify, str(tables[images]), "--output", str(folder / "warm.parquet")])  # embeds the texts
    seconds: dict[str, list[list[float]]] = {"one process": [], "two workers": []}
    for number in range(rounds):
        one = [run([*classify, str(t), "--output", str(folder / f"{n}.parquet")]) for n, t in tables.items()]
        two = [run([*classify, str(t), "--output", str(folder / f"ray {number} {n}"), *ray]) for n, t in tables.items()]
        seconds["one process"].append(one)
        seconds["two workers"].append(two)
    return {
        "about": (__doc__ or "").split("\n")[0],
        "command": "python benchmarks/distributed.py",
        "machine": describe("ray"),
        "model": "ViT-B-32, random weights, fp32",
        "classes": SIZES[-1],
        "images": images,
        "seconds": seconds,
        "rates": {name: summarise(images, pairs) for name, pairs in seconds.items()},
        "jpeg_bytes": median(path.stat().st_size for path in paths),
        "rows_per_image": 5,
        "classify_bytes_per_image": measure_names(folder),
        "embed_bytes_per_image": measure_embeddings(folder),
        "embed_dim": DIM,
        "listed_per_second": measure_listing(folder),
        "written_parts_per_second": measure_writing(folder),
        "written_bytes": WRITTEN,
    }


def write_table(path: Path, references: list[str]) -> Path:
    path.write_text("\n".join(["url" if "://" in references[0] else "path", *references]) + "\n", "utf-8")
    return path


def run(arguments: list[str]) -> float:
    """Runs a command with as many threads as it takes; returns its seconds."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment["RAY_worker_niceness"] = "0"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bioclip_x", *arguments, "--quiet"], check=True, env=environment)
    return time.perf_counter() - started


def summarise(images: int, pairs: list[list[float]]) -> dict[str, float]:
    """Images per second without start-up, and the seconds of start-up and end, from runs of N and 3N images.

    >>> summarise(100, [[15.0, 25.0]])
    {'images_per_second': 20.0, 'start_and_end_seconds': 10.0}
    """
    rates = [2 * images / (long - short) for short, long in pairs]
    starts = [short - (long - short) / 2 for short, long in pairs]
    return {"images_per_second": round(median(rates), 3), "start_and_end_seconds": round(median(starts), 2)}


def measure_listing(folder: Path) -> float:
    """Images per second of a table of URLs that are cut into packed partitions."""
    from bioclip_x.distributed.jobs import EmbedJob
    from bioclip_x.distributed.workers import Listing, Surroundings, pack
    from bioclip_x.hooks.registry import create_registry
    from bioclip_x.recipe_resolution import resolve_recipe

    registry = create_registry()
    job = EmbedJob(registry, resolve_recipe(registry))
    table = write_table(folder / "lake.csv", [make_name(i) for i in range(LISTED)])
    started = time.perf_counter()
    for item in Listing(job, (str(table),), "", 2048, {}, frozenset(), "out", Surroundings.of_this_process()):
        pack(item)
    return LISTED / (time.perf_counter() - started)


def measure_names(folder: Path) -> float:
    """Bytes per image of a part with five names each, drawn uniformly from 867,455 species: no real images are as diverse."""
    from big_tree import make_rows

    from bioclip_x.hooks.registry import create_registry
    from bioclip_x.inference.sinks import find_report, write_all
    from bioclip_x.records import Prediction, Provenance, Result, Step
    from bioclip_x_plugins.readers.tables.tree_of_life import TreeOfLifeReader

    file = folder / "txt_emb_species.json"
    file.write_text(json.dumps(make_rows()), "utf-8")
    tree = TreeOfLifeReader().read(file)
    random = np.random.default_rng(0)

    def make_results() -> Iterator[Result]:
        for number in range(ROWS):
            shares = np.sort(random.dirichlet(np.full(5, 0.5)))[::-1].tolist()
            taxa = [tree.class_taxon(one) for one in random.integers(tree.n_classes, size=5)]
            predictions = [
                Prediction(taxon, share, tuple(Step(rank, name, share) for rank, name in taxon.lineage))
                for taxon, share in zip(taxa, shares)
            ]
            yield Result(make_name(number), predictions=tuple(predictions))

    about = Provenance("0", "bioclip-2", "0" * 40, "", tree.source, tree.n_classes, tree.n_classes, {}, ranks=LINNAEAN)
    part = folder / "names.parquet"
    write_all(about, make_results(), [(find_report(create_registry(), part), part)])
    return part.stat().st_size / ROWS


def measure_embeddings(folder: Path) -> float:
    """Bytes per image of a part of random unit vectors."""
    from bioclip_x.embed.embedder import IMAGE_COLUMNS
    from bioclip_x.embed.files import open_embeddings
    from bioclip_x.records import Embedding, EmbeddingProvenance

    about = EmbeddingProvenance(
        "0", "bioclip-2", "0" * 40, "", "pictures", IMAGE_COLUMNS, DIM, True, "fp16", {}, "", {}
    )  # fmt: skip
    vectors = np.random.default_rng(0).standard_normal((ROWS, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    part = folder / "embeddings.parquet"
    with open_embeddings("parquet", part, about) as writer:
        for number, vector_D in enumerate(vectors):
            cells = {column: "" for column in IMAGE_COLUMNS} | {"file_name": make_name(number)}
            writer.write(Embedding(cells, vector_D))
    return part.stat().st_size / ROWS


def make_name(number: int) -> str:
    return f"s3://lake/{number % 997:03}/{number:012}.jpg"


def measure_writing(folder: Path, parts: int = 100) -> float:
    """Parts per second that the driver writes, each synced to the disk."""
    from bioclip_x.distributed.part_folder import FinishedPart, PartFolder

    content = os.urandom(WRITTEN)
    started = time.perf_counter()
    with PartFolder.open(folder / "written", {}) as output:
        for number in range(parts):
            output.add(FinishedPart(number, "a.jpg", 2048, 0, "0" * 64, len(content)), content)
    return parts / (time.perf_counter() - started)


@dataclass(frozen=True)
class Lake:
    """What the arithmetic assumes. rate: images per second of a GPU with the model and the class bank. image_bytes: read from
    the store per image. core_seconds: of decoding per image. price: of a GPU-hour with its share of the machine, an example.
    """

    images: int = 10**9
    rate: float = 1000.0
    image_bytes: float = 5e5
    core_seconds: float = 0.02
    classes: int = 867_455
    dim: int = DIM
    partition: int = 65_536
    embed_partition: int = 8_192
    batch: int = 256
    price: float = 3.0


def plan(lake: Lake, results: dict[str, Any], gpus: int) -> dict[str, float]:
    """The arithmetic for a number of GPUs, one worker each."""
    embed = results["embed_bytes_per_image"]
    rate = gpus * lake.rate
    return {
        "hours": lake.images / rate / 3600,
        "bank_bytes": lake.classes * lake.dim * 2,
        "parts": -(-lake.images // lake.partition),
        "rows": lake.partition * results["rows_per_image"],
        "part_bytes": lake.partition * results["classify_bytes_per_image"],
        "embed_part_bytes": lake.embed_partition * embed,
        "total_bytes": lake.images * results["classify_bytes_per_image"],
        "embed_total_bytes": lake.images * embed,
        "batches_per_part": lake.partition / lake.batch,
        "seconds_per_part": lake.partition / lake.rate,
        "store_bytes_per_second": rate * lake.image_bytes,
        "cores": rate * lake.core_seconds,
        "driver_bytes_per_second": rate * results["classify_bytes_per_image"],
        "embed_driver_bytes_per_second": rate * embed,
        "listing_hours": lake.images / results["listed_per_second"] / 3600,
        "cost_per_million": 1e6 / lake.rate / 3600 * lake.price,
    }


def find_core_seconds() -> float:
    """Core-seconds to decode and resize a JPEG of 2 megapixels, from the committed results of benchmarks/run.py images."""
    document = json.loads(IMAGES.read_text("utf-8"))
    figures = document["figures"]
    both = figures["named, 2 MP, beside all that the cores need"]["peers"]["median"]
    encoder = figures["named, 2 MP, beside the encoder"]["peers"]["median"]
    return float((both - encoder) * document["machine"]["threads"])


def make_tables() -> dict[str, str]:
    results = json.loads(RESULTS.read_text("utf-8"))
    return {MEASURED: make_measured(results), DESIGN: make_design(Lake(core_seconds=find_core_seconds()), results)}


def make_measured(results: dict[str, Any]) -> str:
    machine = results["machine"]
    model = results["model"].partition(",")[0]
    lines = [f"| {model}, JPEGs of 0.3 MP | beyond start and end | start and end |", "| --- | --- | --- |"]
    for name, rate in results["rates"].items():
        lines.append(f"| {name} | {rate['images_per_second']:.2f} images/s | {rate['start_and_end_seconds']:.0f} s |")
    figures = {
        "listing a CSV table of URLs, l": f"{results['listed_per_second']:,.0f} images/s",
        "the driver writes parts of 1 MB": f"{results['written_parts_per_second']:,.0f} parts/s",
        "five names of an image, drawn from all species, s": f"{results['classify_bytes_per_image']:,.0f} bytes",
        f"the embedding of an image, D = {results['embed_dim']}, e": f"{results['embed_bytes_per_image']:,.0f} bytes",
    }
    lines += ["", "| | measured |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in figures.items())]
    versions = machine["versions"]
    named = f"{machine['processor']}, {machine['cores']} cores; Python {machine['python']}"
    with_versions = (
        f"ray {versions['ray']}, torch {versions['torch']}; rounds: {len(results['seconds']['one process'])}"
    )
    return "\n".join([*lines, "", f"{named}, {with_versions}; `{results['command']}`."])


def make_design(lake: Lake, results: dict[str, Any]) -> str:
    counts = (8, 32, 128)
    plans = {n: plan(lake, results, n) for n in counts}
    one = plans[counts[0]]

    def row(name: str, formula: str, values: list[str]) -> str:
        return f"| {name} | {formula} | {' | '.join(values)} |"

    each = [
        ("hours", "N / (G·r) / 3600", lambda p: f"{p['hours']:,.1f}"),
        ("read from the store", "G·r·b", lambda p: f"{p['store_bytes_per_second'] / 1e9:,.1f} GB/s"),
        ("cores that decode", "G·r·t", lambda p: f"{p['cores']:,.0f}"),
        ("driver, names", "G·r·s", lambda p: f"{p['driver_bytes_per_second'] / 1e6:,.1f} MB/s"),
        ("driver, embeddings", "G·r·e", lambda p: f"{p['embed_driver_bytes_per_second'] / 1e6:,.0f} MB/s"),
        ("listing takes, of the hours", "N / l / 3600", lambda p: f"{p['listing_hours']:,.1f}"),
    ]
    fixed = [
        ("class bank, fp16", "C·D·2", f"{lake.classes:,} × {lake.dim} × 2 = {one['bank_bytes'] / 1e9:.2f} GB, once per GPU"),
        ("partitions", "N / P", f"{one['parts']:,.0f}"),
        ("one partition", "P / r", f"{one['batches_per_part']:,.0f} batches of {lake.batch}, {one['seconds_per_part']:.0f} s"),
        ("its rows, names", "5·P", f"{one['rows']:,.0f} rows, {one['part_bytes'] / 1e6:,.1f} MB"),
        ("a partition of embeddings", "P'", f"{lake.embed_partition:,} rows, {one['embed_part_bytes'] / 1e6:,.0f} MB"),
        ("all results, names", "N·s", f"{one['total_bytes'] / 1e9:,.0f} GB"),
        ("all results, embeddings", "N·e", f"{one['embed_total_bytes'] / 1e12:,.2f} TB"),
        ("read from the store, in all", "N·b", f"{lake.images * lake.image_bytes / 1e12:,.0f} TB"),
    ]  # fmt: skip
    return "\n".join(
        [
            "| | formula | value |",
            "| --- | --- | --- |",
            *(row(name, formula, [value]) for name, formula, value in fixed),
            "",
            f"| | formula | {' | '.join(f'G = {n}' for n in counts)} |",
            f"| --- | --- | {' | '.join('---' for _ in counts)} |",
            *(row(name, formula, [show(plans[n]) for n in counts]) for name, formula, show in each),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
