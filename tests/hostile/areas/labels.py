"""Lists of labels and species: files that are none, words that YAML takes for something else, names that are no names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hostile.case import OK, READ_OR_REFUSED, REFUSED, SOME_FAILED, Case, Outcome
from hostile.inputs import LABELS, TABLE, write_image

LONG = "Parus " + "a" * 100_000


def cases() -> Iterator[Case]:
    yield from _break_label_files()
    yield from _break_labels_given()
    yield from _mistake_words()
    yield from _break_species_lists()
    yield from _put_in_recipes()


def _classify(files: dict[str, str | bytes], *flags: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        write_image(folder)
        for name, content in files.items():
            (folder / name).write_bytes(
                content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            )
        return ["classify", "bird.png", "--format", "json", *flags]

    return make


def _list(files: dict[str, str | bytes], *flags: str) -> Callable[[Path], list[str]]:
    """A subset of a table, which needs no model."""

    def make(folder: Path) -> list[str]:
        for name, content in ({"tree.csv": TABLE} | files).items():
            (folder / name).write_bytes(
                content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            )
        return ["taxonomy", "subset", "tree.csv", *flags]

    return make


def _has_classes(number: int) -> Callable[[Outcome], str]:
    """The image is compared with so many classes."""

    def check(outcome: Outcome) -> str:
        found = json.loads(outcome.stdout)["provenance"]["n_classes"]
        return "" if found == number else f"{found} classes, expected {number}"

    return check


def _prints_plainly(outcome: Outcome) -> str:
    said = outcome.stdout + outcome.stderr
    return "a control character is printed" if "\x1b" in said or "\x07" in said else ""


def _break_label_files() -> Iterator[Case]:
    for name, file, content, says in (
        ("empty", "a.txt", "", "names nothing"),
        ("blank", "a.txt", " \n\t\n\u00a0\n", "names nothing"),
        ("twice", "a.txt", LABELS + "Parus major\n", "given twice"),
        ("nul", "a.txt", "Parus\0major\nErithacus rubecula\n", "NUL"),
        ("utf-16", "a.txt", LABELS.encode("utf-16-le"), "NUL"),
        ("utf-16-cut", "a.txt", LABELS.encode("utf-16")[:-1], "utf-16"),
        ("latin-1", "a.txt", "Œdicnème\n".encode("cp1252"), "line 1: not valid utf-8"),
        ("binary", "a.txt", bytes(range(256)), "a.txt"),
        ("surrogate", "a.txt", b"Parus \xed\xa0\x80\n", "line 1: not valid utf-8"),
        ("png", "a.txt", b"\x89PNG\r\n\x1a\n" + bytes(50), "a.txt"),
        ("only-header", "a.csv", "species\n", "names nothing"),
        ("no-column", "a.csv", "a,b\nParus major,1\n", "none of its columns"),
        ("open-quote", "a.csv", 'species\n"Parus major\n', "quote"),
        ("blank-column", "a.csv", "species,x\n,1\n,2\n", "names nothing"),
        ("twice-in-table", "a.csv", "species\nParus major\nParus major\n", "given twice"),
        ("nul-in-table", "a.csv", "species\nParus\0major\n", "NUL"),
    ):
        yield Case(f"file-{name}", _classify({file: content}, "--labels", file), REFUSED, says, _prints_plainly)
    for name, file, content, number in (
        ("marked", "a.txt", LABELS.encode("utf-8-sig"), 3),
        ("utf-16-marked", "a.txt", LABELS.encode("utf-16"), 3),
        ("carriage-returns", "a.txt", LABELS.replace("\n", "\r"), 3),
        ("no-end", "a.txt", LABELS.rstrip("\n"), 3),
        ("one", "a.txt", "Parus major\n", 1),
        ("commas", "a.txt", "Parus major, or so\nb\n", 2),
        ("ragged", "a.csv", "species,x\nParus major\nErithacus rubecula,1,2,3\n", 2),
        ("semicolons", "a.csv", "x;species\n1;Parus major\n2;Erithacus rubecula\n", 2),
        ("formula", "a.txt", "=cmd|' /C calc'!A0\n@SUM(1)\n", 2),
    ):
        yield Case(f"file-{name}", _classify({file: content}, "--labels", file), OK, check=_has_classes(number))
    yield Case(
        "file-long-label", _classify({"a.txt": LONG + "\nb\n"}, "--labels", "a.txt"), READ_OR_REFUSED, seconds=10
    )
    yield Case("file-controls", _classify({"a.txt": "Parus \x1b[31m\x07\nb\n"}, "--labels", "a.txt", "--format", "table"), OK,
               check=_prints_plainly)  # fmt: skip
    yield Case("file-missing", _classify({}, "--labels", "a.txt"), REFUSED, "no such file")
    yield Case("file-folder", _classify({}, "--labels", "."), REFUSED, "folder")
    yield Case("file-device", _classify({}, "--labels", "/dev/null"), REFUSED)
    yield Case("file-endless", _classify({}, "--labels", "/dev/zero"), REFUSED, seconds=15, bytes=1 << 30)
    yield Case("file-fifo", _make_fifo, REFUSED, seconds=5)


def _make_fifo(folder: Path) -> list[str]:
    write_image(folder)
    os.mkfifo(folder / "a.txt")
    return ["classify", "bird.png", "--labels", "a.txt", "--format", "json"]


def _break_labels_given() -> Iterator[Case]:
    for name, value, says in (
        ("nothing", "", "labels"),
        ("commas", ",,,", "names nothing"),
        ("blanks", " , ", "names nothing"),
        ("twice", "Aus,Bus,Aus", "given twice"),
        ("twice-with-blanks", "Aus, Aus ", "given twice"),
        ("path", "none/labels.txt", "no such file"),
        ("long-path", "x/" * 3000 + ".txt", "no such file"),
        ("tilde", "~nobody/labels.txt", "no such file"),
    ):
        yield Case(f"given-{name}", _classify({}, "--labels", value), REFUSED, says)
    for name, value, number in (("long-word", "a" * 5000 + ",b", 2), ("braces", "{0},%s", 2),
                                ("override", "\u202eabc,b", 2), ("empty-between", "a,,b", 2)):  # fmt: skip
        yield Case(f"given-{name}", _classify({}, "--labels", value), OK, check=_has_classes(number))
    yield Case("given-surrogate", _classify({}, "--labels", "a\udcff,b"), REFUSED, "half a character")


def _mistake_words() -> Iterator[Case]:
    """Words in YAML that are taken for dates, numbers and more, in a list of classes."""
    for word in ("2020-13-45", "2020-02-30", "0000-00-00", "2020-01-01T99:99:99", "2020-01-02", "no", "1.10", "0x1G", "0o9",
                 "1_000", "190:20:30", ".inf", ".nan", "~", "!!int x", "!!float x", "!!timestamp x", "!!bool maybe", "!!null x",
                 "9" * 5000, "1e400", "=", "<<", "*a", "&a", "!a", "%a", "@a", "`a", "? a", "!!set {a}", "!!omap [a: 1]",
                 "!!pairs [a: 1]", "!!binary a", "0b2", "+.5", "2001-12-14t21:59:43.10+99:00"):  # fmt: skip
        name = word[:24].encode().hex()
        for place, text in (
            ("value", f"- {{species: {word}}}\n- {{species: Aus bus}}\n"),
            ("name", f"- {{name: {word}}}\n"),
        ):
            yield Case(f"word-{place}-{name}", partial(_validate, text), READ_OR_REFUSED, r"a\.yaml", _has_no_fault)
    for word in ("2020-13-45", "!!int x", "*a", "!!timestamp 1"):
        yield Case(f"word-key-{word.encode().hex()}", partial(_validate, f"- {{{word}: a, species: Aus bus}}\n"), REFUSED,
                   '"line": 1')  # fmt: skip


def _validate(text: str, folder: Path) -> list[str]:
    (folder / "a.yaml").write_text(text)
    return ["taxonomy", "validate", "a.yaml", "--format", "json"]


def _has_no_fault(outcome: Outcome) -> str:
    try:
        verdict = json.loads(outcome.stdout)[0]
    except ValueError:
        return f"no verdict, but {outcome.stderr[-300:]!r}"
    return "" if (verdict["errors"] > 0) == (outcome.status == 2) else "errors and the status disagree"


def _break_species_lists() -> Iterator[Case]:
    for name, file, content, says in (
        ("empty", "a.txt", "", "empty"),
        ("comments", "a.txt", "# nothing\n#\n", "empty"),
        ("unknown", "a.txt", "Aus bus\n", "none of its"),
        ("nul", "a.txt", "Parus\0major\n", "NUL"),
        ("binary", "a.txt", b"\x89PNG\r\n\x1a\n\xff\xfe", "a.txt"),
        ("latin-1", "a.txt", "Œdicnème\n".encode("cp1252"), "utf-8"),
        ("no-columns", "a.csv", "a,b\n1,2\n", "columns named by ranks"),
        ("cycle", "a.edges", "# parent child\na b\nb a\n", "cycle"),
        ("yaml-date", "a.yaml", "- {species: 2020-13-45}\n", "not a valid date"),
        ("json-deep", "a.json", "[" * 100_000, "deep"),
        ("separators", "a.txt", ";;;\n", "none of its"),
        ("half-paths", "a.txt", ";Parus major;\n>", ""),
    ):
        statuses = REFUSED if name != "half-paths" else READ_OR_REFUSED
        yield Case(f"list-{name}", _list({file: content}, file), statuses, says, _prints_plainly)
        if name not in ("unknown", "separators", "half-paths"):
            adjust = ("--taxonomy", "tree.csv", "--adjust", f"species-list:file={file}")
            yield Case(f"adjusted-{name}", _classify({file: content, "tree.csv": TABLE}, *adjust), REFUSED)
    for name, content, number in (
        ("known", "Parus major\n", 1),
        ("repeated", "Parus major\n" * 5000, 1),
        ("with-author", "Parus major Linnaeus, 1758\n", 1),
        ("with-unknown", "Parus major\nAus bus\n", 1),
        ("other-case", "PARUS MAJOR\n", 1),
        ("no-break-space", "Parus\u00a0major\n", 1),
        ("path", "Passeriformes; Paridae; Parus major\n", 1),
    ):
        yield Case(f"list-{name}", _list({"a.txt": content}, "a.txt"), OK, check=partial(_has_rows, number))
    yield Case(
        "list-long-name",
        _list({"a.txt": LONG + "\nParus major\n"}, "a.txt"),
        OK,
        check=partial(_has_rows, 1),
        seconds=10,
    )
    many = "".join(f"Aus b{n}\n" for n in range(5000)) + "Parus major\n"
    yield Case("list-many-unknown", _list({"a.txt": many}, "a.txt"), OK, check=partial(_has_rows, 1), seconds=15)
    yield Case("list-missing", _list({}, "a.txt"), REFUSED, "does not exist")
    yield Case("list-excludes-all", _list({"a.txt": "Paridae\n"}, "!a.txt"), REFUSED, "no class is left")
    for name, beside, number in (("class", "Parus major", 3), ("once", "blank", 3), ("twice", "blank,blank", 3),
                                 ("controls", "\x1b[31mx", 3)):  # fmt: skip
        flags = ("--taxonomy", "tree.csv", "--beside", beside)
        yield Case(f"beside-{name}", _classify({"tree.csv": TABLE}, *flags), OK, check=_has_classes(number))
    for name, beside in (("nothing", ""), ("commas", ",,"), ("surrogate", "a\udcff")):
        flags = ("--taxonomy", "tree.csv", "--beside", beside)
        yield Case(f"beside-{name}", _classify({"tree.csv": TABLE}, *flags), REFUSED, "beside|surrogate|half")


def _has_rows(number: int, outcome: Outcome) -> str:
    found = len(outcome.stdout.strip().splitlines()) - 1
    return "" if found == number else f"{found} classes, expected {number}"


def _put_in_recipes() -> Iterator[Case]:
    for name, text, says in (
        ("number", "labels: 12\n", "labels"),
        ("mapping", "labels: {a: b}\n", "labels"),
        ("date", "labels: [2020-13-45, a]\n", "not a valid date"),
        ("boolean", "labels: [no, yes]\n", "labels"),
        ("null", "labels: [a, null]\n", "labels"),
        ("nested", "labels: [[a]]\n", "labels"),
        ("empty", "labels: []\n", ""),
        ("twice", "labels: [a, a]\n", "given twice"),
        ("blank", "labels: [a, ' ']\n", "label"),
        ("missing", "labels: none.txt\n", "none.txt"),
        ("subset-number", "labels: [a, b]\nsubset: 1\n", "subset"),
    ):
        statuses = REFUSED if name != "empty" else READ_OR_REFUSED
        yield Case(f"recipe-{name}", _classify({"r.yaml": text}, "--recipe", "r.yaml"), statuses, says)
    yield Case("recipe-and-flag", _classify({"r.yaml": "labels: [a, b]\n"}, "--recipe", "r.yaml", "--labels", "c,d"),
               OK, check=_has_classes(2))  # fmt: skip
    yield Case("no-image-is-lost", _lose_one, SOME_FAILED, "cut|broken|truncated|image")


def _lose_one(folder: Path) -> list[str]:
    write_image(folder)
    (folder / "broken.png").write_bytes((folder / "bird.png").read_bytes()[:60])
    return ["classify", "bird.png", "broken.png", "--labels", "a,b", "--format", "json"]
