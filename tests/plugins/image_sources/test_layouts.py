"""The published layouts: names, licences, and an account of every image."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bioclip_x.hooks.components import ImageSource
from bioclip_x.plugin import DatasetError
from bioclip_x_plugins.image_sources.bioscan import Bioscan
from bioclip_x_plugins.image_sources.eol import Eol
from bioclip_x_plugins.image_sources.folder import Folder
from bioclip_x_plugins.image_sources.gbif import Gbif
from bioclip_x_plugins.image_sources.inat21 import INat21
from bioclip_x_plugins.image_sources.webdataset import WebDataset
from plugins.image_sources import layouts
from plugins.image_sources.layouts import MAGPIE, PIXEL, WORM, read, write, write_tar

NO_FILE, NO_ROW = "its image file does not exist", "no row of the metadata names this image file"


def pick(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(column) or "" for column in columns) for row in rows]


def test_folder(tmp_path: Path) -> None:
    write(
        layouts.lay_folder(tmp_path), {"loose.jpg": PIXEL, "@eaDir/x.jpg": PIXEL, "Parus_major/notes.txt": "no image"}
    )
    source = Folder(path=tmp_path)
    assert pick(read(source), "source_id", "name", "problem") == [
        ("loose.jpg", "", "it lies in no folder of a class"),
        ("Parus_major/1.jpg", "Parus major", ""),
        ("Parus_major/old/2.jpg", "Parus major", ""),
        ("great tit/3.png", "great tit", ""),
    ]
    assert source.notes() == ["1 row cannot be used: it lies in no folder of a class: loose.jpg"]
    with pytest.raises(DatasetError, match="has no images"):
        read(Folder(path=write(tmp_path / "empty", {"a.txt": ""})))


@pytest.mark.skipif(os.name == "nt", reason="names of files are Unicode on Windows")
def test_names_of_files_that_are_no_text_have_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    try:
        Path(os.fsdecode(bytes(tmp_path / "a") + b"/caf\xe9.jpg")).write_bytes(PIXEL)
    except OSError:
        pytest.skip("the file system takes no such names")
    [row] = read(Folder(path=tmp_path))
    assert row["problem"] == "its path is not valid UTF-8" and row["source_id"] == "a/caf\\udce9.jpg"


def test_the_revision_changes_with_the_files(tmp_path: Path) -> None:
    source = Folder(path=layouts.lay_folder(tmp_path))
    before = source.revision()
    assert source.revision() == before
    write(tmp_path, {"Parus_major/old/4.jpg": PIXEL})
    assert source.revision() != before


def test_inat21_with_annotations(tmp_path: Path) -> None:
    source = INat21(root=layouts.lay_inat21(tmp_path))
    rows = read(source)
    columns = ("source_id", "species", "common_name", "licence", "rights_holder", "problem")
    by = "http://creativecommons.org/licenses/by/4.0/"
    assert pick(rows, *columns) == [
        (f"train/{MAGPIE}/aa.jpg", "Pica hudsonia", "Black-billed Magpie", by, "owner 0", ""),
        (f"train/{WORM}/cc.jpg", "Lumbricus terrestris", "Common Earthworm", "Public Domain", "owner 1", ""),
        (f"train/{WORM}/gone.jpg", "Lumbricus terrestris", "Common Earthworm", by, "owner 2", NO_FILE),
        (f"train/{MAGPIE}/bb.jpg", "", "", "", "", NO_ROW),
    ]
    assert rows[0]["image"] == str(tmp_path / f"train/{MAGPIE}/aa.jpg") and rows[0]["family"] == "Corvidae"
    assert len(source.notes()) == 2


def test_inat21_by_folders(tmp_path: Path) -> None:
    source = INat21(root=layouts.lay_inat21(tmp_path, annotations=False))
    rows = read(source)
    ids = [f"train/{WORM}/cc.jpg", f"train/{MAGPIE}/aa.jpg", f"train/{MAGPIE}/bb.jpg"]
    assert pick(rows, "source_id", "kingdom", "species") == [
        (ids[0], "Animalia", "Lumbricus terrestris"),
        (ids[1], "Animalia", "Pica hudsonia"),
        (ids[2], "Animalia", "Pica hudsonia"),
    ]
    assert "has no train.json" in source.notes()[0]
    write(tmp_path, {"train/birds/a.jpg": PIXEL})
    with pytest.raises(DatasetError, match="'birds' is no lineage"):
        read(source)


JSON_FAULTS = [
    (lambda d: d["annotations"].pop(0), None),
    (lambda d: d["categories"][0].pop("specific_epithet"), "categories: KeyError.*specific_epithet"),
    (lambda d: d["annotations"][0].update(image_id="x"), "annotations: TypeError"),
    (lambda d: d["images"][0].pop("file_name"), "image 1: expected id and file_name"),
    (lambda d: d["images"][1].update(file_name="../x.jpg"), r"row 2: '\.\./x.jpg' is outside"),
    (lambda d: d.pop("categories"), "has no categories"),
]


@pytest.mark.parametrize(("change", "message"), JSON_FAULTS)
def test_broken_annotations_of_inat21(tmp_path: Path, change: Any, message: str | None) -> None:
    root = layouts.lay_inat21(tmp_path)
    document = json.loads((root / "train.json").read_text())
    change(document)
    (root / "train.json").write_text(json.dumps(document))
    if message is None:
        assert read(INat21(root=root))[0]["problem"] == "it has no annotation"
        return
    with pytest.raises(DatasetError, match=message) as error:
        read(INat21(root=root))
    assert "train.json" in str(error.value)


def test_bioscan_1m(tmp_path: Path) -> None:
    source = Bioscan(root=layouts.lay_bioscan_1m(tmp_path))
    rows = read(source)
    assert pick(rows, "source_id", "name", "rank", "kingdom", "genus", "species", "problem") == [
        ("BIOUG1", "Pericoma", "genus", "Animalia", "Pericoma", "", ""),
        ("BIOUG2", "Chironomidae", "family", "Animalia", "", "", ""),
        ("BIOUG3", "Agathis pumila", "species", "Animalia", "Agathis", "Agathis pumila", NO_FILE),
        ("part2/9999999.jpg", "", "", "", "", "", NO_ROW),
    ]
    assert rows[1]["image"] == str(tmp_path / "images/cropped_256/part2/4900532.jpg")
    assert pick(rows, "licence", "rights_holder")[:2] == [
        ("CreativeCommons - Attribution", "A museum"), ("CC BY 3.0", "CBG Photography Group"),
    ]  # fmt: skip
    with pytest.raises(DatasetError, match="no splits of its own"):
        read(Bioscan(root=tmp_path, split="train"))


def test_bioscan_5m(tmp_path: Path) -> None:
    root = layouts.lay_bioscan_5m(tmp_path)
    rows = read(Bioscan(root=root))
    folder = root / "images/cropped_256"
    assert pick(rows, "image", "name", "split", "problem") == [
        (str(folder / "pretrain/a3/AACTA100.jpg"), "Psychodidae", "pretrain", ""),
        (str(folder / "val/AACTA200.jpg"), "Agathis pumila", "val", ""),
    ]
    assert pick(read(Bioscan(root=root, split="val")), "source_id") == [("AACTA200",)]
    table = root / "metadata/csv/BIOSCAN_5M_Insect_Dataset_metadata.csv"
    table.write_text(table.read_text().replace("chunk", "lump"))
    with pytest.raises(DatasetError, match="is no table of BIOSCAN-5M: it has no column chunk"):
        read(Bioscan(root=root))
    table.write_text(table.read_text().replace("lump", "chunk").replace(",a3\n", ",../..\n"))
    with pytest.raises(DatasetError, match="outside"):
        read(Bioscan(root=root, metadata=table, package="cropped_256"))


@pytest.mark.parametrize("packed", [False, True])
def test_eol_with_images(tmp_path: Path, packed: bool) -> None:
    root = layouts.lay_eol(tmp_path)
    manifest = root / "manifest"
    if packed:
        manifest = write_tar(root / "media_manifest.tgz", [
            ("media_manifest_2.csv", layouts.MEDIA_2), ("media_manifest_1.csv", layouts.MEDIA_1),
        ], "w:gz")  # fmt: skip
    source = Eol(
        manifest=manifest, images=root / "images", taxa=root / "taxon.tab", provider_ids=root / "provider_ids.csv"
    )
    rows = read(source)
    assert pick(rows, "source_id", "name", "rank", "kingdom", "phylum", "problem") == [
        ("12853737_449393", "Cyclonaias tuberculata", "species", "Metazoa", "Mollusca", ""),
        ("21411803_449393", "Cyclonaias tuberculata", "species", "Metazoa", "Mollusca", ""),
        ("30_900", "Parus major", "", "", "", ""),
        ("31_901", "", "", "", "", NO_FILE),
        ("99_1", "Metazoa", "kingdom", "Metazoa", "", NO_ROW),
        (
            "holiday.jpg",
            "",
            "",
            "",
            "",
            "its name is not that of an image of EOL (CONTENT_PAGE_eol-full-size-copy.jpg)",
        ),
    ]
    images = root / "images"
    assert pick(rows[:3], "image", "member", "licence", "rights_holder", "reference") == [
        (
            str(images / "set/12853737_449393_eol-full-size-copy.jpg"),
            "",
            "cc-by-nc-3.0",
            "Doe, Jane",
            "https://eol.org/pages/449393",
        ),
        (
            str(images / "a.tar"),
            "x/21411803_449393_eol-full-size-copy.jpg",
            "cc-by-4.0",
            "Jim",
            "https://eol.org/pages/449393",
        ),
        (str(images / "b.tar.gz"), "30_900_eol-full-size-copy.jpg", "cc0", "", "https://eol.org/pages/900"),
    ]
    assert len(source.notes()) == 3


def test_eol_by_urls(tmp_path: Path) -> None:
    root = layouts.lay_eol(tmp_path)
    source = Eol(manifest=root / "manifest", provider_ids=root / "provider_ids.csv")
    assert pick(read(source), "image", "name") == [
        ("https://content.eol.org/1.jpg", "Cyclonaias tuberculata"),
        ("https://content.eol.org/2.jpg", "Cyclonaias tuberculata"),
        ("https://content.eol.org/3.jpg", "Parus major"),
        ("https://content.eol.org/4.jpg", ""),
    ]
    assert source.notes() == ["1 images are of pages without a name in the given tables"]
    with pytest.raises(DatasetError, match=r"expected taxa \(taxon.tab\) or provider_ids"):
        read(Eol(manifest=root / "manifest"))


def test_broken_files_of_eol(tmp_path: Path) -> None:
    root = layouts.lay_eol(tmp_path)
    archive = root / "images/a.tar"
    archive.write_bytes(archive.read_bytes()[:300])
    source = Eol(manifest=root / "manifest", images=root / "images", taxa=root / "taxon.tab")
    rows = {row["source_id"]: row for row in read(source)}
    assert rows["21411803_449393"]["problem"] == NO_FILE
    assert any("a.tar: the archive is damaged" in note for note in source.notes())
    (root / "taxon.tab").write_text("taxonID\tcanonicalName\n1\tx\n")
    with pytest.raises(DatasetError, match=r"taxon.tab is no table of EOL's taxa.*parentNameUsageID"):
        read(source)
    (root / "manifest/media_manifest_1.csv").write_text("id,page\n1,2\n")
    with pytest.raises(DatasetError, match=r"media_manifest_1.csv is no table of EOL's media"):
        read(Eol(manifest=root / "manifest", provider_ids=root / "provider_ids.csv"))


def test_taxa_of_eol_in_a_circle_end(tmp_path: Path) -> None:
    root = layouts.lay_eol(tmp_path)
    (root / "taxon.tab").write_text(layouts.TAXON_TAB.replace("EOL-1\t\t\t\tLife", "EOL-1\t\t\tEOL-6\tLife"))
    [row, *_] = read(Eol(manifest=root / "manifest", taxa=root / "taxon.tab"))
    assert (row["species"], row["kingdom"]) == ("Cyclonaias tuberculata", "Metazoa")


def test_later_versions_of_the_dynamic_hierarchy_write_eolid(tmp_path: Path) -> None:
    root = layouts.lay_eol(tmp_path)
    (root / "taxon.tab").write_text(layouts.TAXON_TAB.replace("eolID", "EOLid"))
    [row, *_] = read(Eol(manifest=root / "manifest", taxa=root / "taxon.tab"))
    assert row["species"] == "Cyclonaias tuberculata"


def test_gbif(tmp_path: Path) -> None:
    source = Gbif(path=layouts.lay_gbif(tmp_path))
    rows = read(source)
    assert pick(
        rows, "source_id", "name", "rank", "species", "common_name", "rights_holder", "reference", "problem"
    ) == [
        (
            "1 https://i/1.jpg",
            "Pica hudsonia (Sabine, 1822)",
            "SPECIES",
            "Pica hudsonia",
            "Magpie",
            "Jim",
            "https://page/1",
            "",
        ),
        ("2 https://i/2.png", "Parus L.", "GENUS", "", "", "Ann", "https://o/2", ""),
        ("9 https://i/9.jpg", "", "", "", "", "", "", "the archive has no occurrence of its identifier"),
        ("2 media row 5", "Parus L.", "GENUS", "", "", "", "https://o/2", "the row names no image"),
    ]
    assert rows[0]["licence"] == "http://creativecommons.org/licenses/by/4.0/" and rows[1]["licence"] == ""
    assert source.notes()[2:] == ["1 media are no images (sounds, videos), left out", "1 occurrences have no media"]


def test_gbif_by_meta_xml(tmp_path: Path) -> None:
    [row] = read(Gbif(path=layouts.lay_audubon(tmp_path)))
    assert (row["image"], row["name"], row["kingdom"]) == ("https://i/oak.jpg", "Quercus robur L.", "Plantae")
    assert (row["licence"], row["rights_holder"]) == ("CC BY, 4.0", "Herbarium, Berlin")


META = layouts.make_meta(
    '<field index="2" term="scientificName"/>', '<field index="0" term="accessURI"/>', "Multimedia"
)
GBIF_FAULTS = [
    ({"occurrence.txt": layouts.OCCURRENCE}, "has no multimedia.txt, nor a meta.xml"),
    ({"meta.xml": "<archive>"}, "meta.xml is not valid XML"),
    ({"meta.xml": "<!DOCTYPE x><archive/>"}, "refused for safety"),
    ({"meta.xml": '<archive><core rowType="Taxon"/></archive>'}, r"names no extension of images"),
    ({"meta.xml": META}, "expected one file of the archive for a table, got occurrence.txt"),
    (
        {"meta.xml": META.replace('coreid index="1"', 'coreid index="x"'), "occurrence.txt": "a\n", "media.csv": "b\n"},
        "number",
    ),
    ({"occurrence.txt": "x\ty\n1\t2\n", "multimedia.txt": layouts.MULTIMEDIA}, "has no column gbifID, coreid or id"),
    (
        {"occurrence.txt": layouts.OCCURRENCE, "multimedia.txt": "gbifID\ttype\n1\tStillImage\n"},
        "identifier or accessURI",
    ),
    ({"occurrence.txt": "gbifID\tyear\n1\t2\n", "multimedia.txt": layouts.MULTIMEDIA}, "no column scientificName"),
    ({"occurrence.txt": layouts.OCCURRENCE.encode() + b"4\t2", "multimedia.txt": layouts.MULTIMEDIA}, None),
]


@pytest.mark.parametrize(("files", "message"), GBIF_FAULTS)
def test_broken_archives_of_gbif(tmp_path: Path, files: dict[str, Any], message: str | None) -> None:
    source = Gbif(path=write(tmp_path, files))
    if message is None:
        assert any("occurrence.txt, row" in row["source_id"] for row in read(source))  # too short, and counted
        return
    with pytest.raises(DatasetError, match=message):
        read(source)


def test_gbif_refuses_cells_that_are_no_text_and_damaged_archives(tmp_path: Path) -> None:
    core = layouts.OCCURRENCE.encode().replace(b"Parus L.", b"Parus \xff.")
    write(tmp_path, {"a/occurrence.txt": core, "a/multimedia.txt": layouts.MULTIMEDIA})
    with pytest.raises(DatasetError, match=r"occurrence.txt cannot be read as a table: not valid UTF-8"):
        read(Gbif(path=tmp_path / "a"))
    path = layouts.lay_audubon(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetError, match="damaged or incomplete archive"):
        read(Gbif(path=path))


def test_webdataset(tmp_path: Path) -> None:
    path = layouts.lay_shard(tmp_path)
    source = WebDataset(path=path)
    rows = read(source)
    one, two, three = (f"shard-000000.tar/{id}" for id in (layouts.ID_1, layouts.ID_2, layouts.ID_3))
    assert pick(rows, "source_id", "name", "family", "species", "common_name", "licence") == [
        (one, "Pica hudsonia", "Corvidae", "Pica hudsonia", "black-billed magpie", ""),
        (two, "Corvidae", "", "", "", ""),
        (three, "Parus major", "Paridae", "", "", "CC0"),
        ("shard-000000.tar/alone", "nothing", "", "", "", ""),
    ]
    assert pick(rows[:1], "image", "member") == [(str(path), f"{layouts.ID_1}.jpg")]
    assert rows[3]["problem"] == "the sample has no image" and len(source.notes()) == 1


def test_webdataset_with_the_catalog_of_treeoflife_10m(tmp_path: Path) -> None:
    layouts.lay_shard(tmp_path)
    write(tmp_path, {"metadata/catalog.csv": layouts.CATALOG, "metadata/licenses.csv": layouts.LICENCES})
    source = WebDataset(path=tmp_path / "train/shard-{000000..000000}.tar")
    rows = read(source)
    assert pick(rows, "name", "rank", "common_name", "licence", "rights_holder", "reference", "split")[:3] == [
        ("Pica hudsonia", "species", "Black-billed Magpie", "https://creativecommons.org/licenses/by/4.0/", "Jane Doe",
         "https://eol.org/pages/449393", "train"),
        ("Corvidae", "family", "crow family", "No known copyright restrictions", "", "", "train"),
        ("Parus major", "", "", "CC0", "", "", ""),
    ]  # fmt: skip
    assert "has no row of 2 samples" in source.notes()[-1]


def test_a_lineage_in_one_text_is_no_name_where_its_ranks_are_known(tmp_path: Path) -> None:
    lineage = "Animalia Arthropoda Hymenoptera"
    members = [
        ("a.jpg", layouts.PIXEL), ("a.scientific_name.txt", ""), ("a.taxonomic_name.txt", lineage),
        ("a.common_name.txt", lineage), ("a.json", b'{"rank": "order"}'),
        ("a.taxonTag.txt", "a photo of kingdom Animalia phylum Arthropoda order Hymenoptera."),
    ]  # fmt: skip
    layouts.write_tar(tmp_path / "shard-000000.tar", members)
    assert pick(read(WebDataset(path=tmp_path)), "name", "rank", "common_name") == [("Hymenoptera", "order", "")]


@pytest.mark.parametrize(
    ("lineage", "common", "expected"),
    [
        ("Animalia,Arthropoda,Insecta,Diptera,Sciaridae,,", "Animalia Arthropoda Insecta Diptera Sciaridae", ("Sciaridae", "")),
        ("Animalia,Chordata,Aves,Passeriformes,Corvidae,Pica,hudsonia", "Pica hudsonia", ("Pica hudsonia", "")),
        ("Animalia,Chordata,Aves,,,,", "bird", ("Aves", "bird")),
        (",,,,,,", "Purple Thorn", ("Purple Thorn", "")),
    ],
)  # fmt: skip
def test_the_column_common_of_treeoflife_10m_is_often_no_common_name(
    tmp_path: Path, lineage: str, common: str, expected: tuple[str, str]
) -> None:
    layouts.write_tar(tmp_path / "dataset/EOL/image_set_01.tar.gz", [(f"{layouts.ID_1}.jpg", layouts.PIXEL)], "w:gz")
    row = f"train,{layouts.ID_1},12,3.0,,,,,,{lineage},{common}\n"
    write(tmp_path, {"metadata/catalog.csv": layouts.CATALOG.partition("\n")[0] + "\n" + row})
    assert pick(read(WebDataset(path=tmp_path / "dataset/EOL")), "name", "common_name") == [expected]


def test_ids_of_shards_of_one_name_in_two_folders_differ(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_tar(tmp_path / split / "0.tar", [("a.jpg", PIXEL), ("a.sci.txt", "a photo of Parus major.")])
    assert pick(read(WebDataset(path=tmp_path / "{train,val}" / "0.tar")), "source_id") == [
        ("train/0.tar/a",),
        ("val/0.tar/a",),
    ]
    assert pick(read(WebDataset(path=tmp_path)), "source_id") == [("train/0.tar/a",), ("val/0.tar/a",)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_shard_cut_short_gives_the_samples_before(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("a.tar.gz" if packed else "a.tar")
    samples = [
        (f"{n}.{kind}", os.urandom(3000) if kind == "jpg" else "Parus major")
        for n in range(9)
        for kind in ("sci.txt", "jpg")
    ]
    write_tar(path, samples, "w:gz" if packed else "w")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = WebDataset(path=path)
    rows = read(source)
    good = [row for row in rows if not row["problem"]]
    assert [row["source_id"] for row in good] == [f"{path.name}/{n}" for n in range(len(good))] and 2 <= len(good) < 6
    assert rows[-1]["problem"] == "the shard is damaged or cut short from here on" and len(rows) == len(good) + 1
    assert rows[-1]["source_id"].startswith(f"{path.name}/{len(good)}")
    assert any("is damaged" in note for note in source.notes())


@pytest.mark.parametrize("end", [0, 512, 700])
def test_a_shard_without_its_end_mark_is_told(tmp_path: Path, end: int) -> None:
    path = tmp_path / "a.tar"
    write_tar(path, [("0.sci.txt", "Parus major"), ("0.jpg", b"x" * 512)])
    content = path.read_bytes()
    third = write_tar(tmp_path / "b", [("1.jpg", b"y" * 512)]).read_bytes()
    path.write_bytes(content[: 4 * tarfile.BLOCKSIZE] + third[:end])  # two members, then perhaps a part of a third
    source = WebDataset(path=path)
    assert read(source)[0]["source_id"] == "a.tar/0"
    assert any("is damaged" in note for note in source.notes())


MISSING = [
    (Folder, "path"), (INat21, "root"), (Bioscan, "root"), (Gbif, "path"), (WebDataset, "path"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "option"), MISSING)
def test_missing_files_are_told(kind: type[ImageSource], option: str, tmp_path: Path) -> None:
    source = kind(**{option: tmp_path / "nowhere"})
    with pytest.raises(DatasetError, match="nowhere"):
        source.revision()
    with pytest.raises(DatasetError, match="nowhere"):
        read(source)
