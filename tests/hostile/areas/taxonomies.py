"""Taxonomies of every format: damaged, nested without end, in circles, with names that are none; and what is made of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case, Outcome
from hostile.inputs import TABLE, write_image

DEEP = 100_000
WIDE_NAME = "Parus " + "a" * 300
LONG_NAME = "Parus " + "a" * 100_000
CONTROLS = "Parus \x1b[31mmajor\x07"
OVERRIDE = "Parus \u202emajor\u2066"
FORMATS = ("csv", "tsv", "parquet", "yaml", "newick", "json")
SUFFIX = {
    "csv": "csv",
    "tsv": "tsv",
    "parquet": "parquet",
    "yaml": "yaml",
    "newick": "nwk",
    "json": "json",
}


def cases() -> Iterator[Case]:
    yield from _damage_each_format()
    yield from _break_tables()
    yield from _break_trees()
    yield from _break_documents()
    yield from _break_checklists()
    yield from _break_names()
    yield from _nest_deeply()
    yield from _multiply()
    yield from _ask_wrongly()
    yield from _convert_and_return()
    yield from _classify_with()


# What a case writes and runs


def _put(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        _write(folder, name, content)


def _write(folder: Path, name: str, content: str | bytes) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)


def _validate(name: str, content: str | bytes | Callable[[], str | bytes], *flags: str) -> Callable[[Path], list[str]]:
    """Returns what writes one file, and checks it. content: or what makes it, if it is large."""

    def make(folder: Path) -> list[str]:
        _write(folder, name, content if isinstance(content, str | bytes) else content())
        return ["taxonomy", "validate", name, "--format", "json", *flags]

    return make


def _run(name: str, content: str | bytes, *arguments: str) -> Callable[[Path], list[str]]:
    """Returns what writes one file, and runs a command of `taxonomy`."""

    def make(folder: Path) -> list[str]:
        _write(folder, name, content)
        return ["taxonomy", *arguments]

    return make


# What is right


def _has_classes(number: int) -> Callable[[Outcome], str]:
    def check(outcome: Outcome) -> str:
        found = _read_verdict(outcome).get("classes")
        return "" if found == number else f"{found} classes, expected {number}"

    return check


def _is_consistent(outcome: Outcome) -> str:
    """A file was read, or every one of its errors says something of it."""
    document = _read_verdict(outcome)
    if not document:
        return f"no verdict, but {outcome.stdout!r} and {outcome.stderr[-300:]!r}"
    errors = [one for one in document["problems"] if one["severity"] == "error"]
    if outcome.status == 2:
        silent = [one for one in errors if not one["message"] or not one["file"]]
        return f"errors that say nothing: {silent}" if silent or not errors else ""
    return "" if document["classes"] and not errors else f"read, with {document['classes']} classes and {errors}"


def _read_verdict(outcome: Outcome) -> dict[str, Any]:
    """Returns what `validate --format json` says of its file; {} where it says nothing."""
    try:
        verdict: dict[str, Any] = json.loads(outcome.stdout)[0]
    except ValueError:
        return {}
    return verdict


def _prints_no(*texts: str) -> Callable[[Outcome], str]:
    def check(outcome: Outcome) -> str:
        said = outcome.stdout + outcome.stderr
        return "".join(f"{text!r} is printed as it is; " for text in texts if text in said)

    return check


# Each reader's own example, damaged


def _damage_each_format() -> Iterator[Case]:
    from bioclip_x_plugins.builtin import taxonomy_readers

    for spec in taxonomy_readers():
        for kind, damage in DAMAGES.items():
            yield Case(
                f"{spec.name}-{kind}", partial(_damage, spec.name, spec.target, damage), STATUSES.get(kind, READ_OR_REFUSED),
                check=_is_consistent,
            )  # fmt: skip


def _damage(name: str, target: str, damage: Callable[[bytes], bytes], folder: Path) -> list[str]:
    module, _, attribute = target.partition(":")
    example = getattr(import_module(module), attribute).capabilities.example
    for file, text in example.files.items():
        content = _make_parquet(text) if name == "parquet" else text.encode()
        _write(folder, file, damage(content) if file == next(iter(example.files)) else content)
    return ["taxonomy", "validate", example.path.rstrip("/"), "--taxonomy-format", name, "--format", "json"]


def _make_parquet(table: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(csv.DictReader(io.StringIO(table)))), stream)
    return stream.getvalue()


def _flip(content: bytes) -> bytes:
    """Flips the top bit of every seventh byte: in text, none of the words stays what it was."""
    return bytes(byte ^ 0x80 if index % 7 == 3 else byte for index, byte in enumerate(content))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut-1-4": lambda content: content[: len(content) // 4],
    "cut-1-2": lambda content: content[: len(content) // 2],
    "cut-3-4": lambda content: content[: len(content) * 3 // 4],
    "flipped": _flip,
    "nul": lambda content: content[: len(content) // 2] + b"\0" + content[len(content) // 2 :],
    "utf-16": lambda content: content.decode("latin-1").encode("utf-16-le"),
    "empty": lambda content: b"",
}
STATUSES = {"empty": REFUSED}


# Tables


def _break_tables() -> Iterator[Case]:
    row = "Parus major,Paridae,Passeriformes\n"
    yield Case("table-only-header", _validate("a.csv", "species,family\n"), REFUSED, "holds no taxon|no row")
    yield Case("table-only-blanks", _validate("a.csv", " \n \n\t\n"), REFUSED, "is empty")
    yield Case("table-blank-rows", _validate("a.csv", f"{TABLE}\n,,\n , ,\n"), OK, check=_has_classes(2))
    yield Case("table-ragged-short", _validate("a.csv", f"{TABLE}Erithacus rubecula\n"), (0, 2), check=_is_consistent)
    yield Case("table-ragged-long", _validate("a.csv", f"{TABLE}Erithacus rubecula,A,B,C,D\n"), REFUSED, "line.: 4")
    yield Case("table-open-quote", _validate("a.csv", f'{TABLE}"Erithacus rubecula,Muscicapidae,\n'), REFUSED, "quote")
    yield Case(
        "table-quote-within", _validate("a.csv", f'{TABLE}Erithacus "rub" x,M,O\n'), (0, 2), check=_is_consistent
    )
    yield Case(
        "table-other-delimiter", _validate("a.csv", TABLE.replace(",", "#")), REFUSED, "no format|one column|rank"
    )
    yield Case("table-same-column", _validate("a.csv", "species,family,family\nParus major,A,B\n"), REFUSED, "family")
    yield Case("table-no-names", _validate("a.csv", "species,family\n ,\n\u00a0,\u2003\n"), REFUSED, "taxon|no name")
    yield Case(
        "table-duplicate-rows", _validate("a.csv", TABLE + row * 500), OK, "listed (twice|again)", _has_classes(2)
    )
    yield Case("table-bare-carriage-returns", _validate("a.csv", TABLE.replace("\n", "\r")), OK, check=_has_classes(2))
    yield Case("table-utf-16-marked", _validate("a.csv", TABLE.encode("utf-16")), OK, check=_has_classes(2))
    yield Case("table-utf-16-cut", _validate("a.csv", TABLE.encode("utf-16")[:-1]), REFUSED, "utf-16")
    yield Case("table-utf-32", _validate("a.csv", TABLE.encode("utf-32")), READ_OR_REFUSED, check=_is_consistent)
    yield Case("table-surrogate-bytes", _validate("a.csv", TABLE.encode() + b"Parus \xed\xa0\x80,A,B\n"), OK,
               "1252", _has_classes(3))  # fmt: skip
    yield Case("table-many-columns", _validate("a.csv", lambda: _make_wide_table(20_000)), READ_OR_REFUSED,
               check=_is_consistent)  # fmt: skip
    yield Case("table-line-too-long", _validate("a.csv", lambda: TABLE + "x" * (2 << 20)), REFUSED, "line.: 4|line 4")
    yield Case("table-one-line-of-nothing", _validate("a.csv", lambda: b"," * (2 << 20)), REFUSED)
    for number in ("inf", "1e999", "9" * 5000):
        yield Case(f"table-numbers-{number[:5]}", _validate("a.csv", f"species,gbif_id\nParus major,{number}\n"), OK,
                   check=_has_classes(1))  # fmt: skip
    yield Case("table-thousand-ranks", _validate("a.csv", lambda: _make_many_ranks(1000)), READ_OR_REFUSED,
               check=_is_consistent)  # fmt: skip
    yield Case("table-200000-errors", _validate("a.csv", lambda: "species,genus\n" + ",\n" * 5 + ",x\n" * 5),
               READ_OR_REFUSED, check=_is_consistent)  # fmt: skip
    yield Case("table-300000-columns", _validate("a.csv", lambda: ",".join(f"{n:x}" for n in range(180_000)) + "\nx\n"),
               REFUSED, "columns|no format", seconds=10)  # fmt: skip
    yield Case("table-300000-columns-and-species", _validate("a.csv", lambda: "species," + ",".join(
               f"{n:x}" for n in range(180_000)) + "\nParus major\n"), REFUSED, "columns", seconds=10)  # fmt: skip
    yield Case("parquet-terabytes", _validate("a.parquet", partial(_repeat_in_parquet, 10, 30_000_000)), REFUSED, "rows",
               seconds=10, bytes=1 << 30)  # fmt: skip
    for kind in ("list-of-numbers", "struct", "binary", "not-utf-8", "repeated", "no-column"):
        yield Case(f"parquet-{kind}", _validate("a.parquet", partial(_make_odd_parquet, kind)), REFUSED, "a.parquet")
    yield Case("parquet-footer-lies", _validate("a.parquet", partial(_lie_in_footer)), REFUSED, "cannot be read")
    yield Case("parquet-only-marks", _validate("a.parquet", b"PAR1PAR1"), REFUSED, "cannot be read")
    yield Case("parquet-null-bytes", _validate("a.parquet", b"PAR1" + bytes(4096) + b"PAR1"), REFUSED, "cannot be read")
    yield Case("parquet-repeated-text", _validate("a.parquet", partial(_repeat_in_parquet, 0, 300_000)), (0, 2),
               check=_is_consistent, bytes=3 << 30)  # fmt: skip


def _make_wide_table(columns: int) -> str:
    names = ",".join(f"column {number}" for number in range(columns))
    return f"species,{names}\nParus major,{',' * (columns - 1)}\n"


def _make_many_ranks(ranks: int) -> str:
    return ",".join(f"rank{number}" for number in range(ranks)) + ",species\n" + "A," * ranks + "Parus major\n"


def _make_odd_parquet(kind: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = {
        "list-of-numbers": pa.array([[1, 2]]),
        "struct": pa.array([{"name": "Parus major"}]),
        "binary": pa.array([b"\xff\xfe"]),
        "not-utf-8": pa.array(["Parus m\u00e0jor"]),
        "repeated": pa.array(["Parus major"]),
        "no-column": pa.array([], pa.null()),
    }[kind]
    names = ["species", "species"] if kind == "repeated" else ["species"]
    table = pa.Table.from_arrays([column] * len(names), names)
    stream = io.BytesIO()
    pq.write_table(table.select([]) if kind == "no-column" else table, stream)
    return stream.getvalue().replace("\u00e0".encode(), b"\xff\xfe")


def _lie_in_footer() -> bytes:
    """A footer that is longer than the file."""
    content = _make_parquet(TABLE)
    return content[:-8] + (1 << 31).to_bytes(4, "little") + b"PAR1"


def _repeat_in_parquet(groups: int, rows: int) -> bytes:
    """A small file of many rows that are the same. rows: of each group; groups: of blank ones, after the first group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    first = pa.array(["Parus major"] * min(rows, 300_000))
    with pq.ParquetWriter(stream, pa.schema({"species": pa.string()})) as writer:
        writer.write_table(pa.table({"species": first}))
        for _ in range(groups):
            writer.write_table(pa.table({"species": pa.nulls(rows, pa.string())}), row_group_size=rows)
    return stream.getvalue()


