"""Ten million generated rows, resolved, compared, split and written as a catalogue: seconds per stage, and memory.

    python benchmarks/data_set_scale.py [--rows 10000000] [--folder FOLDER]

No image is read: what the stage of reading would write (hashes, sizes) is generated. Rows are of 450,000 species of a generated
tree of 867,455, frequent and rare ones as in the Encyclopedia of Life (Zipf); a part is given with an author, by its genus
only, under a synonym, or is unknown. 3% of the images are equal to another one, 1% differ from one by a few bits of their hash.
The tar files are not written, but the place of each image in them is found. Writes benchmarks/results/data_set_scale.json
and the table of docs/building-data-sets.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.big_tree import make_rows
from benchmarks.machine import describe

from bioclip_x.dataset.build import make_build
from bioclip_x.dataset.config import make_config
from bioclip_x.dataset.context import Build, Made, NameTables, get_made, join
from bioclip_x.dataset.output.catalogue import count_images, write_catalogue, write_taxonomy
from bioclip_x.dataset.output.samples import place_images
from bioclip_x.dataset.rows.deciding import decide_all_rows, find_duplicates
from bioclip_x.dataset.rows.listing import list_all_rows
from bioclip_x.dataset.rows.planning import collect_given_names, plan_all_rows, resolve_given_names
from bioclip_x.dataset.schema import CAPTIONS, HELD_OUT, IMAGES, write_table
from bioclip_x.hooks.registry import create_registry
from bioclip_x.plugin import LINNAEAN, ComponentSpec, hookimpl
from bioclip_x.progress import Progress

RESULTS = Path(__file__).parent / "results" / "data_set_scale.json"
PAGE = Path(__file__).parents[1] / "docs" / "building-data-sets.md"
BEGIN, END = "<!-- scale: written by benchmarks/data_set_scale.py -->", "<!-- end of scale -->"
SPECIES = 450_000
BATCH = 100_000
LICENCES = ("CC BY 4.0", "CC0", "http://creativecommons.org/licenses/by-nc/4.0/", "cc-by-nc-sa-3.0", "", "© the author")


class Generated:
    """A source of made-up rows. lineages: a table of names, kingdom to epithet."""

    def __init__(self, *, path: Path, rows: int, seed: int = 0) -> None:
        self.path, self.rows, self.seed = path, rows, seed

    def revision(self) -> str:
        return f"{self.rows}:{self.seed}"

    def notes(self) -> Sequence[str]:
        return []

    def tables(self) -> Iterator[pa.Table]:
        lineages = pq.read_table(self.path)
        random = np.random.default_rng(self.seed)
        weight = 1 / np.arange(1, SPECIES + 1)
        cumulative = np.cumsum(weight / weight.sum())
        order = random.permutation(len(lineages))[:SPECIES]
        for start in range(0, self.rows, BATCH):
            count = min(BATCH, self.rows - start)
            drawn = lineages.take(
                pa.array(order[np.minimum(np.searchsorted(cumulative, random.random(count)), SPECIES - 1)])
            )
            columns = {rank: drawn[rank].to_numpy(zero_copy_only=False) for rank in LINNAEAN}
            kind = random.random(count)
            name = columns["species"].copy()
            name[kind < 0.10] += " (Linnaeus, 1758)"
            is_genus, is_synonym, is_lost = (kind >= 0.10) & (kind < 0.15), (kind >= 0.15) & (kind < 0.20), kind > 0.98
            name[is_genus] = columns["genus"][is_genus]
            name[is_synonym] = "Old" + name[is_synonym]
            name[is_lost] = "Nomen" + name[is_lost]
            for rank in ("kingdom", "family"):
                columns[rank] = np.where(random.random(count) < 0.5, columns[rank], "")
            yield pa.table(
                {
                    "source_id": [f"{number}" for number in range(start, start + count)],
                    "image": [f"https://images.example.org/{number}.jpg" for number in range(start, start + count)],
                    "name": pa.array(name, pa.string()),
                    "kingdom": pa.array(columns["kingdom"], pa.string()),
                    "family": pa.array(columns["family"], pa.string()),
                    "licence": pa.array(
                        np.array(LICENCES, object)[random.integers(0, len(LICENCES), count)], pa.string()
                    ),
                    "rights_holder": [f"person {number % 9973}" for number in range(start, start + count)],
                }
            )


class Plugin:
    @staticmethod
    @hookimpl
    def image_sources() -> list[ComponentSpec]:
        return [ComponentSpec("generated", "made-up rows", f"{__name__}:Generated")]


def write_trees(folder: Path) -> None:
    """Writes two taxonomies of which the second has the rest of the species, and the lineages that rows are drawn from."""
    letters = str.maketrans("0123456789", "abcdefghij")  # names of taxa have no digits
    plain = ([name.translate(letters) for name in names] for names, _ in make_rows())
    lineages = [[*names[:-1], f"{names[-2]} {names[-1]}"] for names in plain]
    for number, part in enumerate((lineages[::2] + lineages[1::4], lineages)):
        with (folder / f"tree{number}.csv").open("w") as file:
            writer = csv.writer(file)
            writer.writerow([*LINNAEAN, "synonyms"])
            writer.writerows([*lineage, f"Old{lineage[-1]}"] for lineage in part)
    table = pa.table({rank: [lineage[at] for lineage in lineages] for at, rank in enumerate(LINNAEAN)})
    pq.write_table(table, folder / "lineages.parquet")


def write_images(build: Build, rows: Made, plan: Made) -> Made:
    """Writes what reading the images would have written."""
    stage = build.folder.open_stage("images/000", {"rows": rows.version, "generated": True})
    random = np.random.default_rng(1)
    hashes = np.empty(0, np.uint64)
    for number, file in enumerate(rows.files):
        row = pq.read_table(file, columns=["row"])["row"].to_numpy()
        sha256 = random.integers(0, 256, (len(row), 32)).astype(np.uint8)
        hashes = random.integers(0, 1 << 63, len(row)).astype(np.uint64)
        equal, similar = random.permutation(len(row) - 1)[: int(0.04 * len(row))], int(0.01 * len(row))
        hashes[equal + 1] = hashes[equal]
        sha256[equal[similar:] + 1] = sha256[equal[similar:]]
        bits = random.integers(0, 64, (2, similar)).astype(np.uint64)
        hashes[equal[:similar] + 1] ^= (np.uint64(1) << bits[0]) | (np.uint64(1) << bits[1])
        table = pa.table(
            {
                "row": row,
                "file": pa.repeat("images.bin", len(row)),
                "offset": row * 1000,
                "size": np.full(len(row), 1000),
                "sha256": pa.FixedSizeBinaryArray.from_buffers(
                    pa.binary(32), len(row), [None, pa.py_buffer(sha256.tobytes())]
                ),
                "phash": hashes,
                "width": np.full(len(row), 640, np.int32),
                "height": np.full(len(row), 480, np.int32),
                "error": np.where(random.random(len(row)) < 0.002, "truncated", ""),
                "note": pa.repeat("", len(row)),
            },
            schema=IMAGES,
        )
        write_table(stage.path / f"images-{number:06}.parquet", table)
    return get_made(stage, "images-*.parquet")


def measure(rows: int, folder: Path) -> dict[str, Any]:
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}
    started = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal started
        now = time.perf_counter()
        seconds[name], started = round(now - started, 1), now
        peaks[name] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
        print(f"{name}: {seconds[name]} s, peak {peaks[name]} GB", flush=True)

    write_trees(folder)
    lap("generating the trees")
    registry = create_registry(own={"generated": Plugin})
    config = make_config(
        {
            "sources": [{"name": "generated", "path": str(folder / "lineages.parquet"), "rows": rows}],
            "taxonomies": [str(folder / "tree0.csv"), str(folder / "tree1.csv")],
            "output": str(folder / "out"),
        }
    )
    with make_build(config, registry, Progress(enabled=False), print) as build:
        of_source = list_all_rows(build)
        listed = join(*of_source.values())
        lap("listing the rows")
        given, keys = collect_given_names(build, listed)
        lap("collecting the names")
        resolved = resolve_given_names(build, given)
        lap("resolving the names")
        plan = plan_all_rows(build, of_source, NameTables(given, resolved, keys))
        lap("planning")
        images = write_images(build, listed, plan)
        lap("generating the hashes")
        duplicates, across = find_duplicates(build, listed, resolved, plan, images)
        lap("finding duplicates")
        decided = decide_all_rows(build, of_source, plan, images, duplicates, across)
        lap("deciding and splitting")
        samples = build.folder.work / "samples.parquet"
        place_images(build, listed, resolved, images, decided, samples)
        lap("placing in shards")
        write_table(build.folder.work / "failed.parquet", HELD_OUT.empty_table())
        write_table(build.folder.work / "captions.parquet", CAPTIONS.empty_table())
        tables = {
            "decided": decided.files, "resolved": resolved.files, "images": images.files, "samples": [samples],
            "failed": [build.folder.work / "failed.parquet"],
            "captions": [build.folder.work / "captions.parquet"],
        }  # fmt: skip
        write_catalogue(build.database, listed, tables, build.folder.path)
        lap("writing the catalogue")
        taxa = write_taxonomy(build.database, build.folder.path)
        counts = count_images(build.database)
        lap("counting")
        assert sum(counts["outcomes"].values()) == counts["images"] == rows
        sizes = {"catalogue_bytes": (build.folder.path / "catalogue.parquet").stat().st_size}
        names = pq.read_metadata(given.files[0]).num_rows
    own = [name for name in seconds if not name.startswith("generating")]
    total = sum(seconds[name] for name in own)
    return {
        "rows": rows,
        "names": names,
        "taxa": taxa,
        "seconds": seconds,
        "peak_rss_gb": peaks,
        "total_seconds": round(total, 1),
        "seconds_per_million": round(total / rows * 1e6, 1),
        "outcomes": counts["outcomes"],
        **sizes,
    }


def make_table(results: dict[str, Any]) -> str:
    """Makes the table of a page from a results file."""
    machine = results["machine"]
    rows = [f"| {name} | {seconds:,.0f} |" for name, seconds in results["seconds"].items() if "generating" not in name]
    total = f"| **in all** | **{results['total_seconds']:,.0f}** |"
    about = (
        f"{results['rows']:,} generated rows with {results['names']:,} different names, of {results['taxa']:,} taxa that are "
        f"used, against two trees of 867,455 species, on {machine['cores']} cores ({machine['processor']}): "
        f"{results['seconds_per_million']:.0f} s per million rows, {max(results['peak_rss_gb'].values()):.1f} GB of memory at "
        f"most, a catalogue of {results['catalogue_bytes'] / 1e6:,.0f} MB. No image is read: that takes as long as decoding them."
    )
    return "\n".join([about, "", "| stage | seconds |", "| --- | ---: |", *rows, total])


def write_table_of_page(results: dict[str, Any]) -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{make_table(results)}\n{END}{rest.partition(END)[2]}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where some 10 GB are written; default: a temporary one")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    folder.mkdir(exist_ok=True, parents=True)
    try:
        found = measure(arguments.rows, folder)
    finally:
        shutil.rmtree(folder)
    results = {"machine": describe("pyarrow", "duckdb"), **found}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write_table_of_page(results)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
