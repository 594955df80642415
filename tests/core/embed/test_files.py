"""What holds for every format of embeddings, and what is each one's own."""

from __future__ import annotations

import csv
import json
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bioclip_x.embed.files import BINARY, FORMATS, open_embeddings
from bioclip_x.errors import BioclipXError
from bioclip_x.records import Embedding, EmbeddingProvenance

ABOUT = EmbeddingProvenance(
    version="0.1.0", model="tiny", revision="sha256:1", demo="", of="pictures", columns=("file_name", "error"), dim=3,
    normalised=False, precision="fp32", preprocessing={"size": [32, 32]}, taxonomy="", recipe={"model": "tiny"},
    notes=("a note",),
)  # fmt: skip
NAMES = ["a.png", 'b, "c"\nd\re.png', "=1+1", "狐.png", "stray \udce9", "bad.png"]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    about = replace(ABOUT, dim=10_000)
    many = [Embedding({"file_name": name, "error": ""}, np.ones(10_000, np.float32)) for name in NAMES[:3]]
    for format_ in FORMATS:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200 if format_ == "parquet" else 20_000, before[1]))
        try:
            with pytest.raises(BioclipXError, match="cannot be written"):
                written(format_, tmp_path / f"e.{format_}", many, about)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def vector(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def rows() -> list[Embedding]:
    """Numbers that need all the digits of a float32, and an image without a vector."""
    rng = np.random.default_rng(0)
    some = [rng.normal(size=3).astype(np.float32) * 10.0**power for power in (0, -30, 30, -8, 3)]
    good = [Embedding({"file_name": name, "error": ""}, one.astype(np.float32)) for name, one in zip(NAMES, some)]
    return [*good, Embedding({"file_name": NAMES[-1], "error": "not an image"}, None)]


def written(format_: str, path: Path | None, given: list[Embedding], about: EmbeddingProvenance = ABOUT) -> Path:
    with open_embeddings(format_, path, about) as writer:
        for row in given:
            writer.write(row)
    return path or Path()


def read(format_: str, path: Path) -> tuple[list[str], list[str], list[Any], dict[str, Any]]:
    """Names, errors, vectors and provenance, by each format's own reader."""
    if format_ == "npz":
        with np.load(path) as file:
            vectors = [None if np.isnan(row).any() else row for row in file["embeddings"]]
            assert file["embeddings"].dtype == np.float32
            return file["file_name"].tolist(), file["error"].tolist(), vectors, json.loads(str(file["provenance"]))
    if format_ == "parquet":
        table = pq.read_table(path)
        texts = [[text or "" for text in table[column].to_pylist()] for column in ("file_name", "error")]
        vectors = [None if row is None else vector(*row) for row in table["embedding"].to_pylist()]
        return *texts, vectors, json.loads(table.schema.metadata[b"bioclip_x.provenance"])  # type: ignore[return-value]
    if format_ == "json":
        document = json.loads(path.read_text("utf-8"))
        by_name = document["embeddings"]
        names = [row["file_name"] for row in document["rows"]]
        vectors = [vector(*by_name[name]) if name in by_name else None for name in names]
        assert document["model"] == document["provenance"]["model"]
        return names, [row["error"] or "" for row in document["rows"]], vectors, document["provenance"]
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["file_name", "error", "e0", "e1", "e2"]
    vectors = [vector(*map(float, line[2:])) if line[2] else None for line in lines]
    about = json.loads(path.with_name(f"{path.name}.provenance.json").read_text("utf-8"))
    return [line[0] for line in lines], [line[1] for line in lines], vectors, about


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_read_back_is_what_was_written(format_: str, tmp_path: Path) -> None:
    names, errors, vectors, about = read(format_, written(format_, tmp_path / "o", rows()))
    assert names == [name.encode("utf-8", "backslashreplace").decode() for name in NAMES]
    assert errors == [""] * 5 + ["not an image"]
    for got, row in zip(vectors, rows()):
        assert (got is None) == (row.vector_D is None)
        assert got is None or np.array_equal(got, row.vector_D)  # to the last bit
    assert (about["model"], about["normalised"], about["dim"], about["of"]) == ("tiny", False, 3, "pictures")
    assert about["preprocessing"] == {"size": [32, 32]} and about["notes"] == ["a note"]


@pytest.mark.parametrize("format_", FORMATS)
def test_no_row_at_all(format_: str, tmp_path: Path) -> None:
    names, _, vectors, about = read(format_, written(format_, tmp_path / "o", []))
    assert (names, vectors, about["model"]) == ([], [], "tiny")


@pytest.mark.parametrize("format_", FORMATS)
def test_an_interrupted_run_leaves_nothing(format_: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_embeddings(format_, tmp_path / "o", ABOUT) as writer:
        writer.write(rows()[0])
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_rows_are_the_same_bytes_also_on_stdout(
    format_: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    first, second = (written(format_, tmp_path / name, rows()).read_bytes() for name in ("a", "b"))
    written(format_, None, rows())
    piped = capfdbinary.readouterr().out
    assert first == second
    if format_ == "npz":  # a zip that cannot go back says sizes after the data
        (tmp_path / "piped").write_bytes(piped)
        assert read("npz", tmp_path / "piped")[0] == read("npz", tmp_path / "a")[0]
    else:
        assert piped == first


@pytest.mark.parametrize("format_", sorted(BINARY))
def test_a_terminal_is_spared_binary_output(format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(BioclipXError, match=f"{format_} is binary"):
        written(format_, None, [])


@pytest.mark.parametrize("format_", FORMATS)
def test_a_place_that_cannot_be_written(format_: str, tmp_path: Path) -> None:
    with pytest.raises(BioclipXError, match="cannot be written"):
        written(format_, tmp_path / "no" / "o", rows())


@pytest.mark.parametrize("format_", FORMATS)
def test_vectors_do_not_stay_in_memory(format_: str, tmp_path: Path) -> None:
    """9,000 vectors of 256 numbers are 9.2 MB; names may stay, and parquet holds a row group at most."""
    limit = 7_000_000 if format_ == "parquet" else 4_000_000
    with open_embeddings(format_, tmp_path / "o", replace(ABOUT, dim=256)) as writer:
        tracemalloc.start()
        try:
            for number in range(9000):
                row = np.full(256, number, np.float32)
                writer.write(Embedding({"file_name": f"{number}.png", "error": ""}, row))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < limit, f"{peak:,} bytes"


def test_json_has_the_shape_of_pybioclips(tmp_path: Path) -> None:
    document = json.loads(written("json", tmp_path / "o", [rows()[0], rows()[0], rows()[-1]]).read_text("utf-8"))
    assert document["model"] == "tiny"
    assert list(document["embeddings"]) == ["a.png"], "what is named twice is there once, what failed is not"
    assert len(document["rows"]) == 3


def test_a_pipe_gets_no_parquet_footer_from_a_broken_run(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(KeyboardInterrupt), open_embeddings("parquet", None, ABOUT) as writer:
        writer.write(rows()[0])
        raise KeyboardInterrupt
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(pa.BufferReader(capfdbinary.readouterr().out))