# Trees


def _break_trees() -> Iterator[Case]:
    for name, text, says in (
        ("unclosed", "((Aus,Bus)Cidae", "still open|cut short"),
        ("closed-twice", "(Aus,Bus))Cidae;", "closed too early|one too many"),
        ("two-trees", "(Aus,Bus);(Cus,Dus);", "second tree"),
        ("no-tip", "(,);", "no name"),
        ("nothing", "();", "no name"),
        ("only-semicolon", ";", "empty|begins with|format"),
        ("open-quote", "('Aus,Bus);", "quote"),
        ("open-comment", "([Aus,Bus);", "comment|unclosed|expected"),
        ("bad-length", "(Aus:1x,Bus:2);", "expected"),
        ("text-after", "(Aus,Bus); and so on", "nothing after"),
        ("nul", "(Aus\0,Bus);", "NUL|expected"),
    ):  # fmt: skip
        yield Case(f"brackets-{name}", _validate("a.nwk", text), REFUSED, says)
    yield Case("newick-tips-of-one-name", _validate("a.nwk", "(Aus,Aus,Aus);"), OK, "repeated tip", _has_classes(3))
    yield Case("newick-long-comments", _validate("a.nwk", lambda: "(" + "[" * 200_000 + "]Aus,Bus);"), READ_OR_REFUSED,
               check=_is_consistent)  # fmt: skip
    yield Case("newick-many-open-comments", _validate("a.nwk", lambda: "(" + "[a" * 20_000), REFUSED, seconds=10)
    yield Case("newick-many-quotes", _validate("a.nwk", lambda: "('" + "''" * 200_000), REFUSED, "quote")
    yield Case("newick-many-blanks", _validate("a.nwk", lambda: "(" + " " * 300_000 + "!;"), READ_OR_REFUSED, seconds=10,
               check=_is_consistent)  # fmt: skip
    yield Case(
        "newick-digits-without-end", _validate("a.nwk", lambda: f"(Aus:{'1' * 200_000}x,Bus);"), REFUSED, seconds=10
    )
    yield Case("newick-huge-support", _validate("a.nwk", f"((Aus,Bus){'9' * 5000},Cus);"), OK, check=_has_classes(3))
    nexus = "#NEXUS\nBEGIN TREES;\n{}\nEND;\n"
    for name, text, says in (
        ("no-tree", nexus.format(""), "neither a TREE"),
        ("unclosed", nexus.format("TREE a = ((Aus,Bus);"), "still open"),
        ("not-a-tree", nexus.format("TREE a = nothing;"), "begins with"),
        ("only-mark", "#NEXUS", "neither a TREE"),
        ("open-comment", "#NEXUS [ a comment \nBEGIN TREES;", "comment|neither"),
        ("open-quote", nexus.format("TRANSLATE 1 'Aus"), "quote|neither"),
    ):
        yield Case(f"nexus-{name}", _validate("a.nex", text), REFUSED, says)
    circle = nexus.format("TRANSLATE 1 2, 2 1;\nTREE a = (1,2);")
    yield Case("nexus-translated-in-a-circle", _validate("a.nex", circle), OK, check=_has_classes(2))
    for name, text, says in (
        ("self", "a b\nb b\n", ""),
        ("cycle", "r a\na b\nb a\n", "cycle|several parents"),
        ("pure-cycle", "a b\nb c\nc a\n", "cycle"),
        ("three-columns", "a b\nb c d\n", "pair"),
        ("several-parents", "r a\nr b\na c\nb c\n", "several parents"),
    ):
        statuses = OK if name == "self" else REFUSED
        yield Case(f"edges-{name}", _validate("a.edges", text), statuses, says, check=_is_consistent)
    cycle = "\n".join(f"n{number} n{(number + 1) % 20_000}" for number in range(20_000))
    yield Case("edges-long-cycle", _validate("a.edges", cycle), REFUSED, "cycle", _is_short)
    yield from _chain_rows()
    yield Case("edges-forest", _validate("a.edges", "".join(f"a{n} b{n}\n" for n in range(2000))), OK,
               check=_has_classes(2000))  # fmt: skip
    for name, text, says in (
        ("skips-a-level", "Aus\n    Bus\n", "indent"),
        ("tabs", "Aus\n\tBus\n", "tab"),
        ("starts-indented", "  Aus\nBus\n", "indent|none in the first"),
        ("odd", "Aus\n Bus\n", "indent|two per level"),
        ("synonym-first", "=Aus\nBus\n", "synonym"),
        ("below-synonym", "Aus\n  =Bus\n    Cus\n", "synonym"),
        ("only-marks", "†\n?\n", "name"),
    ):
        yield Case(f"text-tree-{name}", _validate("a.txtree", text), REFUSED, says)
    braces = "Aus {" + "A=" * 50_000 + "}\n"
    yield Case("text-tree-braces", _validate("a.txtree", braces), READ_OR_REFUSED, seconds=10, check=_is_consistent)
    blanks = "Aus {A=" + " " * 50_000 + "x}\nBus [" + " " * 50_000 + "\n"
    yield Case("text-tree-blanks", _validate("a.txtree", blanks), READ_OR_REFUSED, seconds=10, check=_is_consistent)


