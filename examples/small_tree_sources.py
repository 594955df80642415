"""The sources of `small_tree_of_life.py`: drawings in published layouts, with planted cases."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from bioclip_x_field_guide.drawing import draw_species

SEED = 1859
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
GUIDE = Path(__file__).parents[1] / "plugins" / "bioclip_x_field_guide" / "taxonomy.csv"
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
    """The folder of the sources, what was planted in them, and the lineages of the taxa."""

    folder: Path
    planted: list[Planted] = field(default_factory=list)
    lineages: dict[str, dict[str, str]] = field(default_factory=dict)
    photos: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    """Layout → name and content of the photographs that are laid out by it."""

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
    for number, (name, content) in enumerate(makings.photos.get("inat21", ())):
        source.add(name, content, ("photo", number))
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
    add(
        "rare image leaked, encoded again",
        "held out",
        "Erithacus rubecula",
        encode(draw("Turdus migratorius", 500), 55),
    )
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

    def add(name: str, content: bytes | None, **cells: str) -> str:
        lineage = {rank: value or "not_classified" for rank, value in (makings.lineages[name] | cells).items()}
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
            add(name, encode(draw(name, number)))
    for name, content in makings.photos.get("bioscan", ()):
        add(name, content)
    plant = makings.plant

    def plant_row(
        case: str, outcome: str, name: str, content: bytes | None, cells: Mapping[str, str] = {}, **expected: str
    ) -> None:
        plant(case, "BIOSCAN-1M", add(name, content, **cells), outcome, **expected)

    peacock = draw("Aglais io", 0)
    kept = f"train/{next((makings.folder / 'inat21/train').glob('*_Aglais_io')).name}/{make_id('inat', ('Aglais io', 0))}.jpg"
    plant_row("exact duplicate across sources, under another species", "duplicate", "Aglais urticae", encode(peacock),
              kept=kept, taxon="Aglais urticae")  # fmt: skip
    plant_row("duplicate encoded again", "duplicate", "Aglais urticae", encode(draw("Aglais io", 1), 60))
    small = draw("Aglais io", 2).resize((128, 128), Image.Resampling.LANCZOS)
    plant_row("duplicate at half the size", "duplicate", "Aglais urticae", encode(small))
    plant_row("mirrored copy (not found by hashes)", "used", "Aglais urticae", encode(ImageOps.mirror(peacock)))
    plant_row(
        "crop of another image: near, not the same", "used", "Aglais urticae", encode(peacock.crop((40, 40, 216, 216)))
    )
    ladybird, beetle = encode(draw("Coccinella septempunctata", 80)), encode(draw("Cicindela campestris", 80))
    plant_row(
        "identified to genus only", "used", "Coccinella septempunctata", ladybird, {"species": "not_classified"},
        status="partial", taxon="Coccinella",
    )  # fmt: skip
    plant_row(
        "genus in another family than the taxonomy's", "used", "Cicindela campestris", beetle, {"family": "Carabidae"},
        status="full", taxon="Cicindela campestris",
    )  # fmt: skip
    plant_row("row without image", "incomplete", "Pieris rapae", None)
    write(root / "images" / "cropped_256" / "part1" / "99.jpg", encode(draw("Pieris rapae", 80)))
    plant("image without row", "BIOSCAN-1M", "part1/99.jpg", "incomplete")
    write_table(root / "BIOSCAN_1M_Insect_Dataset_metadata.tsv", rows, "\t")


def make_eol(makings: Makings) -> None:
    """The media manifest in two parts, of which the first alone has column names; taxon.tab; images in a folder and a tar."""
    root, rows = makings.folder / "eol", list[list[Any]]()
    columns = [
        "EOL content ID",
        "EOL page ID",
        "Medium Source URL",
        "EOL Full-Size Copy URL",
        "License Name",
        "Copyright Owner",
    ]
    photos = makings.photos.get("eol", ())
    names = list(dict.fromkeys([*EOL, *(name for name, _ in photos)]))
    pages = {name: 45_000_000 + number for number, name in enumerate(names)}
    packed: list[tuple[str, bytes]] = []

    def add(
        name: str, content: bytes | None, licence: str = "cc-by-nc", page: int | None = None, *, listed: bool = True
    ) -> str:
        page = pages[name] if page is None else page
        key = f"{20_000_000 + len(rows) + 1000 * (not listed)}_{page}"
        if listed:
            number, url = key.split("_")[0], f"https://content.example.org/{key}"
            rows.append([number, page, f"{url}.html", f"{url}.jpg", licence, "a drawer"])
        file = f"{key}_eol-full-size-copy.jpg"
        if content is not None and len(rows) % 2:
            write(root / "images" / file, content)
        elif content is not None:
            packed.append((file, content))
        return key

    for name in EOL:
        for number in range(3):
            add(name, encode(draw(name, number)), ("cc-by-nc", "cc-publicdomain", "cc-by-sa-3.0")[number])
    for name, content in photos:
        add(name, content)
    plant, cap = makings.plant, encode(draw("Amanita muscaria", 80))
    plant("licence that is not recognised", "EOL", add("Amanita muscaria", cap, "ask me"), "used")
    plant("exact duplicate across a folder and an archive", "EOL", add("Amanita muscaria", cap), "duplicate")
    plant(
        "page without a name",
        "EOL",
        add("", encode(draw("Boletus edulis", 81)), page=46_000_000),
        "unnamed",
        status="lost",
    )
    unlisted = add("", encode(draw("Perca fluviatilis", 82)), page=46_000_001)
    plant("page that provider_ids.csv alone names", "EOL", unlisted, "used", status="full", taxon="Perca fluviatilis")
    plant("row without image", "EOL", add("Salmo trutta", None), "incomplete")
    plant("image without row", "EOL", add("Salmo trutta", encode(draw("Salmo trutta", 83)), listed=False), "incomplete")
    for part, lines in enumerate((rows[:9], rows[9:]), 1):
        path = root / "media_manifest" / f"media_manifest_{part}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows([columns, *lines] if part == 1 else lines)
    with tarfile.open(root / "images" / "image_set_01.tar", "w") as tar:
        for file, content in packed:
            info = tarfile.TarInfo(file)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    taxa = []
    for row in make_checklist([makings.lineages[name] for name in names], {}):
        page = str(pages.get(row["scientificName"], ""))
        taxa.append(row | {"canonicalName": row["scientificName"], "eolID": page})
    write_table(root / "taxon.tab", taxa, "\t")
    named = {"node_id": 1, "resource_pk": 8167, "resource_id": 676, "page_id": 46_000_001,
             "preferred_canonical_for_page": "Perca fluviatilis"}  # fmt: skip
    write_table(root / "provider_ids.csv", [named])


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
            rows.append(
                {"id": f"shard-{number}", "path": "000.tar", "member": f"{number}.jpg", "name": "Primula vulgaris"}
            )
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
    bird = {
        "kingdom": "Animalia",
        "phylum": "Chordata",
        "class": "Aves",
        "order": "Passeriformes",
        "family": "Muscicapidae",
    }
    plant = {
        "kingdom": "Plantae",
        "phylum": "Tracheophyta",
        "class": "Magnoliopsida",
        "order": "Apiales",
        "family": "Apiaceae",
    }
    first += [bird | {"genus": "Oenanthe", "species": "Oenanthe oenanthe", "common_name": "Northern wheatear"},
              plant | {"genus": "Oenanthe", "species": "Oenanthe crocata", "common_name": "Hemlock water-dropwort"}]  # fmt: skip
    write_table(makings.folder / "taxonomies" / "catalogue.csv", first)
    accepted = ("Aglais io", "Vanessa cardui", "Chaetodon ephippium", "Cicindela campestris", "Perca flavescens")
    rows = list(make_checklist([makings.lineages[name] for name in accepted], {"Cicindela": "Carabidae"}))
    for name, of in (
        ("Inachis io (Linnaeus, 1758)", "Aglais io"),
        ("Cynthia cardui (Linnaeus, 1758)", "Vanessa cardui"),
    ):
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
        for rank in (rank for rank in RANKS if lineage[rank]):
            name = moved.get(lineage["genus"], lineage[rank]) if rank == "family" else lineage[rank]
            path = (*above, name)
            if path not in numbers:
                numbers[path] = str(len(numbers) + 1)
                yield {"taxonID": numbers[path], "parentNameUsageID": numbers.get(above, ""), "acceptedNameUsageID": "",
                       "scientificName": name, "taxonRank": rank, "taxonomicStatus": "accepted"}  # fmt: skip
            above = path
