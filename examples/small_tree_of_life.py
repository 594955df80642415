"""A small TreeOfLife, built from sources in published layouts with planted cases, each of which is accounted for:

    python examples/small_tree_of_life.py tree-of-life

It draws specimens, lays them out as iNaturalist 2021, BIOSCAN-1M and the Encyclopedia of Life are published, with a manifest, a
tar file and a test set beside them; plants conflicting names, duplicates, rare species, licences and damaged files; builds the
data set by `examples/small_tree_of_life.yaml`; compares the catalogue with `planted.csv`; and trains a tiny model on the shards.
Any difference is told, and the exit status is then 1. `--photos FOLDER` adds photographs in the same layouts.

The images are drawings of the field guide: this shows that every row is accounted for, not how good the rules are on photographs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
from small_tree_photos import make_camera_trap, read_photos
from small_tree_sources import (
    Makings,
    Planted,
    make_bioscan,
    make_eol,
    make_inat21,
    make_park,
    make_shard,
    make_taxonomies,
    make_test_set,
    write,
    write_table,
)

CONFIG = Path(__file__).with_suffix(".yaml")
TRAIN = """# A tiny model, for a few steps: this shows that the shards can be trained on, and no more.
model:
  embed_dim: 32
  vision_cfg: {image_size: 64, patch_size: 16, layers: 2, width: 64, head_width: 32, pool_type: avg, no_ln_pre: true}
  text_cfg: {context_length: 77, vocab_size: 49408, width: 32, heads: 2, layers: 1}
  preprocess: {size: [64, 64], mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], interpolation: bicubic, resize_mode: squash}
taxonomy: dataset/taxonomy.csv
text: [taxonomic, common]
data: {name: webdataset, path: "dataset/shards/train-*.tar"}
loss: unicl
epochs: 2
batch_size: 16
workers: 0
output: run
"""


def make_sources(folder: Path, photos: Path | None = None) -> list[Planted]:
    """Writes the sources, the taxonomies, the list of rare species, the configurations and planted.csv."""
    makings = Makings(folder)
    make_taxonomies(makings)
    if photos is not None:
        read_photos(makings, photos)
    for make in (make_inat21, make_bioscan, make_eol, make_park, make_shard, make_test_set):
        make(makings)
    shutil.copy(CONFIG, folder / "build.yaml")
    if photos is not None:
        make_camera_trap(makings, photos)
        config = CONFIG.read_text("utf-8").replace("of drawings", "of drawings and photographs")
        more = (
            "- {name: manifest, path: camera-trap/photos.csv, as: camera-trap}",
            "- {path: taxonomies/photos.csv, as: photos}",
        )
        has_camera_trap = (folder / "camera-trap").is_dir()
        config = config.replace("taxonomies:\n", f"{more[0]}\ntaxonomies:\n" if has_camera_trap else "taxonomies:\n")
        write(folder / "build.yaml", config.replace("held_out:\n", f"{more[1]}\nheld_out:\n"))
    write_table(folder / "planted.csv", [asdict(one) for one in makings.planted])
    write(folder / "train.yaml", TRAIN)
    return makings.planted


def check(makings_folder: Path, planted: Sequence[Planted]) -> int:
    """Prints a line per planted case; returns the number of those that became something else."""
    catalogue = pq.read_table(makings_folder / "dataset" / "catalogue.parquet").to_pylist()
    of = {(row["source"], row["source_id"]): row for row in catalogue}
    ids = {row["id"]: row["source_id"] for row in catalogue}
    wrong = 0
    width = max(len(one.case) for one in planted)
    print(f"{'case':{width}}  {'expected':28}  got")
    for one in planted:
        row = of.get((one.source, one.source_id))
        got = {} if row is None else {
            "outcome": row["outcome"], "status": row["status"], "taxon": row["name"] or "",
            "kept": ids.get(row["duplicate_of"], ""),
        }  # fmt: skip
        expected = {key: value for key, value in asdict(one).items() if key in got or key == "outcome"}
        is_right = bool(got) and all(not value or got[key] == value for key, value in expected.items())
        wrong += not is_right
        shown = " ".join(filter(None, (one.outcome, one.status, one.taxon)))
        reason = f" ({row['reason']})" if row and row["reason"] else ""
        was = (
            " ".join(filter(None, (got.get("outcome"), got.get("status"), got.get("taxon")))) or "not in the catalogue"
        )
        print(f"{one.case:{width}}  {shown:28}  {was}{reason}{'' if is_right else '  <-- differs'}")
    counts = Counter(row["outcome"] for row in catalogue)
    said = json.loads((makings_folder / "dataset" / "counts.json").read_text("utf-8"))["outcomes"]
    if {outcome: count for outcome, count in said.items() if count} != counts:
        print(f"the counts {said} are not those of the catalogue, {dict(counts)}")
        wrong += 1
    print(f"\n{len(catalogue)} rows: {', '.join(f'{count} {outcome}' for outcome, count in counts.most_common())}")
    return wrong


def run(*arguments: str) -> None:
    """Runs a command of bioclip-x, which must succeed."""
    print(f"\n$ bioclip-x {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", "bioclip_x", *arguments], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder to make")
    parser.add_argument(
        "--photos", type=Path, help="photographs to add: tinyimagenet_bio, grocery_produce, … in a folder"
    )
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    print("The images are drawings of the field guide, laid out as data sets are published.")
    planted = make_sources(folder, arguments.photos)
    run("dataset", "build", str(folder / "build.yaml"))
    wrong = check(folder, planted)
    run("train", str(folder / "train.yaml"))
    print(f"\n{len(planted) - wrong} of {len(planted)} planted cases became what they must")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