def _chain_rows() -> Iterator[Case]:
    """Rows that lead to one another, of which each must not be followed to the end."""
    head = "taxonID\tparentNameUsageID\tacceptedNameUsageID\tscientificName\n"
    many = range(1, 10_000)
    rows = {
        "synonyms": "0\t\t\tAus\n" + "".join(f"{n}\t\t{n - 1}\tAus b{n}\n" for n in many),
        "synonyms-nowhere": "x\t\t\tAus\n" + "".join(f"{n}\t\t{n - 1}\tAus b{n}\n" for n in many),
        "synonym-of-many": "".join(f"{n}\t\t\tAus b{n}\ns\t\t{n}\tCus\n" for n in many),
        "placeholders": "x\tu9999\t\tAus\n"
        + "".join(f"u{n}\tu{n - 1}\t\tunknown\nt{n}\tu9999\t\tAus b{n}\n" for n in many),
    }
    for name, text in rows.items():
        yield Case(f"chain-{name}", _validate("taxon.tsv", head + text), OK, check=_is_consistent, seconds=15)
    circle = "".join(f"{n}\t\t{n % 10_000 + 1}\tAus b{n}\n" for n in range(1, 10_001))
    yield Case("chain-synonyms-in-a-circle", _validate("taxon.tsv", head + "x\t\t\tAus\n" + circle), REFUSED, "synonyms of",
               _is_short, seconds=15)  # fmt: skip
    parents = "".join(f"p{n}\t\t\tAus b{n}\nx\tp{n}\t\tCus\n" for n in many)
    namesakes = "".join(f"a{n}\t\t\tAus\n" for n in many)
    header = "taxonID\tparentNameUsage\tacceptedNameUsageID\tscientificName\n"
    yield Case("chain-namesakes", _validate("taxon.tsv", header + namesakes + "".join(
               f"b{n}\tAus\t\tAus b{n}\n" for n in many)), OK, seconds=10)  # fmt: skip
    yield Case("chain-many-parents", _validate("taxon.tsv", head + parents, "--dag", "first"), OK, seconds=15)


