"""`dataset build`: configurations and sources that are broken, and a folder whose finished stages were damaged."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_set_builds import build, hash_outputs, lay_source, write_config, write_rows
from hostile.case import OK, REFUSED, Case, Outcome
from hostile.damage import Damage, flip, remove

BUILD = ["dataset", "build", "build.yaml", "--quiet"]


def cases() -> Iterator[Case]:
    for name, text in _make_documents():
        says = {"extends-nothing": r"nothing\.yaml", "extends-a-folder": "is no file"}.get(name, r"build\.yaml")
        yield Case(f"config-{name}", partial(_write_document, text), REFUSED, says)
    for field, values in FIELDS.items():
        for number, value in enumerate(values):
            name = f"field-{field.replace('_', '-').replace('.', '-')}-{number}"
            word = field.rpartition(".")[2]
            says = "image source" if name in ("field-sources-6", "field-sources-7") else rf"build\.yaml.*{word}"
            yield Case(name, partial(_write_field, field, value), REFUSED, says)
    for name, rows in _make_rows():
        expected = REFUSED if name in ("id-blank", "id-null") else OK
        yield Case(
            f"rows-{name}", partial(_make_rows_folder, rows), expected, "source_id" if expected is REFUSED else ""
        )
    for name, file, damage in _damage_stages():
        yield Case(name, partial(_damage, file, damage), OK, check=_check_build, seconds=30)


FIELDS: dict[str, tuple[Any, ...]] = {
    "sources": (None, 7, [], "park", [7], [{}], [{"name": "none"}], [{"name": "listed"}], {"name": 1}),
    "taxonomies": (7, [{}], [{"path": None}], [{"paht": "x"}], {"a": 1}),
    "splits": (
        [],
        "x",
        {"val": 2},
        {"val": -0.1},
        {"val": "x"},
        {"val": float("nan")},
        {"": 0.1},
        {"val": 0.7, "test": 0.7},
    ),
    "shards": (7, {"images": 0}, {"images": -1}, {"images": "x"}, {"imges": 3}, {"images": 1.5}),
    "workers": (-1, "x", 1.5, [2], 10**20),
    "memory": (7, [], {}),
    "images": (7, {"size": 0}, {"size": -5}, {"size": "x"}, {"quality": 500}, {"sise": 5}),
    "licences": (7, {"allow": "x"}, {"allow": ["my own"]}, {"unknown": "x"}),
    "names": (7, {"least": "x"}, {"ambiguous": 3}, {"corrections": []}),
    "seed": ("x", 1.5, [], 10**400),
    "further": (1,),
}


def _make_documents() -> Iterator[tuple[str, str]]:
    yield "empty", ""
    yield "a-list", "- a\n"
    yield "text", "hello\n"
    yield "null", "null\n"
    yield "a-number", "7\n"
    yield "no-yaml", "a: [\n"
    yield "tabs", "a:\n\t- b\n"
    yield "nested", "[" * 100_000
    yield (
        "aliases",
        "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*{'a' if not i else f'b{i - 1}'}, *a, *a]\n" for i in range(40)),
    )
    yield "key-twice", "workers: 1\nworkers: 2\n"
    yield "python-object", "sources: !!python/object/apply:os.system ['touch hacked']\n"
    yield "nul", "sources: \x00\n"
    yield "extends-itself", "extends: build.yaml\n"
    yield "extends-nothing", "extends: nothing.yaml\n"
    yield "extends-a-number", "extends: 7\n"
    yield "extends-a-folder", "extends: .\n"


def _make_rows() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Rows of a source that cannot be used, as well as one that can: each has an outcome."""
    good = {"source_id": "good", "image": "park/000.jpg", "name": "Parus major", "licence": "CC BY 4.0"}
    for name, row in (
        ("missing-image", {"source_id": "1", "image": "park/none.jpg", "name": "Parus major"}),
        ("image-is-a-folder", {"source_id": "1", "image": "park", "name": "Parus major"}),
        ("image-is-a-device", {"source_id": "1", "image": "/dev/zero", "name": "Parus major"}),
        ("image-is-text", {"source_id": "1", "image": "taxa.csv", "name": "Parus major"}),
        ("image-blank", {"source_id": "1", "image": "", "name": "Parus major"}),
        ("image-null", {"source_id": "1", "name": "Parus major"}),
        ("image-with-nul", {"source_id": "1", "image": "park/\x00.jpg", "name": "Parus major"}),
        ("image-name-long", {"source_id": "1", "image": "x" * 5000, "name": "Parus major"}),
        ("image-url-malformed", {"source_id": "1", "image": "http://[", "name": "Parus major"}),
        ("name-null", {"source_id": "1", "image": "park/001.jpg"}),
        ("name-blank", {"source_id": "1", "image": "park/001.jpg", "name": "  "}),
        ("name-long", {"source_id": "1", "image": "park/001.jpg", "name": "Parus " * 5000}),
        ("name-with-controls", {"source_id": "1", "image": "park/001.jpg", "name": "Parus\x1b[2J\x00major"}),
        ("name-a-formula", {"source_id": "1", "image": "park/001.jpg", "name": "=cmd|' /C calc'!A0"}),
        ("name-markup", {"source_id": "1", "image": "park/001.jpg", "name": "<script>alert(1)</script>"}),
        ("id-twice", {**good, "image": "park/001.jpg"}),
        ("id-blank", {"source_id": "", "image": "park/001.jpg", "name": "Parus major"}),
        ("id-null", {"image": "park/001.jpg", "name": "Parus major"}),
        ("id-with-path", {"source_id": "../../x", "image": "park/001.jpg", "name": "Parus major"}),
        ("licence-long", {"source_id": "1", "image": "park/001.jpg", "name": "Parus major", "licence": "x" * 100_000}),
    ):
        yield name, [good, row]


