"""What becomes of rows: the SQL against the rules restated as a loop, on generated tables."""

from __future__ import annotations

import hashlib
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioclip_x.dataset.config import BuildConfig, make_config
from bioclip_x.dataset.context import Made
from bioclip_x.dataset.licences import is_allowed, normalise_licence
from bioclip_x.dataset.rows.outcomes import decide_rows, plan_rows
from bioclip_x.dataset.schema import BEFORE_READING, FIRST_ROW, OUTCOMES

duckdb = pytest.importorskip("duckdb", reason="needs the extra dataset")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

Row = dict[str, Any]
SOURCES = {"b": 1, "a": 0}
"""Name → number, in the order of the configuration, which is not that of the numbers."""
TEXT = st.sampled_from

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "source": TEXT(sorted(SOURCES)),
            "source_id": TEXT("xyz"),
            "problem": TEXT(["", "", "the row names no image"]),
            "licence": TEXT(["", "CC BY 4.0", "All rights reserved", "by-nc", "my own"]),
            "status": TEXT(["full", "full", "partial", "ambiguous", "lost"]),
            "rank": TEXT(["species", "species", "genus", ""]),
            "kingdom": TEXT(["Animalia", ""]),
            "held": TEXT([None, None, None, "its species is held out"]),
            "error": TEXT(["", "", "", "truncated", None]),
            "across": TEXT([None, None, "exact"]),
            "duplicate": TEXT([None, None, "perceptual"]),
        }
    ),
    max_size=14,
)
SETTINGS = st.fixed_dictionaries(
    {
        "licences": TEXT([{}, {"unknown": "refuse"}, {"allow": ["CC-BY"]}, {"allow": ["CC-BY"], "unknown": "refuse"}]),
        "names": TEXT([{}, {"least": "full"}, {"ambiguous": "use"}]),
        "splits": TEXT([{}, {"val": 0.5}, {"val": 0.2, "test": 0.3}]),
        "seed": st.integers(0, 3),
    }
)


def configure(**fields: Any) -> BuildConfig:
    sources = [{"name": "any", "as": name} for name in SOURCES]
    return make_config({"sources": sources, "taxonomies": ["t.csv"], **fields})


def number(rows: Sequence[Row]) -> list[Row]:
    """Numbers the rows as the sources' lists are."""
    counts: Counter[str] = Counter()
    numbered = []
    for row in rows:
        numbered.append(row | {"row": SOURCES[row["source"]] * FIRST_ROW + counts[row["source"]]})
        counts[row["source"]] += 1
    return sorted(numbered, key=lambda row: row["row"])


def decide_naively(row: Row, rows: Sequence[Row], config: BuildConfig) -> tuple[str, str]:
    """The outcome and the reason, by the rules as the module's docstring states them."""
    licence = normalise_licence(row["licence"])
    if row["problem"]:
        return "incomplete", row["problem"]
    of_same_name = [
        one["row"]
        for one in rows
        if (one["source"], one["source_id"]) == (row["source"], row["source_id"]) and not one["problem"]
    ]
    if row["row"] != min(of_same_name):
        return "repeated", f"the source has the identifier {row['source_id']} before"
    if row["held"]:
        return "held out", row["held"]
    if not is_allowed(licence, config.licences.allow, config.licences.unknown):
        return "unlicensed", licence
    fitting = {"full"} if config.names.least == "full" else {"full", "partial"}
    if config.names.ambiguous == "use":
        fitting.add("ambiguous")
    is_shared = row["status"] == "ambiguous" and row["kingdom"]  # a lineage, but no rank of its own
    if row["status"] not in fitting or not (row["rank"] or is_shared):
        return "unnamed", f"{row['status']}: why"
    if row["error"] is None:
        return "unreadable", "not read"
    if row["error"]:
        return "unreadable", row["error"]
    if row["across"]:
        return "held out", f"{row['across']} match of an image that is held out"
    if row["duplicate"]:
        return "duplicate", row["duplicate"]
    return "used", "a note"


def write(path: Path, columns: Mapping[str, Sequence[Any]], **types: Any) -> tuple[Path, ...]:
    texts = {name: types.get(name, pa.string()) for name in columns}
    pq.write_table(pa.table({name: pa.array(list(columns[name]), texts[name]) for name in columns}), path)
    return (path,)