def _is_short(outcome: Outcome) -> str:
    longest = max(len(one["message"]) for one in _read_verdict(outcome)["problems"])
    return f"a message of {longest:,} characters" if longest > 2000 else ""


# YAML and JSON


def _break_documents() -> Iterator[Case]:
    node = '{"id": %s, "name": "Aus%s", "parent_id": %s}'
    chain = ", ".join(node % (n, n, n - 1 if n else "null") for n in range(3))
    for name, text, says in (
        ("self", "[" + node % (1, 1, 1) + "]", ""),
        ("cycle", "[" + node % (1, 1, 2) + "," + node % (2, 2, 1) + "]", "cycle"),
        ("missing-parent", "[" + node % (1, 1, 7) + "]", "not in the file"),
        ("duplicate", "[" + node % (1, 1, "null") + "," + node % (1, 2, "null") + "]", "listed twice|has the id"),
        ("no-id", '[{"name": "Aus", "parent_id": 1}]', "unknown keys parent_id"),
        ("number", "12", "expected"),
        ("text", '"Aus"', "expected"),
        ("null", "null", "expected"),
        ("empty-list", "[]", "expected"),
        ("empty-object", "{}", "expected"),
        ("list-of-null", "[null, null]", "expected"),
        ("same-key", '{"nodes": [], "nodes": []}', "given twice"),
        ("half-character", '[{"id": 1, "name": "\\ud800"}]', "surrogate"),
        ("nan", '[{"id": NaN, "name": "Aus"}]', ""),
        ("list-as-name", '[{"id": 1, "name": ["Aus"]}]', "a node with a 'name'"),
        ("object-as-id", '[{"id": {}, "name": "Aus", "parent_id": null}]', "text or a number"),
        ("object-as-extra", '[{"id": 1, "name": "Aus", "parent_id": null, "extra": [1]}]', "extra"),
        ("trailing", "[" + chain + "] and more", "line"),
    ):
        statuses = OK if name in ("self", "duplicate") else REFUSED if name != "nan" else READ_OR_REFUSED
        yield Case(f"json-{name}", _validate("a.json", text), statuses, says, check=_is_consistent)
    digits = '[{"id": ' + "9" * 100_000 + ', "name": "Aus"}]'
    yield Case("json-huge-integer", _validate("a.json", digits), READ_OR_REFUSED, check=_is_consistent)
    graph = '{"directed": %s, "nodes": [{"id": "a"}, {"id": "b"}], "links": %s}'
    for name, text, says in (
        ("undirected", graph % ("false", "[]"), "undirected"),
        ("unknown-end", graph % ("true", '[{"source": "a", "target": "z"}]'), "no node has the id"),
        ("no-ends", graph % ("true", '[{"from": "a"}]'), "'source' and 'target'"),
        ("list-as-end", graph % ("true", '[{"source": ["a"], "target": {}}]'), "text or a number|id"),
        ("cycle", graph % ("true", '[["a", "b"], ["b", "a"]]'), "cycle"),
        ("index-out-of-range", graph % ("true", "[[0, 99999999999999999999]]"), "no node has the id"),
    ):
        yield Case(f"graph-{name}", _validate("a.json", text), REFUSED, says)
    for name, text, says in (
        ("date", "- {species: 2020-13-45}\n", "not a valid date"),
        ("word-as-date", "- {species: 2020-01-02}\n", "expected text"),
        ("boolean", "- {species: no}\n", "expected text"),
        ("binary", "- {species: !!binary 'x'}\n", "the tag !!binary"),
        ("python-object", "- {species: !!python/object/apply:os.system ['touch hacked']}\n", "line 1|python"),
        ("python-name", "- {species: !!python/name:os.system }\n", "line 1|python"),
        ("two-documents", "- {species: Aus bus}\n---\n- {species: Aus cus}\n", "document"),
        ("tab", "-\t{species: Aus bus}\n\t- x\n", "YAML"),
        ("itself", "- &a {name: Aus, children: [*a]}\n", "alias"),
        ("unknown-alias", "- {species: *a}\n", "alias"),
        ("control", "- {species: 'Aus \x01'}\n", "escaped|character"),
        ("sixty", "- {species: Aus bus, gbif_id: 190:20:30}\n", ""),
        ("list-as-key", "? [a]\n: b\n", "key"),
        ("huge-float", "- {species: Aus bus, gbif_id: 1e99999}\n", ""),
        ("too-deep-for-ranks", "ranks: [genus]\ntree: {Aus: {Aus bus: [x]}}\n", "deeper"),
        ("ranks-no-list", "ranks: genus\ntree: {Aus: null}\n", "list of ranks"),
        ("unknown-key", "- {name: Aus, child: []}\n", "unknown keys"),
        ("children-no-list", "- {name: Aus, children: {}}\n", "children"),
        ("synonym-of-numbers", "- {name: Aus, synonyms: [1]}\n", "expected text"),
    ):
        statuses = OK if name in ("sixty", "huge-float") else REFUSED
        yield Case(f"yaml-{name}", _validate("a.yaml", text), statuses, says, check=_is_not_hacked)


