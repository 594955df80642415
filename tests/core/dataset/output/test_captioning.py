"""Captions, texts of builders and embeddings in a whole build."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bioclip_x.dataset.output import captioning
from data_set_builds import build, lay_source, read_catalogue, write_config

pytest.importorskip("duckdb", reason="needs the extra dataset")
pytest.importorskip("imagehash", reason="needs the extra dataset")

CAPTIONER = '''
import hashlib
import io
from pathlib import Path

from PIL import Image

from bioclip_x.plugin import ComponentSpec, NoAnswerError, hookimpl

bioclip_x_api = 1


@hookimpl
def captioners():
    return [ComponentSpec("digest", "says the image's digest", f"{__name__}:Digest")]


class Digest:
    """Tells of every third image nothing, as long as `shy` exists. Counts what it is asked."""

    def __init__(self, *, log: Path, word: str = "bird"):
        self.log, self.word = log, word

    @property
    def provenance(self):
        return {"model": f"digest of {self.word}", "host": "here"}

    def caption(self, image, taxon):
        Image.open(io.BytesIO(image)).verify()
        digest = hashlib.sha256(image).hexdigest()
        with self.log.open("a") as file:
            file.write(digest + "\\n")
        if (self.log.parent / "shy").exists() and int(digest, 16) % 3 == 0:
            raise NoAnswerError("here: too shy")
        return f"A {self.word} of {taxon.at('genus')}, number {int(digest[:4], 16)}."

    def close(self):
        return None
'''


def read_members(folder: Path, name: str) -> dict[str, str]:
    """The texts of a member, by the source_id of the sample."""
    texts: dict[str, str] = {}
    for path in sorted(folder.glob("shards/*.tar")):
        with tarfile.open(path) as tar:
            content = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
        for member, raw in content.items():
            key, _, kind = member.partition(".")
            if kind == name:
                texts[json.loads(content[f"{key}.json"])["source_id"]] = raw.decode()
    return texts


@pytest.fixture
def captioned(tmp_path: Path) -> Path:
    lay_source(tmp_path, 24)
    (tmp_path / "captioner.py").write_text(CAPTIONER, "utf-8")
    return write_config(
        tmp_path,
        plugins=["listed.py", "captioner.py"],
        captions={"name": "digest", "log": "log.txt"},
    )


def test_each_image_is_captioned_once_and_failures_are_asked_again(captioned: Path, tmp_path: Path) -> None:
    (tmp_path / "shy").touch()
    _, notes = build(captioned)
    first = read_catalogue(tmp_path / "out")
    asked = (tmp_path / "log.txt").read_text().split()
    missing = [key for key, row in first.items() if not row["caption"]]
    assert len(asked) == 24 and 0 < len(missing) < 24
    assert any(f"{len(missing)} images got no caption" in note and "too shy" in note for note in notes)
    (tmp_path / "shy").unlink()
    _, notes = build(captioned)
    asked = (tmp_path / "log.txt").read_text().split()
    assert len(asked) == 24 + len(missing) and not any("no caption" in note for note in notes)
    rows = read_catalogue(tmp_path / "out")
    assert all(row["caption"].startswith(f"A bird of {row['genus']}, number") for row in rows.values())
    assert read_members(tmp_path / "out", "caption.txt") == {key: row["caption"] for key, row in rows.items()}


def test_captions_stay_when_the_data_set_changes_and_another_captioner_has_its_own(
    captioned: Path, tmp_path: Path
) -> None:
    build(captioned)
    build(captioned, **{"seed": 7, "splits": {"val": 0.5}})
    assert len((tmp_path / "log.txt").read_text().split()) == 24
    build(captioned, captions={"name": "digest", "log": "log.txt", "word": "plant", "fraction": 0.5})
    rows = read_catalogue(tmp_path / "out")
    captions = [row["caption"] for row in rows.values() if row["caption"]]
    assert 4 <= len(captions) <= 20 and all(caption.startswith("A plant") for caption in captions)
    build(captioned)
    assert len((tmp_path / "log.txt").read_text().split()) == 24 + len(captions)


def test_captions_have_their_quality_before_them(
    captioned: Path, tmp_path: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = {"name": "digest", "log": "log.txt", "bins": 4, "spacing": "quantile"}
    build(captioned, captions=captions, model=tiny_model)
    rows = read_catalogue(tmp_path / "out")
    similarity = {key: row["similarity"] for key, row in rows.items()}
    assert all(-1 <= one <= 1 for one in similarity.values()) and len(set(similarity.values())) > 4
    texts = read_members(tmp_path / "out", "caption.txt")
    assert {key: text.partition(": ")[2] for key, text in texts.items()} == {k: r["caption"] for k, r in rows.items()}
    ranked = sorted(rows, key=lambda key: similarity[key])
    bins = [int(texts[key].removeprefix("quality ").split()[0]) for key in ranked]
    assert bins == sorted(bins) and [bins.count(one) for one in (1, 2, 3, 4)] == [6, 6, 6, 6]
    assert all(text.startswith("quality ") and " of 4: " in text for text in texts.values())
    measured: list[object] = []
    monkeypatch.setattr(captioning, "measure_similarities", lambda *given, **more: measured.append(given) or [])
    build(captioned, captions=captions, model=tiny_model)
    assert not measured and read_members(tmp_path / "out", "caption.txt") == texts


def test_text_builders_write_members_of_the_taxa_that_are_used(tmp_path: Path) -> None:
    lay_source(tmp_path, 12)
    file = write_config(tmp_path)
    build(file, texts={"names": "common", "many": "templates:openai-80"})
    rows = read_catalogue(tmp_path / "out")
    names = read_members(tmp_path / "out", "names.txt")
    assert all(row["common_name"] in names[key] for key, row in rows.items())
    many = read_members(tmp_path / "out", "many.txt")
    assert len({text.replace(rows[key]["common_name"], "") for key, text in many.items()}) > 3
    again = dict(many)
    build(file, texts={"names": "common", "many": "templates:openai-80"}, workers=2)
    assert read_members(tmp_path / "out", "many.txt") == again


def test_images_with_nearly_the_same_embedding_are_duplicates(tmp_path: Path, tiny_model: str) -> None:
    """The model is random: images of which all have nearly the same embedding, so that the threshold decides alone."""
    lay_source(tmp_path, 16)
    lay_source(tmp_path, 4, "test", first=100)
    sources = [{"name": "listed", "path": "test.jsonl", "as": "test"}]
    file = write_config(tmp_path, model=tiny_model)
    counts, _ = build(file, **{"duplicates.semantic": {"epsilon": 1e-7}})
    assert counts["outcomes"]["used"] == 16
    found = [pq.read_table(one) for one in sorted((tmp_path / "out/work/embeddings").glob("*.parquet"))]
    assert sum(map(len, found)) == 16 and all(one["vector"].null_count == 0 for one in found)
    counts, _ = build(file, **{"duplicates.semantic": {"epsilon": 0.999, "clusters": 1}})
    assert counts["outcomes"]["used"] == 1 and counts["outcomes"]["duplicate"] == 15
    kept = {row["id"] for row in read_catalogue(tmp_path / "out").values() if row["outcome"] == "used"}
    rows = [row for row in read_catalogue(tmp_path / "out").values() if row["outcome"] == "duplicate"]
    assert {row["duplicate_of"] for row in rows} == kept and {row["reason"] for row in rows} == {"semantic"}
    counts, _ = build(file, held_out={"sources": sources, "similarity": 0.01})
    assert counts["outcomes"]["held out"] == 20 and counts["outcomes"]["used"] == 0
