"""Tar files of samples: what they hold, in which order, and that webdataset and the project's own reader read them back."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from data_set_builds import SPECIES, build, draw, lay_source, read_catalogue, write_config, write_rows

pytest.importorskip("duckdb", reason="needs the extra dataset")
pytest.importorskip("imagehash", reason="needs the extra dataset")

TEXTS = {
    "com.txt", "common_name.txt", "sci.txt", "sci_com.txt", "scientific_name.txt", "taxon.txt", "taxonTag.txt",
    "taxonTag_com.txt", "taxon_com.txt", "taxonomic_name.txt",
}  # fmt: skip
"""BioCLIP's ten text members."""


def read_shards(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The samples of each tar file in order: `__key__`, and its members by suffix."""
    shards: dict[str, list[dict[str, Any]]] = {}
    for file in sorted((folder / "shards").glob("*.tar")):
        samples: list[dict[str, Any]] = []
        with tarfile.open(file) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                content = tar.extractfile(member)
                assert content is not None
                if not samples or samples[-1]["__key__"] != key:
                    samples.append({"__key__": key})
                assert suffix not in samples[-1]
                samples[-1][suffix] = content.read()
        shards[file.name] = samples
    return shards


def find_sample(folder: Path, source_id: str) -> dict[str, Any]:
    row = read_catalogue(folder)[source_id]
    return next(one for one in read_shards(folder)[row["shard"]] if one["__key__"] == row["id"])


def test_samples_have_bioclips_members_and_the_catalogue_says_where_they_are(tmp_path: Path) -> None:
    lay_source(tmp_path, 25)
    counts, _ = build(write_config(tmp_path))
    shards, catalogue = read_shards(tmp_path / "out"), read_catalogue(tmp_path / "out")
    assert counts["outcomes"]["used"] == 25 == sum(map(len, shards.values()))
    assert all(
        len(samples) == 10 for name, samples in shards.items() if name < max(n for n in shards if n[0] == name[0])
    )
    of = {row["id"]: row for row in catalogue.values()}
    for name, samples in shards.items():
        for sample in samples:
            row = of[sample["__key__"]]
            assert (row["shard"], row["split"]) == (name, name.partition("-")[0])
            assert set(sample) == {"__key__", "jpg", "json", *TEXTS}
            described = json.loads(sample["json"])
            assert described["source_id"] == row["source_id"] and described["licence"] == "CC-BY-4.0"
            assert described["lineage"]["species"] == SPECIES[int(row["source_id"]) % 4]
            assert sample["scientific_name.txt"].decode() == described["lineage"]["species"]
            assert sample["jpg"] == (tmp_path / f"park/{row['source_id']}.jpg").read_bytes()


def test_images_keep_their_order_when_some_are_added(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 30)
    write_rows(tmp_path / "park.jsonl", rows[::2])
    file = write_config(tmp_path, shards={"images": 4})
    orders = []
    for listed in (rows[::2], rows):
        write_rows(tmp_path / "park.jsonl", listed)
        build(file)
        samples = [one["__key__"] for shard in read_shards(tmp_path / "out").values() for one in shard]
        orders.append(samples)
    assert [key for key in orders[1] if key in orders[0]] == orders[0]


def test_shards_that_are_no_longer_wanted_go(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 30)
    file = write_config(tmp_path, shards={"images": 4})
    build(file)
    before = set(read_shards(tmp_path / "out"))
    write_rows(tmp_path / "park.jsonl", rows[:6])
    build(file)
    after = read_shards(tmp_path / "out")
    assert set(after) < before and sum(map(len, after.values())) == 6


def test_a_shard_that_was_damaged_or_deleted_is_written_again(tmp_path: Path) -> None:
    lay_source(tmp_path, 30)
    file = write_config(tmp_path)
    build(file)
    whole = {path: path.read_bytes() for path in (tmp_path / "out/shards").iterdir()}
    first, second, *_ = whole
    first.unlink()
    second.write_bytes(second.read_bytes()[:5000])
    build(file)
    assert {path: path.read_bytes() for path in (tmp_path / "out/shards").iterdir()} == whole


def test_an_image_that_is_gone_when_shards_are_written_is_accounted_for(tmp_path: Path) -> None:
    lay_source(tmp_path, 10)
    file = write_config(tmp_path)
    build(file, until="duplicates")
    (tmp_path / "park/003.jpg").unlink()
    counts, _ = build(file)
    row = read_catalogue(tmp_path / "out")["003"]
    assert (row["outcome"], row["reason"], row["shard"], row["split"]) == (
        "unreadable", "changed while the data set was built: no such file", "", "",
    )  # fmt: skip
    assert (counts["outcomes"]["used"], counts["outcomes"]["unreadable"], counts["images"]) == (9, 1, 10)


def lay_odd(folder: Path) -> None:
    """One image of each kind that is or is not written as it is."""
    rows = lay_source(folder, 4)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "rgb.png": (draw(100), {}),
        "rgb.webp": (draw(101), {"lossless": True}),
        "grey.jpg": (draw(102).convert("L"), {}),
        "turned.jpg": (draw(103), {"exif": exif, "quality": 95}),
        "cmyk.jpg": (draw(104).convert("CMYK"), {"quality": 95}),
        "alpha.png": (draw(105).convert("RGBA"), {}),
        "palette.gif": (draw(106).convert("P"), {}),
        "large.jpg": (draw(107, (320, 200)), {"quality": 95}),
        "long.jpg": (draw(108, (400, 64)), {"quality": 95}),
    }
    for name, (image, options) in kinds.items():
        image.save(folder / "park" / name, **options)
        rows.append(rows[0] | {"source_id": name, "image": f"park/{name}"})
    write_rows(folder / "park.jsonl", rows)


KEPT = {"rgb.png": "png", "rgb.webp": "webp", "grey.jpg": "jpg"}


def test_files_are_kept_as_they_are_or_become_upright_rgb_jpegs(tmp_path: Path) -> None:
    lay_odd(tmp_path)
    counts, _ = build(write_config(tmp_path, duplicates={"perceptual": None}))
    assert counts["outcomes"]["used"] == 13
    for name in (*KEPT, "turned.jpg", "cmyk.jpg", "alpha.png", "palette.gif", "large.jpg"):
        sample = find_sample(tmp_path / "out", name)
        raw = (tmp_path / "park" / name).read_bytes()
        if name in KEPT or name == "large.jpg":
            assert sample[KEPT.get(name, "jpg")] == raw, name
            continue
        assert sample["jpg"] != raw, name
        with Image.open(io.BytesIO(sample["jpg"])) as image:
            assert image.format == "JPEG" and image.mode == "RGB" and not image.getexif()
            with Image.open(tmp_path / "park" / name) as original:
                upright = original.transpose(Image.Transpose.ROTATE_270) if name == "turned.jpg" else original
                assert image.size == upright.size
                difference = np.asarray(image, float) - np.asarray(upright.convert("RGB"), float)
                assert abs(difference).mean() < 16, name  # a palette's dots suffer most


@pytest.mark.parametrize(
    ("resize", "sizes"),
    [
        ("shortest", {"large.jpg": (102, 64), "long.jpg": (400, 64), "000": (48, 40)}),
        ("squash", {"large.jpg": (64, 64), "long.jpg": (64, 64), "000": (64, 64), "rgb.png": (64, 64)}),
    ],
)
def test_large_images_are_reduced(tmp_path: Path, resize: str, sizes: dict[str, tuple[int, int]]) -> None:
    lay_odd(tmp_path)
    build(write_config(tmp_path, images={"size": 64, "resize": resize}, duplicates={"perceptual": None}))
    for name, size in sizes.items():
        with Image.open(io.BytesIO(find_sample(tmp_path / "out", name)["jpg"])) as image:
            assert image.size == size, name


def test_truncated_files_that_are_read_are_written_whole(tmp_path: Path) -> None:
    rows = lay_source(tmp_path, 4)
    draw(50, (320, 240)).save(tmp_path / "park/cut.jpg", quality=95)
    raw = (tmp_path / "park/cut.jpg").read_bytes()
    (tmp_path / "park/cut.jpg").write_bytes(raw[: int(len(raw) * 0.95)])
    write_rows(tmp_path / "park.jsonl", [*rows, rows[0] | {"source_id": "cut", "image": "park/cut.jpg"}])
    file = write_config(tmp_path)
    assert build(file)[0]["outcomes"]["unreadable"] == 1
    counts, _ = build(file, **{"images.truncated": "read"})
    assert counts["outcomes"]["used"] == 5
    with Image.open(io.BytesIO(find_sample(tmp_path / "out", "cut")["jpg"])) as image:
        image.load()  # Pillow refuses a truncated file


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves files open
def test_webdataset_reads_them(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset", reason="needs webdataset")
    lay_odd(tmp_path)
    build(write_config(tmp_path, splits={}))
    urls = [str(path) for path in sorted((tmp_path / "out/shards").glob("*.tar"))]
    read = list(wds.WebDataset(urls, shardshuffle=False).decode("pil"))
    assert len(read) == sum(map(len, read_shards(tmp_path / "out").values())) == 13
    for sample in read:
        image = sample.get("jpg") or sample.get("png") or sample.get("webp")
        assert image.mode == "RGB" and sample["json"]["id"] == sample["__key__"]
        assert sample["taxontag.txt" if "taxontag.txt" in sample else "taxonTag.txt"]


def test_the_projects_own_reader_reads_them(tmp_path: Path) -> None:
    from bioclip_x.classes.taxonomy_files import read_taxonomy
    from bioclip_x.hooks.registry import create_registry

    lay_odd(tmp_path)
    build(write_config(tmp_path, splits={}))
    registry = create_registry()
    taxonomy = read_taxonomy(registry, tmp_path / "out/taxonomy.csv", None)
    dataset = registry.make("datasets", "webdataset", {"path": str(tmp_path / "out/shards/train-*.tar")})
    notes = list(dataset.prepare(taxonomy))
    assert len(dataset) == 13, notes
    of = {row["id"]: row for row in read_catalogue(tmp_path / "out").values()}
    for index in range(13):
        row = next(row for id_, row in of.items() if id_ in dataset.name(index))
        assert taxonomy.taxon(dataset.sample(index).node).name == row["species"]