def _is_not_hacked(outcome: Outcome) -> str:
    return "code of a file was run" if (outcome.folder / "hacked").exists() else _is_consistent(outcome)


# Checklists


def _break_checklists() -> Iterator[Case]:
    head = "taxonID\tparentNameUsageID\tacceptedNameUsageID\ttaxonomicStatus\tscientificName\ttaxonRank\n"
    row = "{}\t{}\t{}\t{}\t{}\tgenus\n"
    for name, rows, statuses, says in (
        ("parent-of-itself", [("1", "1", "", "accepted", "Aus")], OK, ""),
        ("cycle", [("1", "2", "", "", "Aus"), ("2", "1", "", "", "Bus")], REFUSED, "cycle"),
        ("missing-parent", [("1", "7", "", "", "Aus")], OK, "not in the file"),
        ("same-id", [("1", "", "", "", "Aus"), ("1", "", "", "", "Bus")], OK, "has the id"),
        ("synonym-of-itself", [("1", "", "1", "synonym", "Aus"), ("2", "", "", "", "Bus")], (0, 2), ""),
        (
            "synonyms-in-a-circle",
            [("1", "", "2", "synonym", "Aus"), ("2", "", "1", "synonym", "Bus")],
            REFUSED,
            "synonym",
        ),
        ("only-synonyms", [("1", "", "9", "synonym", "Aus")], REFUSED, ""),
        ("no-names", [("1", "", "", "", ""), ("2", "", "", "", " ")], REFUSED, ""),
        ("huge-id", [("9" * 5000, "", "", "", "Aus")], OK, ""),
        ("negative-id", [("-1", "", "", "", "Aus")], OK, ""),
    ):
        text = head + "".join(row.format(*one) for one in rows)
        check = _is_consistent
        yield Case(
            f"checklist-{name}", _validate("taxon.tsv", text, "--taxonomy-format", "darwin-core"), statuses, says, check
        )
    several = head + row.format("1", "", "", "", "Aus") + row.format("2", "", "", "", "Bus")
    several += row.format("3", "1", "", "", "Cus") + row.format("3", "2", "", "", "Cus")
    for dag, statuses, classes in (("refuse", REFUSED, None), ("first", OK, 2), ("all", OK, 2)):
        yield Case(f"checklist-two-parents-{dag}", _validate("taxon.tsv", several, "--dag", dag), statuses,
                   "" if classes else "several parents", _has_classes(classes) if classes else _is_consistent)  # fmt: skip
    for name, nodes, names, statuses, says in (
        ("cycle", "2\t|\t3\t|\tgenus\t|\n3\t|\t2\t|\tgenus\t|\n", "2\t|\tAus\t|\t\t|\tscientific name\t|\n"
         "3\t|\tBus\t|\t\t|\tscientific name\t|\n", REFUSED, "cycle"),
        ("no-names", "2\t|\t2\t|\tgenus\t|\n", "", REFUSED, ""),
        ("superscript", "²\t|\t1\t|\tgenus\t|\n", "²\t|\tAus\t|\t\t|\tscientific name\t|\n", REFUSED, "line"),
        ("arabic-digits", "٢\t|\t٢\t|\tgenus\t|\n", "٢\t|\tAus\t|\t\t|\tscientific name\t|\n", (0, 2), ""),
        ("huge-number", "9" * 5000 + "\t|\t1\t|\tgenus\t|\n", "1\t|\tAus\t|\t\t|\tscientific name\t|\n", (0, 2), ""),
        ("one-column", "2\n3\n", "2\t|\tAus\t|\t\t|\tscientific name\t|\n", REFUSED, "line"),
        ("other-separator", "2,2,genus\n", "2,Aus,,scientific name\n", REFUSED, ""),
    ):  # fmt: skip

        def make(folder: Path, nodes: str = nodes, names: str = names) -> list[str]:
            _write(folder, "nodes.dmp", nodes)
            _write(folder, "names.dmp", names)
            return ["taxonomy", "validate", ".", "--taxonomy-format", "taxdump", "--format", "json"]

        yield Case(f"taxdump-{name}", make, statuses, says, _is_consistent)
    yield Case(
        "taxdump-missing-names", _run("nodes.dmp", "1\t|\t1\t|\tgenus\t|\n", "validate", "nodes.dmp"), REFUSED, "names"
    )


