from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from bioclip_x.classes.taxonomy_files import read_taxonomy
from bioclip_x.errors import ImageError, TrainingError
from bioclip_x.hooks.capabilities import ImageDecoderCapabilities
from bioclip_x.hooks.registry import create_registry
from bioclip_x.images.file_types import SUFFIXES
from bioclip_x.images.files import ImageFiles
from bioclip_x.records import OpenedImage
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from bioclip_x_plugins.datasets.manifest import Manifest


@pytest.fixture
def taxonomy() -> Taxonomy:
    """Two birds, and a genus name that is in two kingdoms."""
    builder = TaxonomyBuilder()
    for lineage in (
        [("kingdom", "Animalia"), ("genus", "Parus"), ("species", "Parus major")],
        [("kingdom", "Animalia"), ("genus", "Oenanthe"), ("species", "Oenanthe oenanthe")],
        [("kingdom", "Animalia"), ("genus", "Ficus"), ("species", "Ficus communis")],
        [("kingdom", "Plantae"), ("genus", "Ficus"), ("species", "Ficus communis")],
    ):
        builder.add_lineage(lineage)
    return builder.build()


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), "red").save(folder / name)


def name_of(taxonomy: Taxonomy, node: int) -> str:
    return taxonomy.names[node]


def test_image_folder_resolves_folder_names(tmp_path: Path, taxonomy: Taxonomy) -> None:
    make(tmp_path, "Parus_major/b.png", "Parus_major/deep/a.JPG", "oenanthe oenanthe/a.png", "Nobody/a.png")
    make(tmp_path, "Ficus communis/a.png")
    (tmp_path / "Parus_major" / "notes.txt").write_text("")
    make(tmp_path, "Parus_major/.hidden.png", "Parus_major/.thumbnails/a.png")  # which `classify` leaves alone too
    data = ImageFolder(path=tmp_path)
    notes = list(data.prepare(taxonomy))
    labels = [name_of(taxonomy, data.sample(i).node) for i in range(len(data))]
    assert labels == ["Parus major", "Parus major", "Oenanthe oenanthe"]
    assert ImageFiles().read_any(data.image(0)).image.size == (4, 4)
    assert "1 folders" in notes[0] and "not in the taxonomy, skipped: Nobody" in notes[0]
    assert "match several taxa" in notes[1] and "Ficus communis" in notes[1]


def test_image_folder_reads_the_file_types_of_classify(tmp_path: Path, taxonomy: Taxonomy) -> None:
    make(tmp_path, "Parus_major/a.png")
    for suffix in SUFFIXES:
        (tmp_path / "Parus_major" / f"b{suffix}").write_bytes(b"")
    data = ImageFolder(path=tmp_path)
    list(data.prepare(taxonomy))
    assert {".jfif", ".avif"} < SUFFIXES and len(data) == len(SUFFIXES) + 1


def test_image_folder_errors(tmp_path: Path, taxonomy: Taxonomy) -> None:
    with pytest.raises(TrainingError, match="does not exist"):
        list(ImageFolder(path=tmp_path / "none").prepare(taxonomy))
    with pytest.raises(TrainingError, match="has no subfolders"):
        list(ImageFolder(path=tmp_path).prepare(taxonomy))
    (tmp_path / "Parus_major").mkdir()
    bad = tmp_path / "Parus_major" / "bad.png"
    bad.write_bytes(b"bad")
    data = ImageFolder(path=tmp_path)
    list(data.prepare(taxonomy))
    with pytest.raises(ImageError, match=r"bad\.png: not an image"):
        ImageFiles().read_any(data.image(0))


ROWS = {
    "path": ["a.png", "b.png", "c.png", "d.png"],
    "label": ["Parus major", "", "Nobody", "Animalia; Ficus; Ficus communis"],
    "text": ["", "a blue bird", "", " a fig "],
}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_manifest(tmp_path: Path, taxonomy: Taxonomy, suffix: str) -> None:
    path = tmp_path / f"manifest{suffix}"
    if suffix == ".parquet":
        parquet.write_table(pa.table(ROWS | {"text": [None, *ROWS["text"][1:]]}), path)
    else:
        between = "," if suffix == ".csv" else "\t"
        path.write_text("\n".join(between.join(row) for row in [tuple(ROWS), *zip(*ROWS.values())]), "utf-8")
    make(tmp_path / "pictures", "a.png")
    data = Manifest(path=path, images=tmp_path / "pictures")
    notes = list(data.prepare(taxonomy))
    samples = [data.sample(i) for i in range(len(data))]
    assert [sample.texts for sample in samples] == [(), ("a blue bird",), ("a fig",)]
    assert [sample.node < 0 for sample in samples] == [False, True, False]
    assert name_of(taxonomy, samples[2].node) == "Ficus communis"
    assert ImageFiles().read_any(data.image(0)).image.mode == "RGB"
    with pytest.raises(ImageError, match=r"b\.png: no such file"):
        ImageFiles().read_any(data.image(1))
    assert any("not in the taxonomy, left out: Nobody" in note for note in notes)
    assert any("1 of 4 rows" in note for note in notes)


