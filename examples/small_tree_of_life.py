"""A small TreeOfLife, built from sources in published layouts with planted cases, each of which is accounted for:

    python examples/small_tree_of_life.py tree-of-life

It draws specimens, lays them out as iNaturalist 2021, BIOSCAN-1M and the Encyclopedia of Life are published, with a manifest, a tar
file and a test set beside them; plants conflicting names, duplicates, rare species, licences and damaged files; builds the data
set by `examples/small_tree_of_life.yaml`; compares the catalogue with `planted.csv`; and trains a tiny model on the shards. Any
difference is told, and the exit status is then 1. What it makes of other photographs than drawings: `--photos FOLDER`.

The images are drawings of the field guide: this shows that every row is accounted for, not how good the rules are on photographs.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image, ImageOps

from bioclip_x_field_guide.drawing import draw_species

SEED = 1859
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
GUIDE = Path(__file__).parents[1] / "plugins" / "bioclip_x_field_guide" / "taxonomy.csv"
CONFIG = Path(__file__).with_suffix(".yaml")
INAT = (
    "Cyanistes caeruleus", "Parus major", "Turdus merula", "Erithacus rubecula", "Alcedo atthis", "Aglais io", "Papilio machaon",
    "Papaver rhoeas", "Quercus robur",
)  # fmt: skip
BIOSCAN = ("Aglais urticae", "Pieris rapae", "Coccinella septempunctata", "Cicindela campestris")
EOL = ("Amanita muscaria", "Boletus edulis", "Salmo trutta", "Perca fluviatilis", "Ginkgo biloba")
RARE = ("Turdus migratorius", "Vanessa cardui", "Chaetodon ephippium")
"""Held out. The list has the second under a synonym, the third with a misspelt author."""
BY = "http://creativecommons.org/licenses/by/4.0/"


@dataclass(frozen=True)
class Planted:
    """A case, and what must become of it. status, taxon, kept: "" for anything. kept: the image that it is a duplicate of."""

    case: str
    source: str
    source_id: str
    outcome: str
    status: str = ""
    taxon: str = ""
    kept: str = ""


@dataclass
class Makings:
    """The folder of the sources, what was planted in them, and the images at hand by species and number."""

    folder: Path
    planted: list[Planted] = field(default_factory=list)
    lineages: dict[str, dict[str, str]] = field(default_factory=dict)

    def plant(self, case: str, source: str, source_id: str, outcome: str, **expected: str) -> None:
        self.planted.append(Planted(case, source, source_id, outcome, **expected))


def draw(name: str, number: int) -> Image.Image:
    """A drawing; each number is another specimen in another place."""
    return draw_species(name, (SEED, number), 256).image.convert("RGB")


def encode(image: Image.Image, quality: int = 92) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def make_id(*parts: Any) -> str:
    """A UUID that is the same in every run."""
    text = hashlib.md5(repr(parts).encode()).hexdigest()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], delimiter: str = ",") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


# The sources


@dataclass
class INat21:
    """train/ with a folder per species, and train.json."""

    makings: Makings
    images: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, dict[str, Any]] = field(default_factory=dict)

    LICENCES = (
        {"id": 0, "name": "Attribution License", "url": BY},
        {"id": 1, "name": "Public Domain Dedication", "url": "http://creativecommons.org/publicdomain/zero/1.0/"},
        {"id": 2, "name": "All Rights Reserved", "url": "http://en.wikipedia.org/wiki/Copyright"},
    )

    def add(self, name: str, content: bytes | None, key: Any, *, licence: int | None = 0, kingdom: str = "") -> str:
        """Adds an image, or a row without one; returns its identifier."""
        lineage = self.makings.lineages[name] | ({"kingdom": kingdom} if kingdom else {})
        category = self.categories.setdefault(f"{name} {kingdom}", {"id": len(self.categories), **lineage})
        folder = f"{category['id']:05}_{'_'.join(lineage[rank] for rank in RANKS[:-1])}_{name.split()[1]}"
        category |= {"image_dir_name": folder, "name": name, "specific_epithet": name.split()[1]}
        file = f"train/{folder}/{make_id('inat', key)}.jpg"
        if content is not None:
            write(self.makings.folder / "inat21" / file, content)
        image = {"id": len(self.images), "file_name": file, "category": category["id"], "rights_holder": "a drawer"}
        self.images.append(image | ({} if licence is None else {"license": licence}))
        return file

    def finish(self) -> None:
        document = {
            "info": {"year": 2021},
            "images": [{key: value for key, value in image.items() if key != "category"} for image in self.images],
            "categories": list(self.categories.values()),
            "annotations": [
                {"id": number, "image_id": image["id"], "category_id": image["category"]}
                for number, image in enumerate(self.images)
            ],
            "licenses": list(self.LICENCES),
        }
        write(self.makings.folder / "inat21" / "train.json", json.dumps(document))


def make_inat21(makings: Makings) -> None:
    source = INat21(makings)
    for name in INAT:
        for number in range(3):
            source.add(name, encode(draw(name, number)), (name, number), licence=number % 2)
    plant = makings.plant
    first = encode(draw("Parus major", 0))
    kept = source.add("Parus major", first, ("Parus major", 0, "copy"))
    plant("exact duplicate within a source", "iNat21", kept, "duplicate", taxon="Parus major",
          kept=f"train/{_folder(source, 'Parus major')}/{make_id('inat', ('Parus major', 0))}.jpg")  # fmt: skip
    extra = iter(range(100, 200))

    def add(case: str, outcome: str, name: str, content: bytes | None = None, **how: Any) -> None:
        expected = {key: how.pop(key) for key in ("status", "taxon") if key in how}
        whole = encode(draw(name, next(extra))) if content is None else content
        plant(case, "iNat21", source.add(name, whole, case, **how), outcome, **expected)

    add("licence: all rights reserved", "unlicensed", "Parus major", licence=2)
    add("licence: none", "used", "Turdus merula", licence=None)
    add("kingdom spelt Metazoa", "used", "Alcedo atthis", kingdom="Metazoa", status="full", taxon="Alcedo atthis")
    add("file cut short", "unreadable", "Aglais io", encode(draw("Aglais io", 90))[:3000])
    add("file empty", "unreadable", "Aglais io", b"")
    add("file of text", "unreadable", "Aglais io", b"<html>404 Not Found</html>")
    add("rare species, accepted name", "held out", "Turdus migratorius", status="full")
    leaked = encode(draw("Turdus migratorius", 500))
    source.add("Turdus migratorius", leaked, "leaked")
    add("rare image leaked under another name", "held out", "Turdus merula", leaked)
    add("rare image leaked, encoded again", "held out", "Erithacus rubecula", encode(draw("Turdus migratorius", 500), 55))
    add("copy of a test image", "held out", "Quercus robur", encode(draw("Quercus robur", 700)))
    gone = source.add("Parus major", b"", "row without image")
    (makings.folder / "inat21" / gone).unlink()
    plant("row without image", "iNat21", gone, "incomplete")
    lone = f"train/{_folder(source, 'Parus major')}/{make_id('no row')}.jpg"
    write(makings.folder / "inat21" / lone, encode(draw("Parus major", 91)))
    plant("image without row", "iNat21", lone, "incomplete")
    repeated = source.add("Papaver rhoeas", encode(draw("Papaver rhoeas", 92)), "repeated")
    source.images.append(source.images[-1] | {"id": len(source.images)})
    plant("identifier for the first time", "iNat21", repeated, "used")
    plant("identifier again", "iNat21", f"{repeated}#2", "incomplete")
    source.finish()


def _folder(source: INat21, name: str) -> str:
    folder: str = source.categories[f"{name} "]["image_dir_name"]
    return folder


def make_bioscan(makings: Makings) -> None:
    """The TSV of BIOSCAN-1M, and images/cropped_256/partN/."""
    root, rows = makings.folder / "bioscan", list[dict[str, Any]]()

    def add(name: str, content: bytes | None, key: Any, **cells: str) -> str:
        lineage = {rank: "not_classified" for rank in RANKS} | makings.lineages[name] | cells
        number = 4_000_000 + len(rows)
        part = len(rows) % 3 + 1
        if content is not None:
            write(root / "images" / "cropped_256" / f"part{part}" / f"{number}.jpg", content)
        process = f"DRAWN{len(rows):03}-19"
        rows.append(
            {"sampleid": f"BIOUG{number}", "processid": process, "uri": "", "name": name, "phylum": lineage["phylum"],
             "class": lineage["class"], "order": lineage["order"], "family": lineage["family"],
             "subfamily": "not_classified", "tribe": "not_classified", "genus": lineage["genus"],
             "species": lineage["species"], "subspecies": "not_classified", "nucraw": "ACGT", "image_file": f"{number}.jpg",
             "large_diptera_family": "not_classified", "medium_diptera_family": "not_classified",
             "small_diptera_family": "not_classified", "large_insect_order": "no_split", "chunk_number": part}
        )  # fmt: skip
        return process

    for name in BIOSCAN:
        for number in range(3):
            add(name, encode(draw(name, number)), (name, number))
    plant = makings.plant

    def plant_row(case: str, outcome: str, name: str, content: bytes | None, cells: Mapping[str, str] = {}, **expected: str) -> None:
        plant(case, "BIOSCAN-1M", add(name, content, case, **cells), outcome, **expected)

    peacock = draw("Aglais io", 0)
    kept = f"train/{next((makings.folder / 'inat21/train').glob('*_Aglais_io')).name}/{make_id('inat', ('Aglais io', 0))}.jpg"
    plant_row("exact duplicate across sources, under another species", "duplicate", "Aglais urticae", encode(peacock),
              kept=kept, taxon="Aglais urticae")  # fmt: skip
    plant_row("duplicate encoded again", "duplicate", "Aglais urticae", encode(draw("Aglais io", 1), 60))
    small = draw("Aglais io", 2).resize((128, 128), Image.Resampling.LANCZOS)
    plant_row("duplicate at half the size", "duplicate", "Aglais urticae", encode(small))
    plant_row("mirrored copy (not found by hashes)", "used", "Aglais urticae", encode(ImageOps.mirror(peacock)))
    plant_row("crop of another image: near, not the same", "used", "Aglais urticae", encode(peacock.crop((40, 40, 216, 216))))
    plant_row("identified to genus only", "used", "Coccinella septempunctata", encode(draw("Coccinella septempunctata", 80)),
              {"species": "not_classified"}, status="partial", taxon="Coccinella")  # fmt: skip
    plant_row("genus in another family than the taxonomy's", "used", "Cicindela campestris",
              encode(draw("Cicindela campestris", 80)), {"family": "Carabidae"}, status="full", taxon="Cicindela campestris")  # fmt: skip
    plant_row("row without image", "incomplete", "Pieris rapae", None)
    write(root / "images" / "cropped_256" / "part1" / "99.jpg", encode(draw("Pieris rapae", 80)))
    plant("image without row", "BIOSCAN-1M", "part1/99.jpg", "incomplete")
    write_table(root / "BIOSCAN_1M_Insect_Dataset_metadata.tsv", rows, "\t")


NAMES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("full name with author", "Parus major Linnaeus, 1758", {"outcome": "used", "status": "full", "taxon": "Parus major"}),
    ("synonym that one taxonomy knows", "Inachis io", {"outcome": "used", "status": "full", "taxon": "Aglais io"}),
    ("genus only", "Turdus", {"outcome": "used", "status": "partial", "taxon": "Turdus"}),
    ("no one species", "Turdus sp.", {"outcome": "used", "status": "partial", "taxon": "Turdus"}),
    ("homonym in two kingdoms", "Oenanthe", {"outcome": "unnamed", "status": "ambiguous"}),
    ("homonym with its kingdom", "Oenanthe|Plantae", {"outcome": "used", "status": "partial", "taxon": "Oenanthe"}),
    ("lost", "Nonesuch mirabilis", {"outcome": "unnamed", "status": "lost"}),
    ("placeholder", "unidentified", {"outcome": "unnamed", "status": "lost"}),
    ("hole in the lineage, closed by another taxonomy", "Perca flavescens",
     {"outcome": "used", "status": "full", "taxon": "Perca flavescens"}),
    ("common name", "Ring ouzel", {"outcome": "used", "status": "full", "taxon": "Turdus torquatus"}),
    ("rare species, synonym", "Cynthia cardui", {"outcome": "held out"}),
    ("rare species, listed by a synonym", "Vanessa cardui", {"outcome": "held out"}),
    ("rare species, misspelt author in the list", "Chaetodon ephippium", {"outcome": "held out"}),
)  # fmt: skip
"""Case, name (and kingdom) as given, what must become of it."""
SHOWN = {"Oenanthe": "Bellis perennis", "Oenanthe|Plantae": "Bellis perennis", "Inachis io": "Aglais io",
         "Cynthia cardui": "Vanessa cardui", "Ring ouzel": "Turdus torquatus"}  # fmt: skip
"""What is drawn where the given name is none of the field guide's."""