# Names


def _break_names() -> Iterator[Case]:
    for name, value in (("300-letters", WIDE_NAME), ("100000-letters", LONG_NAME), ("controls", CONTROLS),
                        ("override", OVERRIDE), ("quotes", "\"';<script>alert(1)</script>"), ("formula", "=1+1"),
                        ("percent", "%s%n%(x)s{0}"), ("path", "../../etc/passwd"), ("markup", "[bold]x[/bold][/]")):  # fmt: skip
        table = _make_table([("species", "family"), (value, "Paridae")])
        prints = _prints_no("\x1b", "\x07", "\u202e", "\u2066")
        yield Case(f"name-{name}-show", _run("a.csv", table, "show", "a.csv"), OK, check=prints)
        yield Case(f"name-{name}-validate", _run("a.csv", table, "validate", "a.csv"), OK, check=prints)
        yield Case(f"name-{name}-convert", _run("a.csv", table, "convert", "a.csv", "--to", "newick"), OK)
    for name, value in (("blank", " "), ("no-break-space", "\u00a0"), ("zero-width", "\u200b"), ("unknown", "NA")):
        table = _make_table([("species",), (value,)])
        yield Case(f"name-{name}", _validate("a.csv", table), REFUSED if name != "zero-width" else READ_OR_REFUSED)