def test_manifest_errors(tmp_path: Path, taxonomy: Taxonomy) -> None:
    with pytest.raises(TrainingError, match="does not exist"):
        list(Manifest(path=tmp_path / "none.csv").prepare(taxonomy))
    (tmp_path / "m.csv").write_text("file,label\na,b\n")
    with pytest.raises(TrainingError, match="lacks the column path; it has file, label"):
        list(Manifest(path=tmp_path / "m.csv").prepare(taxonomy))
    (tmp_path / "broken.parquet").write_bytes(b"no")
    with pytest.raises(TrainingError, match="cannot be read"):
        list(Manifest(path=tmp_path / "broken.parquet").prepare(taxonomy))


def test_off_list_images_are_kept_on_request(tmp_path: Path, taxonomy: Taxonomy) -> None:
    """Of no taxon of the tree at all; a name of two classes stays out as well."""
    make(tmp_path, "Parus major/a.png", "Nobody/a.png", "Parus/a.png", "Ficus communis/a.png")
    folders = ImageFolder(path=tmp_path, off_list="keep")
    notes = list(folders.prepare(taxonomy))
    seen = {Path(folders.name(i)).parent.name: folders.sample(i).node for i in range(len(folders))}
    assert seen.pop("Nobody") == -1
    assert {label: name_of(taxonomy, node) for label, node in seen.items()} == {
        "Parus major": "Parus major", "Parus": "Parus",
    }  # fmt: skip
    assert any("not in the taxonomy, kept as off-list: Nobody" in note for note in notes)
    table = tmp_path / "t.csv"
    table.write_text("path,label\na.png,Parus major\nb.png,Nobody\nc.png,Parus\nd.png,\n")
    rows = Manifest(path=table, off_list="keep")
    notes = list(rows.prepare(taxonomy))
    assert [(Path(rows.name(i)).name, rows.sample(i).node >= 0) for i in range(len(rows))] == [
        ("a.png", True), ("b.png", False), ("c.png", True),
    ]  # fmt: skip
    assert any("kept as off-list: Nobody" in note for note in notes)
    assert any("1 of 4 rows" in note for note in notes)


def test_labels_above_the_classes_are_inner_nodes(tmp_path: Path, taxonomy: Taxonomy) -> None:
    make(tmp_path, "Parus major/a.png", "Parus/b.png", "Animalia/c.png", "Oenanthe sp./d.png")
    folders = ImageFolder(path=tmp_path)
    assert list(folders.prepare(taxonomy)) == []
    assert [taxonomy.names[node] for node in folders.nodes()] == ["Animalia", "Oenanthe", "Parus", "Parus major"]
    (tmp_path / "t.csv").write_text("path,label\na.png,Parus major\nb.png,Parus\nc.png,Animalia; Ficus\n")
    rows = Manifest(path=tmp_path / "t.csv")
    assert list(rows.prepare(taxonomy)) == []
    assert [taxonomy.names[node] for node in rows.nodes()] == ["Parus major", "Parus", "Ficus"]
    for data in (folders, rows):
        assert data.nodes().tolist() == [data.sample(i).node for i in range(len(data))]
        assert data.nodes().dtype == np.int64


LABELS = """split,file,class_id
train,a.png,0
train,b.png,1
test,c.png,1
test,d.png,2
train,e.png,3
"""
NAMES = """class_id,genus,species
0,Parus,Parus major
1,Oenanthe,
2,,
4,Ficus,Ficus communis
"""


def test_columns_and_split_of_a_manifest(tmp_path: Path, taxonomy: Taxonomy) -> None:
    """A table that names its columns otherwise, and whose labels are numbers that another table explains."""
    (tmp_path / "labels.csv").write_text(LABELS)
    (tmp_path / "classes.csv").write_text(NAMES)
    columns = {"path": "file", "label": "class_id", "name": ["species", "genus"]}

    def manifest(split: str = "") -> Manifest:
        names = tmp_path / "classes.csv"
        return Manifest(path=tmp_path / "labels.csv", columns=columns, split=split, names=names)

    seen = {}
    for split in ("train", "test", ""):
        data = manifest(split)
        notes = list(data.prepare(taxonomy))
        seen[split] = [(Path(data.name(i)).name, taxonomy.names[data.sample(i).node]) for i in range(len(data))]
        assert any("the images of all its splits are used: train (3), test (2)" in one for one in notes) == (not split)
    assert seen["train"] == [("a.png", "Parus major"), ("b.png", "Oenanthe")]
    assert seen["test"] == [("c.png", "Oenanthe")] and len(seen[""]) == 3
    assert any("2 labels of" in one and "have no name in" in one and one.endswith("2, 3") for one in notes)
    with pytest.raises(TrainingError, match=r"has no row of the split 'val'; it has train \(3\), test \(2\)"):
        list(manifest("val").prepare(taxonomy))