def make_park(makings: Makings) -> None:
    """A folder of photos with a manifest, as a park might have: names as people write them."""
    rows = []
    for number, (case, given, expected) in enumerate(NAMES):
        name, _, kingdom = given.partition("|")
        shown = SHOWN.get(given, " ".join(name.split()[:2]))
        shown = shown if shown in makings.lineages else "Turdus philomelos"
        file = f"{number:02}.jpg"
        write(makings.folder / "park" / file, encode(draw(shown, 300 + number)))
        rows.append({"file": file, "scientific_name": name, "kingdom": kingdom, "licence": "CC BY-SA 4.0"})
        makings.plant(f"name: {case}", "park", file, **expected)
    write_table(makings.folder / "park" / "photos.csv", rows)


def make_shard(makings: Makings) -> None:
    """A tar file that was cut short in its second image, and a manifest of what should be in it."""
    path, rows = makings.folder / "shards" / "000.tar", []
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for number in range(2):
            content = encode(draw("Primula vulgaris", number))
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            end = tar.offset - len(content) // 2
            rows.append({"id": f"shard-{number}", "path": "000.tar", "member": f"{number}.jpg", "name": "Primula vulgaris"})
    path.write_bytes(path.read_bytes()[:end])
    write_table(makings.folder / "shards" / "members.csv", rows)
    makings.plant("image of a shard, before it is cut short", "shards", "shard-0", "used", taxon="Primula vulgaris")
    makings.plant("image of a shard that is cut short", "shards", "shard-1", "unreadable")


