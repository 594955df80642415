"""Tables of labelled images, and lists of classes, that evaluations are made with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from hostile.case import OK, REFUSED, Case, Outcome
from hostile.inputs import write_labels

NAMES: Final = ("Parus major", "Cyanistes caeruleus", "Erithacus rubecula")
ROWS: Final = "".join(f"{i}.png,{NAMES[i % 3]}\n" for i in range(6))
GOOD: Final = f"path,label\n{ROWS}"


def cases() -> Iterator[Case]:
    fine: dict[str, bytes] = {
        "good": GOOD.encode(),
        "bom": ("\ufeff" + GOOD).encode(),
        "crlf": GOOD.replace("\n", "\r\n").encode(),
        "quoted": GOOD.replace("Parus major", '"Parus major"').encode(),
        "columns-swapped": b"label,path\n" + "".join(f"{NAMES[i % 3]},{i}.png\n" for i in range(6)).encode(),
        "300-columns": _widen(300).encode(),
        "no-last-newline": GOOD.strip().encode(),
    }
    for name, raw in fine.items():
        yield Case(f"table-{name}", partial(_evaluate, raw), OK, check=_expect_all_right)
    wrong = {
        "empty": "",
        "blank": "\n\n\n",
        "header-only": "path,label\n",
        "no-label": "path,name\n0.png,Parus major\n",
        "no-path": "file,label\n0.png,Parus major\n",
        "column-twice": "path,label,label\n0.png,Parus major,Parus major\n",
        "short-row": f"{GOOD}7.png\n",
        "long-row": f"{GOOD}7.png,Parus major,x\n",
        "cut-quote": f'{GOOD}"7.png,Parus major\n',
        "outside": f"{GOOD}../../etc/passwd,Parus major\n",
        "absolute": f"{GOOD}/etc/passwd,Parus major\n",
        "all-foreign": "path,label\n0.png,Puma concolor\n",
        "all-blank": "path,label\n0.png,\n1.png,\n",
        "paths-blank": "path,label\n,Parus major\n",
        "labels-nul": "path,label\n0.png,Parus\0major\n",
        "prose": "Dear reader,\nthis is no table.\n",
        "json": '{"path": "0.png"}\n',
    }
    for name, text in wrong.items():
        yield Case(f"table-{name}", partial(_evaluate, text.encode()), REFUSED, r"truth\.csv|image")
    yield Case("table-latin-1", partial(_evaluate, GOOD.encode() + b"v\xf6gel.png,x\n"), REFUSED, r"truth\.csv")
    yield Case("table-utf-16", partial(_evaluate, GOOD.encode("utf-16")), (0, 2))
    yield Case("table-binary", partial(_evaluate, bytes(range(256)) * 9), REFUSED, r"truth\.csv")
    labels = {
        "formula": '=HYPERLINK("http://x")',
        "controls": "\x1b[2J",
        "right-to-left": "\u202egnp.exe",
        "long": "x" * 300,
        "markup": "<script>alert(1)</script>",
        "newline": "a\nb",
        "quotes": 'a"b',
        "comma": "a,b",
    }
    for name, label in labels.items():
        yield Case(f"label-{name}", partial(_evaluate_label, label), OK, check=_has_listed_rows)
    yield from _parquet()
    yield from _folds()
    yield from _lists()


def _parquet() -> Iterator[Case]:
    good: dict[str, Any] = {"path": [f"{i}.png" for i in range(6)], "label": [NAMES[i % 3] for i in range(6)]}
    fine = {
        "plain": pa.table(good),
        "dictionary": pa.table({**good, "label": pa.array(good["label"]).dictionary_encode()}),
    }
    for name, table in fine.items():
        yield Case(f"parquet-{name}", partial(_evaluate_parquet, table), OK, check=_expect_all_right)
    wrong = {
        "numbers": pa.table({**good, "path": list(range(6))}),
        "lists": pa.table({**good, "label": [[name] for name in good["label"]]}),
        "structs": pa.table({**good, "label": [{"a": 1}] * 6}),
        "nulls": pa.table({**good, "label": pa.nulls(6)}),
        "binary": pa.table({**good, "path": [b"\xff\xfe"] * 6}),
        "no-rows": pa.table(good).slice(0, 0),
        "no-label": pa.table({"path": good["path"]}),
    }
    for name, table in wrong.items():
        yield Case(f"parquet-{name}", partial(_evaluate_parquet, table), REFUSED, r"truth\.parquet|image")
    for share in (0.0, 0.5, 0.99):
        yield Case(
            f"parquet-cut-{share}".replace(".", "-"),
            partial(_evaluate_parquet, pa.table(good), share),
            REFUSED,
            r"truth",
        )


def _folds() -> Iterator[Case]:
    for name, value in {
        "zero": "0",
        "negative": "-1",
        "word": "x.json",
        "huge": "9" * 400,
        "superscript": "²",
        "empty": "",
    }.items():
        yield Case(f"folds-number-{name}", partial(_ask, "--few-shot", "1", "--folds", value), REFUSED, "folds|exist")
    for name, value in {
        "zero": "0",
        "negative": "-1",
        "word": "a",
        "huge": "9" * 400,
        "superscript": "²",
        "empty": "",
        "comma": ",",
    }.items():
        yield Case(f"shots-{name}", partial(_ask, "--few-shot", value), REFUSED, "few-shot")
    for name, value in {
        "unknown": "none",
        "empty": "",
        "option": "blend:zero_shot=nan",
        "huge": "blend:zero_shot=1e308",
    }.items():
        flags = ("--few-shot", "1", "--few-shot-method", value)
        yield Case(f"method-{name}", partial(_ask, *flags), REFUSED, "method|blend|zero_shot|few-shot|name")
    for name, value in {
        "unknown": "none",
        "missing": "none.yaml",
        "folder": ".",
        "long": "x" * 300 + ".yaml",
    }.items():
        yield Case(f"paper-{name}", partial(_ask, "--paper", value), REFUSED)


def _lists() -> Iterator[Case]:
    """What `taxonomy validate` says of a list is what `classify` does."""
    texts = {
        "placeholders": "species\nna\nnull\n",
        "blank-cells": "species,family\n,\n,\n",
        "header-only": "species\n",
        "names-only": "Parus major\nErithacus rubecula\n",
        "empty": "",
        "cycle": "parent,child\na,b\nb,a\n",
    }
    for name, text in texts.items():
        yield Case(f"validate-{name}", partial(_validate, text), REFUSED, "error")
        yield Case(f"classify-{name}", partial(_classify, text), REFUSED, r"birds\.csv")


def _widen(n_columns: int) -> str:
    rows = GOOD.splitlines()
    more = "," + ",".join(f"c{i}" for i in range(n_columns))
    return "\n".join([rows[0] + more, *(row + ",1" * n_columns for row in rows[1:])]) + "\n"


def _write(folder: Path, extra: str = "") -> list[str]:
    write_labels(folder)
    header = ",".join(("image", *NAMES))
    rows = "".join(f"{i}.png," + ",".join("1" if i % 3 == j else "0" for j in range(3)) + "\n" for i in range(6))
    (folder / "scores.csv").write_text(f"{header}\n{rows}{extra}")
    return ["--labels", "labels.txt", "--scorer", "external:file=scores.csv", "--quiet", "--format", "json"]


def _evaluate(raw: bytes, folder: Path) -> list[str]:
    (folder / "truth.csv").write_bytes(raw)
    return ["evaluate", "truth.csv", *_write(folder)]


def _evaluate_label(label: str, folder: Path) -> list[str]:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow(("7.png", label))
    arguments = _evaluate((GOOD + stream.getvalue()).encode(), folder)
    _write(folder, "7.png,1,0,0\n")
    return [*arguments, "--predictions", "predictions.csv"]


def _evaluate_parquet(table: pa.Table, *more: Any) -> list[str]:
    *shares, folder = more
    stream = io.BytesIO()
    pq.write_table(table, stream)
    raw = stream.getvalue()
    (folder / "truth.parquet").write_bytes(raw[: int(shares[0] * len(raw))] if shares else raw)
    return ["evaluate", "truth.parquet", *_write(folder)]


def _ask(*more: Any) -> list[str]:
    *flags, folder = more
    (folder / "truth.csv").write_text(GOOD)
    return ["evaluate", "truth.csv", *_write(folder), *flags]


def _validate(text: str, folder: Path) -> list[str]:
    (folder / "birds.csv").write_text(text)
    return ["taxonomy", "validate", "birds.csv"]


def _classify(text: str, folder: Path) -> list[str]:
    _validate(text, folder)
    return ["classify", "bird.png", "--taxonomy", "birds.csv", "--quiet"]


def _expect_all_right(outcome: Outcome) -> str:
    found = json.loads(outcome.stdout)
    right = found["texts"][0]["top1"]["value"]
    return "" if (found["pictures"], found["classes"], right) == (6, 3, 1.0) else f"{found['pictures']} images, {right}"


def _has_listed_rows(outcome: Outcome) -> str:
    """An image of another label is no row."""
    with (outcome.folder / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return "" if len(rows) == 6 else f"{len(rows)} rows"