def test_columns_of_a_manifest_that_are_not_there(tmp_path: Path, taxonomy: Taxonomy) -> None:
    (tmp_path / "labels.csv").write_text("file,label\na.png,Parus major\n")
    for options, message in (
        ({"columns": {"path": "image"}}, "lacks the column image; it has file, label"),
        ({"columns": {"path": "file"}, "split": "train"}, "lacks the column split; it has file, label"),
        (
            {"columns": {"file": "path"}},
            "columns: 'file' is no column of a manifest; known: path, label, text, split, name",
        ),
        ({"columns": {"path": ["a", "b"]}}, "columns: path: expected the name of one column"),
        ({"columns": {"path": "file"}, "names": tmp_path / "none.csv"}, "the table of names .*none.csv does not exist"),
        ({"columns": {"path": "file"}, "names": tmp_path / "labels.csv"}, "lacks the column name; it has file, label"),
    ):
        with pytest.raises(TrainingError, match=message):
            list(Manifest(path=tmp_path / "labels.csv", **options).prepare(taxonomy))  # type: ignore[arg-type]
    (tmp_path / "twice.csv").write_text("label,name\n0,Parus major\n0,Ficus\n")
    data = Manifest(path=tmp_path / "labels.csv", columns={"path": "file"}, names=tmp_path / "twice.csv")
    with pytest.raises(TrainingError, match="the label '0' has two names, 'Parus major' and 'Ficus'"):
        list(data.prepare(taxonomy))


@pytest.mark.parametrize(("name", "split"), [("grocery_produce", "train"), ("tinyimagenet_bio", "train")])
def test_real_tables_are_used_as_they_are(shared_data: Path, name: str, split: str) -> None:
    folder = shared_data / name
    tree = read_taxonomy(create_registry(), folder / "classes.csv")
    columns = {"path": "file", "label": "class_id", "name": ["species", "genus", "family", "order", "cls"]}
    data = Manifest(
        path=folder / "labels.csv", images=folder / "images", columns=columns, split=split, names=folder / "classes.csv"
    )
    assert list(data.prepare(tree)) == []
    expected = sum(line.startswith(f"{split},") for line in (folder / "labels.csv").read_text("utf-8").splitlines())
    assert len(data) == expected > 0 and (data.nodes() >= 0).all()
    assert ImageFiles().read_any(data.image(0)).image.mode == "RGB"


def test_image_folder_counts_what_it_leaves_out(tmp_path: Path, taxonomy: Taxonomy) -> None:
    make(tmp_path, "Parus_major/a.png", "Parus_major/@eaDir/b.png", "@eaDir/c.png", "loose.png")
    (tmp_path / "Parus_major" / "notes.txt").write_text("prose")
    (tmp_path / "Parus_major" / "clip.mov").write_bytes(b"x")
    data = ImageFolder(path=tmp_path)
    notes = list(data.prepare(taxonomy))
    assert [Path(data.name(i)).name for i in range(len(data))] == ["a.png", "clip.mov"]
    assert f"1 images of {tmp_path} are in no folder of a class, skipped" in notes
    assert f"{tmp_path}: left out: 1 file that is no image (.txt 1); 2 folders @eaDir" in notes


def test_image_folder_finds_the_formats_of_plugins(tmp_path: Path, taxonomy: Taxonomy) -> None:
    class Decoder:
        capabilities = ImageDecoderCapabilities(suffixes=(".xyz",))

        def recognises(self, head: bytes, suffix: str) -> bool:
            return suffix == ".xyz"

        def decode(self, stream: object) -> OpenedImage:
            return OpenedImage(Image.new("RGB", (3, 2)), ("odd",))

    (tmp_path / "Parus_major").mkdir()
    (tmp_path / "Parus_major" / "a.xyz").write_bytes(b"x")
    data = ImageFolder(path=tmp_path)
    files = ImageFiles({"mine": Decoder()})
    files.serve(data)
    list(data.prepare(taxonomy))
    assert files.read_any(data.image(0)).notes == ("odd",)


def test_manifest_of_urls(tmp_path: Path, taxonomy: Taxonomy) -> None:
    make(tmp_path, "a.png")
    path = tmp_path / "m.csv"
    path.write_text(f"url,label\nfile://{tmp_path}/a.png,Parus major\n")
    data = Manifest(path=path)
    list(data.prepare(taxonomy))
    assert data.name(0) == f"file://{tmp_path}/a.png"
    assert ImageFiles().read_any(data.image(0)).image.size == (4, 4)