def make_test_set(makings: Makings) -> None:
    """Images of species that may be trained on; copies of these images must not."""
    for number, name in enumerate(("Quercus robur", "Parus major")):
        write(makings.folder / "test" / name / f"{number}.jpg", encode(draw(name, 700 + number)))
        makings.plant("test image", "test", f"{name}/{number}.jpg", "held out")


def make_taxonomies(makings: Makings) -> None:
    """Two that disagree: the CSV is trusted first; the Darwin Core checklist knows synonyms, and closes a hole."""
    guide = [{rank: row[rank] for rank in (*RANKS, "common_name")} for row in read_table(GUIDE)]
    makings.lineages = {row["species"]: {rank: row[rank] for rank in RANKS} for row in guide}
    first = []
    for row in guide:
        if row["species"] == "Perca flavescens":
            row |= {"order": "", "family": ""}
        if row["species"] == "Vanessa cardui":
            row["common_name"] = ""
        first.append(row)
    bird = {"kingdom": "Animalia", "phylum": "Chordata", "class": "Aves", "order": "Passeriformes", "family": "Muscicapidae"}
    plant = {"kingdom": "Plantae", "phylum": "Tracheophyta", "class": "Magnoliopsida", "order": "Apiales", "family": "Apiaceae"}
    first += [bird | {"genus": "Oenanthe", "species": "Oenanthe oenanthe", "common_name": "Northern wheatear"},
              plant | {"genus": "Oenanthe", "species": "Oenanthe crocata", "common_name": "Hemlock water-dropwort"}]  # fmt: skip
    write_table(makings.folder / "taxonomies" / "catalogue.csv", first)
    accepted = ("Aglais io", "Vanessa cardui", "Chaetodon ephippium", "Cicindela campestris", "Perca flavescens")
    rows = list(make_checklist([makings.lineages[name] for name in accepted], {"Cicindela": "Carabidae"}))
    for name, of in (("Inachis io (Linnaeus, 1758)", "Aglais io"), ("Cynthia cardui (Linnaeus, 1758)", "Vanessa cardui")):
        key = next(row["taxonID"] for row in rows if row["scientificName"] == of)
        rows.append({"taxonID": str(len(rows) + 1), "acceptedNameUsageID": key, "scientificName": name,
                     "taxonRank": "species", "taxonomicStatus": "synonym"})  # fmt: skip
    write_table(makings.folder / "taxonomies" / "checklist.tsv", rows, "\t")
    write(makings.folder / "rare.txt", "# Species that must not be trained on\nTurdus migratorius\nCynthia cardui\n"
          "Chaetodon ephippium Cuvier & Valenciennes 1831\n")  # fmt: skip