def decide(folder: Path, rows: Sequence[Row], config: BuildConfig) -> tuple[list[Row], list[Row]]:
    """What the SQL plans and decides."""
    whole, unsigned = pa.int64(), {"row": pa.int64(), "key": pa.int64()}

    def get(name: str) -> list[Any]:
        return [row[name] for row in rows]

    read = [row for row in rows if row["error"] is not None]
    near = {
        kind: write(
            folder / f"{kind}.parquet",
            {
                "row": [row["row"] for row in rows if row[kind]],
                "kept": [rows[0]["row"] for row in rows if row[kind]],
                "kind": [row[kind] for row in rows if row[kind]],
            },
            row=whole,
            kept=whole,
        )
        for kind in ("across", "duplicate")
    }
    held = [row for row in rows if row["held"]]
    files: dict[str, Any] = {
        "keys": write(folder / "keys.parquet", {"row": get("row"), "key": range(len(rows))}, **unsigned),
        "resolved": write(
            folder / "resolved.parquet",
            {"key": range(len(rows)), "reason": ["why"] * len(rows)}
            | {name: get(name) for name in ("status", "rank", "kingdom")},
            **unsigned,
        ),
        "held_out": write(
            folder / "held.parquet", {"row": [r["row"] for r in held], "reason": [r["held"] for r in held]}, row=whole
        ),
        "images": write(
            folder / "images-000000.parquet",
            {"row": [r["row"] for r in read], "error": [r["error"] for r in read], "note": ["a note"] * len(read)},
            row=whole,
        ),
        "duplicates": near["duplicate"],
        "across": near["across"],
    }  # fmt: skip
    listed = Made(tuple(
        write(
            folder / f"{source}.parquet",
            {name: [row[name] for row in rows if row["source"] == source] for name in ("row", "source_id", "problem", "licence")},
            row=whole,
        )[0]
        for source in SOURCES
    ), "rows")  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute("CREATE TEMP TABLE sources (number BIGINT, name VARCHAR, place BIGINT)")
        for place, (name, at) in enumerate(SOURCES.items()):
            connection.execute("INSERT INTO sources VALUES (?, ?, ?)", [at, name, place])
        plan_rows(connection, config, listed, files, folder / "plan.parquet")
        files["plan"] = (folder / "plan.parquet",)
        decide_rows(connection, config, listed, files, folder / "decided.parquet")
    plan, decided = (pq.read_table(folder / f"{name}.parquet").sort_by("row") for name in ("plan", "decided"))
    return plan.to_pylist(), decided.to_pylist()


@settings(max_examples=60)
@given(generated=ROWS, fields=SETTINGS)
def test_the_first_rule_that_applies_decides(
    tmp_path_factory: pytest.TempPathFactory, generated: list[Row], fields: dict[str, Any]
) -> None:
    rows, config = number(generated), configure(**fields)
    planned, decided = decide(tmp_path_factory.mktemp("tables"), rows, config)
    expected = [decide_naively(row, rows, config) for row in rows]
    assert [(one["outcome"], one["reason"]) for one in decided] == expected
    counts = Counter(one["outcome"] for one in decided)
    assert set(counts) <= set(OUTCOMES) and counts.total() == len(rows)
    # Before reading, an outcome is planned where it is known, and none is taken back.
    for plan, end in zip(planned, decided, strict=True):
        assert plan["outcome"] in ("", end["outcome"]) and plan["row"] == end["row"]
        assert plan["outcome"] in ("", "held out", *BEFORE_READING)
        assert (end["split"] != "") == (end["outcome"] == "used")
        is_near = end["outcome"] == "duplicate" or (end["outcome"] == "held out" and not plan["outcome"])
        assert (end["duplicate_of"] is not None) == is_near
    places = {name: place for place, name in enumerate(SOURCES)}
    order = sorted(planned, key=lambda one: one["priority"])
    assert [place for place in (places["ab"[one["source"]]] for one in order)] == sorted(
        places["ab"[one["source"]]] for one in planned
    )


def draw_split(source: str, source_id: str, splits: Mapping[str, float], seed: int) -> str:
    image = hashlib.md5(f"{source}\0{source_id}".encode()).hexdigest()
    drawn = int(hashlib.md5(f"{image}:split:{seed}".encode()).hexdigest()[:8], 16) / 2**32
    for name, part in splits.items():
        if drawn < part:
            return name
        drawn -= part
    return "train"


def make_rows(count: int) -> list[Row]:
    plain = {"source": "a", "problem": "", "licence": "CC0", "status": "full", "rank": "species", "kingdom": "", "held": None,
             "error": "", "across": None, "duplicate": None}  # fmt: skip
    return number([plain | {"source_id": f"{n}é{string.ascii_letters[n % 52]}"} for n in range(count)])


def test_splits_have_their_parts_and_depend_on_the_identifier_alone(tmp_path: Path) -> None:
    splits = {"val": 0.1, "test": 0.25}
    rows = make_rows(2000)
    _, decided = decide(tmp_path, rows, configure(splits=splits, seed=5))
    got = [one["split"] for one in decided]
    assert got == [draw_split("a", row["source_id"], splits, 5) for row in rows]
    counts = Counter(got)
    assert abs(counts["val"] - 200) < 45 and abs(counts["test"] - 500) < 70
    _, fewer = decide(tmp_path, number(rows[:700]), configure(splits=splits, seed=5))
    assert [one["split"] for one in fewer] == got[:700]
