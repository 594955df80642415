"""Shards as BioCLIP writes them, and as the library webdataset reads them."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bioclip_x.errors import TrainingError
from bioclip_x.images.files import ImageFiles
from bioclip_x.taxonomy import Taxonomy, TaxonomyBuilder
from bioclip_x_plugins.datasets import shards
from bioclip_x_plugins.datasets.shards import expand_braces, index_shard, list_shards
from bioclip_x_plugins.datasets.webdataset import WebDataset

SPECIES = {
    "great tit": ("Animalia", "Chordata", "Aves", "Passeriformes", "Paridae", "Parus", "Parus major"),
    "wheatear": ("Animalia", "Chordata", "Aves", "Passeriformes", "Muscicapidae", "Oenanthe", "Oenanthe oenanthe"),
    "water dropwort": (
        "Plantae",
        "Tracheophyta",
        "Magnoliopsida",
        "Apiales",
        "Apiaceae",
        "Oenanthe",
        "Oenanthe crocata",
    ),
}
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BIOCLIP_X_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def taxonomy() -> Taxonomy:
    builder = TaxonomyBuilder()
    for lineage in SPECIES.values():
        builder.add_lineage(list(zip(RANKS, lineage)))
    return builder.build()


def make_image(colour: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 6), (colour, 10, 20)).save(stream, "JPEG")
    return stream.getvalue()


def make_texts(common: str) -> dict[str, bytes]:
    """The members of scripts/evobio10m/make_wds.py in github.com/Imageomics/bioclip."""
    *above, _, species = SPECIES[common]
    taxon = " ".join([*above, species])
    texts = {
        "scientific_name.txt": species,
        "taxonomic_name.txt": taxon,
        "common_name.txt": common,
        "sci.txt": f"a photo of {species}.",
        "com.txt": f"a photo of {common}.",
        "taxon.txt": f"a photo of {taxon}.",
        "sci_com.txt": f"a photo of {species} with common name {common}.",
        "taxon_com.txt": f"a photo of {taxon} with common name {common}.",
    }
    return {kind: text.encode() for kind, text in texts.items()}


def write(path: Path, samples: dict[str, dict[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for key, members in samples.items():
            for kind, content in members.items():
                member = tarfile.TarInfo(f"{key}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def make_samples(first: int, count: int) -> dict[str, dict[str, bytes]]:
    names = list(SPECIES)
    return {f"id-{i:04}": {"jpg": make_image(i), **make_texts(names[i % 3])} for i in range(first, first + count)}


@pytest.fixture
def bioclip(tmp_path: Path) -> Path:
    for number in range(3):
        write(tmp_path / "shards" / f"shard-{number:06}.tar", make_samples(10 * number, 10))
    return tmp_path / "shards" / "shard-{000000..000002}.tar"


def prepare(data: WebDataset, taxonomy: Taxonomy) -> list[str]:
    return list(data.prepare(taxonomy))


@pytest.mark.parametrize(
    "label", ["", "taxonomic_name.txt", "taxon.txt", "sci.txt", "sci_com.txt", "taxon_com.txt", "common_name.txt"]
)
def test_bioclips_members_name_the_taxon(bioclip: Path, taxonomy: Taxonomy, label: str) -> None:
    data = WebDataset(path=bioclip, label=label, texts=["sci.txt", "com.txt"])
    notes = prepare(data, taxonomy)
    if label == "common_name.txt":  # which this taxonomy lacks
        assert len(data) == 30 and "3 labels" in notes[0] and (data.nodes() == -1).all()
        return
    assert notes == [] and len(data) == 30 and data.blocks() == [10, 10, 10]
    for i in range(30):
        common = list(SPECIES)[i % 3]
        sample = data.sample(i)
        assert taxonomy.names[sample.node] == SPECIES[common][-1] and sample.node == data.nodes()[i]
        assert sample.texts == (f"a photo of {SPECIES[common][-1]}.", f"a photo of {common}.")
        assert data.name(i).endswith(f"shard-{i // 10:06}.tar/id-{i:04}.jpg")
        assert data.image(i) == make_image(i)
    assert np.asarray(ImageFiles().read_any(data.image(3)).image).shape == (6, 8, 3)


def test_homonyms_are_told_apart_by_the_lineage(tmp_path: Path, taxonomy: Taxonomy) -> None:
    texts = {
        "bird": "Animalia Chordata Aves Passeriformes Muscicapidae Oenanthe",
        "plant": "Plantae Tracheophyta Magnoliopsida Apiales Apiaceae Oenanthe",
        "alone": "Oenanthe",
    }
    path = write(tmp_path / "a.tar", {key: {"png": b"", "taxon.txt": text.encode()} for key, text in texts.items()})
    data = WebDataset(path=path)
    notes = prepare(data, taxonomy)
    above = [taxonomy.names[taxonomy.parent_N[node]] for node in data.nodes()]
    assert above == ["Muscicapidae", "Apiaceae"]
    assert any("1 labels" in note and "match several taxa" in note and "Oenanthe" in note for note in notes)


def test_captions_and_json(tmp_path: Path, taxonomy: Taxonomy) -> None:
    samples = {
        "a": {
            "png": b"1",
            "txt": b" a bird on a branch\n",
            "json": json.dumps({"taxon": "Parus major", "n": 7}).encode(),
        },
        "b": {"txt": b"before the image", "WEBP": b"2"},
        "c": {"jpg": b"3", "json": b"no json"},
        "d": {"txt": b"no image"},
    }
    path = write(tmp_path / "a.tar", samples)
    data = WebDataset(path=path, label="json:taxon", texts=["txt", "json:n"])
    notes = prepare(data, taxonomy)
    assert [data.sample(i).texts for i in range(len(data))] == [("a bird on a branch", "7"), ("before the image",)]
    assert [data.image(i) for i in range(2)] == [b"1", b"2"]
    assert taxonomy.names[data.sample(0).node] == "Parus major" and data.sample(1).node == -1
    assert any("1 samples" in note and "no image" in note and "/d.*" in note for note in notes)
    assert any("1 of 4 samples" in note and "neither taxon nor text" in note for note in notes)
    plain = WebDataset(path=path)
    prepare(plain, taxonomy)
    assert [plain.sample(i).texts for i in range(len(plain))] == [("a bird on a branch",), ("before the image",)]


def test_samples_are_those_of_the_library(bioclip: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    iterators = pytest.importorskip("webdataset.tariterators")
    with webdataset.TarWriter(str(tmp_path / "own.tar")) as writer:
        for i in range(5):
            writer.write({"__key__": f"folder.x/{i}", "jpg": make_image(i), "sci.txt": f"text {i}", "json": {"i": i}})
    for path in [*list_shards(bioclip), tmp_path / "own.tar"]:
        shard = index_shard(path, ["sci.txt"])
        with path.open("rb") as stream:
            expected = list(iterators.group_by_keys(iterators.tar_file_expander([{"url": "", "stream": stream}])))
        assert [key.decode() for key in shard.key_n.tolist()] == [sample["__key__"] for sample in expected]
        for i, sample in enumerate(expected):
            members = {kind: content for kind, content in sample.items() if not kind.startswith("__")}
            assert {kind: shard.read(i, kind) for kind in shard.kinds} == members
            assert shard.labels[i] == sample["sci.txt"].decode()


@pytest.mark.parametrize("cut", ["in a member", "between members", "in a header", "zeroed header"])
def test_the_samples_before_the_damage_are_used(tmp_path: Path, taxonomy: Taxonomy, cut: str) -> None:
    path = write(tmp_path / "a.tar", make_samples(0, 6))
    with tarfile.open(path) as tar:
        member = tar.getmember("id-0004.jpg")
        last = tar.getmember("id-0003.taxon_com.txt")
    end = {"in a member": member.offset_data + 10, "between members": member.offset, "in a header": member.offset + 99}
    content = bytearray(path.read_bytes())
    if cut == "zeroed header":
        content[member.offset : member.offset + 256] = os.urandom(256)
    else:
        del content[end[cut] :]
    path.write_bytes(bytes(content))
    write(tmp_path / "b.tar", make_samples(6, 3))
    data = WebDataset(path=tmp_path / "{a,b}.tar")
    [note] = prepare(data, taxonomy)
    assert len(data) == 4 + 3 and data.blocks() == [4, 3] and last.size
    assert "1 shards are damaged; the samples before the damage are used" in note and "a.tar" in note
    assert data.image(3) == make_image(3) and data.image(4) == make_image(6)


def test_files_that_are_no_shards(tmp_path: Path, taxonomy: Taxonomy) -> None:
    (tmp_path / "text.tar").write_text("no tar file" * 100)
    (tmp_path / "empty.tar").write_bytes(b"")
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as tar:
        tar.add(tmp_path / "text.tar", "a.jpg")
    for name, reason in [
        ("text", "cannot be read as a tar file"),
        ("empty", "empty file"),
        ("packed", "decompress it"),
    ]:
        with pytest.raises(TrainingError, match=rf"{name}\.tar.*{reason}"):
            prepare(WebDataset(path=tmp_path / f"{name}.tar"), taxonomy)
    with pytest.raises(TrainingError, match=r"the shard .*none-1\.tar does not exist"):
        prepare(WebDataset(path=tmp_path / "none-{1..2}.tar"), taxonomy)
    for url in ("https://a.org/{0..3}.tar", "s3://bucket/a.tar", "pipe:aws s3 cp s3://a -"):
        with pytest.raises(TrainingError, match="copy the shards to a local folder"):
            prepare(WebDataset(path=tmp_path / Path(url)), taxonomy)
    path = write(tmp_path / "good.tar", make_samples(0, 2))
    with pytest.raises(TrainingError, match=r"has the member class\.txt; they have com\.txt, common_name\.txt, jpg"):
        prepare(WebDataset(path=path, label="class.txt"), taxonomy)


def test_a_shard_is_scanned_once(
    bioclip: Path, taxonomy: Taxonomy, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[Path] = []
    scan = shards._scan  # noqa: SLF001 - what is cached

    def count(path: Path) -> Any:
        scanned.append(path)
        return scan(path)

    monkeypatch.setattr(shards, "_scan", count)
    first, again = (WebDataset(path=bioclip, texts=["sci.txt"]) for _ in range(2))
    prepare(first, taxonomy)
    prepare(again, taxonomy)
    assert len(scanned) == 3
    for i in range(30):
        assert (first.sample(i), first.name(i), first.image(i)) == (again.sample(i), again.name(i), again.image(i))
    path = list_shards(bioclip)[1]
    write(path, make_samples(50, 4))
    os.utime(path, ns=(1, 1))
    prepare(changed := WebDataset(path=bioclip), taxonomy)
    assert len(changed) == 24 and len(scanned) == 4 and changed.image(10) == make_image(50)
    images = [changed.image(i) for i in range(24)]
    for damaged in (lambda raw: b"damaged", lambda raw: raw[:-40], lambda raw: raw[:300] + b"\1" + raw[301:]):
        for file in (cache / "shards").glob("*.npz"):
            file.write_bytes(damaged(file.read_bytes()))
        prepare(changed := WebDataset(path=bioclip), taxonomy)
        assert [changed.image(i) for i in range(len(changed))] == images


def test_a_prepared_data_set_can_be_sent_to_another_process(bioclip: Path, taxonomy: Taxonomy) -> None:
    data = WebDataset(path=bioclip)
    prepare(data, taxonomy)
    other = pickle.loads(pickle.dumps(data))
    assert other.image(29) == data.image(29) and other.sample(29) == data.sample(29)


def test_off_list_samples_are_kept_on_request(bioclip: Path) -> None:
    builder = TaxonomyBuilder()
    builder.add_lineage(list(zip(RANKS, SPECIES["great tit"])))
    taxonomy = builder.build()
    data, kept = WebDataset(path=bioclip), WebDataset(path=bioclip, off_list="keep")
    assert any("left out" in note for note in prepare(data, taxonomy)) and len(data) == 10
    assert any("kept as off-list" in note for note in prepare(kept, taxonomy)) and len(kept) == 30
    assert (kept.nodes() == -1).sum() == 20


def test_braces_expand_as_in_a_shell() -> None:
    braceexpand = pytest.importorskip("braceexpand")
    for pattern in (
        "a.tar",
        "{0..3}.tar",
        "x-{008..011}.tar",
        "{a,b}/{1..2}-{x,yy}.tar",
        "{train,val}/shard-{0..1}.tar",
    ):
        assert list(expand_braces(pattern)) == list(braceexpand.braceexpand(pattern))