def make_checklist(lineages: Sequence[Mapping[str, str]], moved: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yields the rows of a Darwin Core table. moved: genus → the family in which this list has it."""
    numbers: dict[tuple[str, ...], str] = {}
    for lineage in lineages:
        above: tuple[str, ...] = ()
        for rank in RANKS:
            name = moved.get(lineage["genus"], lineage[rank]) if rank == "family" else lineage[rank]
            path = (*above, name)
            if path not in numbers:
                numbers[path] = str(len(numbers) + 1)
                yield {"taxonID": numbers[path], "parentNameUsageID": numbers.get(above, ""), "acceptedNameUsageID": "",
                       "scientificName": name, "taxonRank": rank, "taxonomicStatus": "accepted"}  # fmt: skip
            above = path


# What became of it


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
        was = " ".join(filter(None, (got.get("outcome"), got.get("status"), got.get("taxon")))) or "not in the catalogue"
        print(f"{one.case:{width}}  {shown:28}  {was}{reason}{'' if is_right else '  <-- differs'}")
    counts = Counter(row["outcome"] for row in catalogue)
    said = json.loads((makings_folder / "dataset" / "counts.json").read_text("utf-8"))["outcomes"]
    if {outcome: count for outcome, count in said.items() if count} != counts:
        print(f"the counts {said} are not those of the catalogue, {dict(counts)}")
        wrong += 1
    print(f"\n{len(catalogue)} rows: {', '.join(f'{count} {outcome}' for outcome, count in counts.most_common())}")
    return wrong


def make_sources(folder: Path, photos: Path | None = None) -> list[Planted]:
    """Writes the sources, the taxonomies, the list of rare species, the configurations and planted.csv."""
    makings = Makings(folder)
    for make in (make_taxonomies, make_inat21, make_bioscan, make_park, make_shard, make_test_set):
        make(makings)
    write_table(folder / "planted.csv", [asdict(one) for one in makings.planted])
    shutil.copy(CONFIG, folder / "build.yaml")
    write(folder / "train.yaml", TRAIN)
    return makings.planted


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


def run(*arguments: str) -> None:
    """Runs a command of bioclip-x, which must succeed."""
    print(f"\n$ bioclip-x {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", "bioclip_x", *arguments], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder to make")
    parser.add_argument("--photos", type=Path, help="photographs to add: tinyimagenet_bio, grocery_produce, … in a folder")
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