def _make_table(rows: list[tuple[str, ...]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


# Levels without end


def _nest_deeply() -> Iterator[Case]:
    for name, content in (
        ("deep.nwk", lambda: "(" * DEEP + "Aus" + ",Bus)" * DEEP + ";"),
        ("named.nwk", lambda: "(" * DEEP + "Aus" + ",Bus)Cidae" * DEEP + ";"),
        ("deep.nex", lambda: f"#NEXUS\nBEGIN TREES;\nTREE a = {'(' * DEEP}Aus{',Bus)' * DEEP};\nEND;\n"),
        ("deep.edges", lambda: "".join(f"n{n} n{n + 1}\n" for n in range(30_000))),
        ("deep.txtree", lambda: "".join("  " * n + f"Aus{n}\n" for n in range(5500))),
        ("deep-nodes.json", lambda: _make_json_chain(20_000)),
        ("deep-table.tsv", lambda: _make_tsv_chain(6_000)),
    ):
        yield Case(f"levels-{name.replace('.', '-')}", _validate(name, content), REFUSED, "levels", seconds=15)
    for name, content in (
        ("deep-list.json", lambda: "[" * DEEP),
        ("deep-list-closed.json", lambda: "[" * DEEP + "]" * DEEP),
        ("deep-objects.json", lambda: '{"children": ' * DEEP),
        ("deep-children.json", lambda: '{"name": "Aus", "children": [' * DEEP + "]}" * DEEP),
        ("deep-list.yaml", lambda: "[" * DEEP),
        ("deep-objects.yaml", lambda: "{a: " * DEEP + "}" * DEEP),
        ("deep-indent.yaml", lambda: "".join(" " * n + "a:\n" for n in range(2000))),
        ("deep-dashes.yaml", lambda: "- " * DEEP + "a"),
    ):
        yield Case(f"levels-{name.replace('.', '-')}", _validate(name, content), REFUSED, "200 deep", seconds=15)
    for levels in (100, 900, 2000):
        newick = "(" * levels + "Aus" + ",Bus)Cidae" * levels + ";"
        yield Case(f"levels-{levels}-validate", _validate("a.nwk", newick), OK, check=_has_classes(levels + 1))
        for command in ("show", "list"):
            yield Case(f"levels-{levels}-{command}", _run("a.nwk", newick, command, "a.nwk"), OK)
        for to in FORMATS:
            convert = _run("a.nwk", newick, "convert", "a.nwk", "--output", f"b.{SUFFIX[to]}", "--to", to)
            statuses = (0, 2) if to in ("csv", "tsv", "parquet", "yaml") else OK
            yield Case(f"levels-{levels}-to-{to}", convert, statuses, seconds=15)


def _make_json_chain(levels: int) -> str:
    return json.dumps([{"id": n, "name": f"Aus {n}", "parent_id": n - 1 if n else None} for n in range(levels)])


def _make_tsv_chain(levels: int) -> str:
    head = "taxonID\tparentNameUsageID\tscientificName\n"
    return head + "".join(f"{n}\t{n - 1 if n else ''}\tAus b{n}\n" for n in range(levels))


# What grows when it is read


def _multiply() -> Iterator[Case]:
    for layers, width in ((40, 2), (12, 12), (300, 2)):
        edges = _make_lattice(layers, width)
        yield Case(
            f"lattice-{layers}-{width}",
            _validate("a.edges", edges, "--dag", "all"),
            REFUSED,
            "copies|nodes",
            seconds=10,
        )
    yield Case("lattice-small", _validate("a.edges", _make_lattice(4, 2), "--dag", "all"), OK, check=_has_classes(16))
    yield Case(
        "lattice-first", _validate("a.edges", _make_lattice(40, 2), "--dag", "first"), OK, check=_has_classes(41)
    )
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    merges = "a0: &a0 {k: v}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
    )
    nodes = "- &a0 {name: Aus}\n" + "".join(
        f"- &a{n} {{name: Aus{n}, children: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
    )
    tree = "ranks: [a, b, c, d, e, f, g, h, i, j]\ntree:\n  &a0 [x, y, z]\n"
    for name, text in (("lists", laughs), ("merges", merges), ("nodes", nodes)):
        yield Case(f"aliases-{name}", _validate("a.yaml", text), REFUSED, "aliases stand", seconds=10, bytes=1 << 30)
        yield Case(
            f"aliases-{name}-json", _validate("a.json", text), REFUSED, "not valid JSON", seconds=10, bytes=1 << 30
        )
    text = "- &a " + "x" * 500_000 + "\n" + "- *a\n" * 100_000
    yield Case("aliases-of-a-long-text", _validate("a.yaml", text), REFUSED, "alias", seconds=10)
    few = "- &a {family: Paridae}\n- {<<: *a, species: Parus major}\n- {<<: *a, species: Parus minor}\n"
    yield Case("aliases-few", _validate("a.yaml", few), OK, check=_has_classes(3))
    yield Case("aliases-in-a-tree", _validate("a.yaml", tree), OK, check=_has_classes(3))


def _make_lattice(layers: int, width: int) -> str:
    """Each node of a layer has all nodes of the layer above as parents: width ** layers paths."""
    lines = [f"root n0_{b}" for b in range(width)]
    lines += [f"n{n - 1}_{a} n{n}_{b}" for n in range(1, layers) for a in range(width) for b in range(width)]
    return "# parent child\n" + "\n".join(lines) + "\n"


# Wrong questions


def _ask_wrongly() -> Iterator[Case]:
    yield Case("missing", _run("a.csv", TABLE, "validate", "b.csv"), REFUSED, "does not exist")
    yield Case("folder-empty", _run("a/.hidden", "", "validate", "a"), REFUSED, "a")
    yield Case("long-path", _run("a.csv", TABLE, "validate", "a" * 5000), REFUSED)
    yield Case(
        "unknown-format",
        _run("a.csv", TABLE, "validate", "a.csv", "--taxonomy-format", "nonsense"),
        REFUSED,
        "nonsense",
    )
    yield Case("wrong-format", _run("a.csv", TABLE, "validate", "a.csv", "--taxonomy-format", "parquet"), REFUSED)
    yield Case(
        "unknown-option", _run("a.csv", TABLE, "validate", "a.csv", "--taxonomy-format", "csv:x=1"), REFUSED, "x"
    )
    yield Case("device", _run("a.csv", TABLE, "validate", "/dev/zero"), REFUSED, seconds=10)
    yield Case("null-device", _run("a.csv", TABLE, "validate", "/dev/null"), REFUSED)
    yield Case(
        "device-named", _run("a.csv", TABLE, "validate", "/dev/zero", "--taxonomy-format", "csv"), REFUSED, seconds=10
    )
    yield Case(
        "device-as-yaml",
        _run("a.csv", TABLE, "validate", "/dev/zero", "--taxonomy-format", "yaml"),
        REFUSED,
        seconds=10,
    )
    yield Case("device-as-newick", _run("a.csv", TABLE, "validate", "/dev/zero", "--taxonomy-format", "newick"), REFUSED,
               seconds=20)  # fmt: skip
    yield Case("link-to-itself", _make_loop, REFUSED)
    for depth in ("0", "-1", "1000000000000000000000"):
        yield Case(f"show-depth-{depth}", _run("a.csv", TABLE, "show", "a.csv", "--depth", depth),
                   REFUSED, "depth")  # fmt: skip
    yield Case("show-rank", _run("a.csv", TABLE, "show", "a.csv", "--rank", "nonsense"), REFUSED, "nonsense")
    yield Case("show-under", _run("a.csv", TABLE, "show", "a.csv", "--under", "Nonsense"), REFUSED, "Nonsense")
    yield Case("subset-of-nothing", _run("a.csv", TABLE, "subset", "a.csv"), REFUSED)
    yield Case("subset-unknown", _run("a.csv", TABLE, "subset", "a.csv", "Aus"), REFUSED, "Aus")
    yield Case("subset-of-itself", _run("a.csv", TABLE, "subset", "a.csv", "a.csv"), OK, "Parus major")
    yield Case("subset-long", _run("a.csv", TABLE, "subset", "a.csv", "x" * 10_000), REFUSED)
    yield Case("subset-separators", _run("a.csv", TABLE, "subset", "a.csv", ";;>;"), REFUSED)
    yield Case("subset-nul", _run("a.csv", TABLE, "subset", "a.csv", "Parus\0major"), REFUSED)
    yield Case("diff-with-itself", _run("a.csv", TABLE, "diff", "a.csv", "a.csv"), OK)
    yield Case("diff-with-missing", _run("a.csv", TABLE, "diff", "a.csv", "b.csv"), REFUSED, "b.csv")
    yield Case("diff-with-empty", _diff_with(""), REFUSED, "empty")
    yield Case("diff-with-binary", _diff_with("\0\1\2"), REFUSED, "b.csv")
    yield Case("diff-of-nothing-common", _diff_with("species\nAus bus\n"), (0, 1))
    yield Case(
        "list-language",
        _run("a.csv", TABLE, "list", "a.csv", "--language", "\x1b"),
        READ_OR_REFUSED,
        check=_prints_no("\x1b"),
    )
    yield Case("convert-to-folder", _run("a.csv", TABLE, "convert", "a.csv", "--output", "."), REFUSED)
    yield Case(
        "convert-no-folder", _run("a.csv", TABLE, "convert", "a.csv", "--output", "none/b.yaml"), REFUSED, "none"
    )
    yield Case("convert-unknown-suffix", _run("a.csv", TABLE, "convert", "a.csv", "--output", "b.xyz"), REFUSED, "--to")
    yield Case("convert-onto-itself", _run("a.csv", TABLE, "convert", "a.csv", "--output", "a.csv"), (0, 2))


def _make_loop(folder: Path) -> list[str]:
    (folder / "a.csv").symlink_to("a.csv")
    return ["taxonomy", "validate", "a.csv"]


def _diff_with(content: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        _write(folder, "a.csv", TABLE)
        _write(folder, "b.csv", content)
        return ["taxonomy", "diff", "a.csv", "b.csv"]

    return make


# To another format and back


def _convert_and_return() -> Iterator[Case]:
    rows = [("species", "family", "common_name"), ("Parus major", "Paridae", "great, \"tit\"\n| it"),
            ("Parus 'minor'", "Paridae", "=x"), ("Parus [x]:(y);", "Par,idae", "#"), (CONTROLS, "Paridae", ""),
            (OVERRIDE, "", "- a: *b")]  # fmt: skip
    for to in FORMATS:
        yield Case(f"convert-hostile-to-{to}", _run("a.csv", _make_table(rows), "convert", "a.csv", "--output",
                   f"b.{SUFFIX[to]}"), OK, check=partial(_reads_back, f"b.{SUFFIX[to]}", 5))  # fmt: skip


def _reads_back(name: str, classes: int, outcome: Outcome) -> str:
    """The file that was written has as many classes as the one that was read."""
    from bioclip_x.classes.taxonomy_files import read_taxonomy
    from bioclip_x.hooks.registry import create_registry

    found = read_taxonomy(create_registry(), outcome.folder / name).n_classes
    return "" if found == classes else f"{found} classes are read back, expected {classes}"


# Classes of `classify`


def _classify_with() -> Iterator[Case]:
    damaged = {
        "empty": ("", "is empty"),
        "cycle": ("parent,child\na,b\nb,a\n", "cycle"),
        "nul": (TABLE.replace("Parus", "Par\0us"), "NUL"),
        "binary": ("\x89PNG\r\n\x1a\n", "no format"),
        "header": ("species,family\n", "no taxon"),
    }
    for name, (text, says) in damaged.items():
        yield Case(f"classify-{name}", partial(_classify, text, ("--taxonomy", "a.csv")), REFUSED, says)
    for flags, says in (
        (("--taxonomy", "a.csv", "--subset", "Aus"), "Aus"),
        (("--taxonomy", "a.csv", "--subset", "missing.txt"), "missing.txt"),
        (("--taxonomy", "a.csv", "--report-as", "missing.csv"), "missing.csv"),
        (("--taxonomy", "a.csv", "--report-as", "binary.csv"), "binary.csv"),
        (("--taxonomy", "a.csv", "--labels", "Aus,Bus"), "labels"),
        (("--taxonomy", "a.csv", "--rank", "nonsense"), "nonsense"),
        (("--taxonomy", "a.csv", "--dag", "nonsense"), "nonsense"),
        (("--taxonomy", "a.csv", "--beside", ","), "beside"),
    ):
        name = "-".join("".join(letter for letter in part if letter.isalnum()) for part in flags[2:])
        yield Case(f"classify-with-{name}", partial(_classify, TABLE, flags), REFUSED, says)


def _classify(text: str, flags: tuple[str, ...], folder: Path) -> list[str]:
    write_image(folder)
    _write(folder, "a.csv", text)
    _write(folder, "binary.csv", b"\x89PNG\r\n\x1a\n\0\0")
    return ["classify", "bird.png", "--format", "json", *flags]