def _damage_stages() -> Iterator[tuple[str, str, Damage]]:
    def empty(path: Path) -> None:
        path.write_bytes(b"")

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-20])

    def another_schema(path: Path) -> None:
        pq.write_table(pa.table({"x": [1, 2, 3]}), path)

    def fewer_rows(path: Path) -> None:
        pq.write_table(pq.read_table(path).slice(1), path)

    def make_folder(path: Path) -> None:
        remove(path)
        path.mkdir()

    tables: dict[str, Damage] = {
        "flipped-byte": partial(flip, 0.3), "empty": empty, "cut": cut, "another-schema": another_schema,
        "fewer-rows": fewer_rows, "missing": remove, "a-folder": make_folder,
    }  # fmt: skip
    for stage in ("rows/000", "given", "names", "plan", "duplicates", "decided", "samples"):
        names = {"rows/000": list(tables), "plan": ["cut", "another-schema", "missing"]}.get(stage, ["flipped-byte"])
        for name in names:
            yield f"stage-{stage.replace('/', '-')}-{name}", f"work/{stage}/*.parquet", tables[name]
    documents: dict[str, Callable[[Any], Any]] = {
        "null": lambda state: None, "a-list": lambda state: [], "of-another-version": lambda state: {**state, "version": 99},
        "without-summary": lambda state: {"version": 1, "inputs": state["inputs"]},
        "files-a-number": lambda state: {**state, "files": 7}, "summary-null": lambda state: {**state, "summary": None},
        "nested": lambda state: None,
    }  # fmt: skip
    for name, change in documents.items():
        yield (
            f"state-{name}",
            "work/plan/stage.json",
            partial(_change_json, change, "[" * 100_000 if name == "nested" else ""),
        )
    for name, text in (
        ("empty", ""),
        ("null", "null"),
        ("list", "[1]"),
        ("text", "hello"),
        ("values", '{"park": "x"}'),
        ("same", '{"park": 0, "b": 0}'),
    ):
        yield f"sources-{name}", "work/sources.json", partial(_write, text)
    yield "whole-stage-missing", "work/given", remove
    yield "stage-a-file", "work/given", lambda path: (remove(path), path.write_text("x"))[0]


def _change_json(change: Callable[[Any], Any], text: str, path: Path) -> None:
    path.write_text(text or json.dumps(change(json.loads(path.read_text()))))


def _write(text: str, path: Path) -> None:
    path.write_text(text)


def _write_document(text: str, folder: Path) -> list[str]:
    write_config(folder)
    (folder / "build.yaml").write_text(text)
    return BUILD


def _write_field(field: str, value: Any, folder: Path) -> list[str]:
    write_config(folder, **{field: value})
    return [*BUILD, "--until", "names"]


def _make_rows_folder(rows: list[dict[str, Any]], folder: Path) -> list[str]:
    shutil.copytree(_prepare() / "park", folder / "park")
    write_config(folder, splits={})
    write_rows(folder / "park.jsonl", rows)
    return BUILD


@cache
def _prepare() -> Path:
    """Builds a small data set, and returns its folder."""
    folder = Path(tempfile.mkdtemp(prefix="data-sets-"))
    lay_source(folder, 6)
    build(write_config(folder))
    return folder


def _damage(pattern: str, damage: Damage, folder: Path) -> list[str]:
    shutil.copytree(_prepare(), folder, dirs_exist_ok=True)
    damage(sorted((folder / "out").glob(pattern))[0])
    return BUILD


def _check_build(outcome: Outcome) -> str:
    expected, found = (hash_outputs(one / "out") for one in (_prepare(), outcome.folder))
    other = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return f"other files: {other}" if other else ""
