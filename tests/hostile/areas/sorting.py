"""`bioclip-x sort`: results that lie, files that are there already, sidecars that are broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hostile.case import OK, REFUSED, SOME_FAILED, Case, Outcome
from hostile.inputs import make_png

Write = Callable[[Path], None]


def cases() -> Iterator[Case]:
    for maker in (_of_results, _of_names, _of_places, _of_sidecars, _of_records, _of_options):
        yield from maker()


def _make_result(source: str = "bird.png", name: str = "Parus major", **more: Any) -> dict[str, Any]:
    path = [{"rank": "species", "name": name, "probability": 0.9}]
    best = {"rank": "species", "name": name, "note": None, "common_name": None, "probability": 0.9, "path": path}
    return {
        "source": source,
        "error": None,
        "refused": None,
        "predictions": [best],
        "level": "image",
        "event": None,
        **more,
    }


def _run(results: bytes, file: str, options: tuple[str, ...], write: Write | None, folder: Path) -> list[str]:
    (folder / "bird.png").write_bytes(make_png())
    (folder / "good.png").write_bytes(make_png())
    (folder / file).write_bytes(results)
    if write is not None:
        write(folder)
    return ["sort", file, "--into", "sorted", "--apply", *options]


def _dump(*results: dict[str, Any]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in results).encode()


def _case(
    name: str,
    data: bytes,
    statuses: tuple[int, ...],
    says: str = "",
    file: str = "r.jsonl",
    options: tuple[str, ...] = (),
    write: Write | None = None,
    check: Callable[[Outcome], str] = lambda outcome: "",
    **more: Any,
) -> Case:
    return Case(name, partial(_run, data, file, options, write), statuses, says, check, **more)


def _check(outcome: Outcome) -> str:
    """The original is as it was; the good file is in its folder; nothing was written outside."""
    good = outcome.folder / "sorted" / "Erithacus rubecula" / "good.png"
    if (outcome.folder / "bird.png").read_bytes() != make_png():
        return "the original has changed"
    if not good.exists() or good.read_bytes() != make_png():
        return "the good file is not in its folder"
    outside = {path.name for path in outcome.folder.parent.iterdir()} & {"evil", "evil.png", "bird.png", "etc"}
    return f"written outside: {outside}" if outside else ""


GOOD = _make_result("good.png", "Erithacus rubecula")


def _of_results() -> Iterator[Case]:
    """Files that are no results: refused, with the line."""
    for name, data in (
        ("empty-object", b"{}\n"),
        ("null", b"null\n"),
        ("list", b"[]\n"),
        ("number", b"5\n"),
        ("cut", _dump(GOOD)[:40]),
        ("nul", bytes(60)),
        ("not-utf8", b'{"source": "\xff"}\n'),
        ("deep", b"[" * 100_000),
        ("predictions-text", _dump({**GOOD, "predictions": "x"})),
        ("predictions-of-null", _dump({**GOOD, "predictions": [None]})),
        ("path-null", _dump(_with(path=None))),
        ("path-of-numbers", _dump(_with(path=[5]))),
        ("probability-text", _dump(_with(probability="high"))),
        ("probability-object", _dump(_with(probability={}))),
        ("digits", b'{"source": ' + b"9" * 5000 + b"}\n"),
    ):
        yield _case(f"jsonl-{name}", data, REFUSED, r"r\.jsonl", seconds=6)
    for name, data in (
        ("empty", b""),
        ("text", b"results"),
        ("null", b"null"),
        ("results-null", b'{"results": null}'),
        ("deep", b'{"results":' * 50_000),
        ("result-null", b'{"results": [null]}'),
    ):
        yield _case(f"json-{name}", data, REFUSED, r"r\.json", "r.json")
    for name, data in (
        ("empty", b""),
        ("other", b"a,b\n1,2\n"),
        ("open-quote", b'file_name,name\n"x'),
        ("long-line", b"file_name,name\n" + b"x" * 3_000_000),
        ("not-utf8", b"file_name,name\n\xff,x\n"),
        ("nul", b"file_name,name\n\0,x\n"),
    ):
        yield _case(f"csv-{name}", data, (0, 1) if name == "nul" else REFUSED, "", "r.csv")
    for name, data in (("empty", b""), ("magic", b"PAR1PAR1"), ("cut", b"PAR1" + bytes(99))):
        yield _case(f"parquet-{name}", data, REFUSED, r"r\.parquet", "r.parquet")
    for name, file in (("suffix", "r.exe"), ("no-suffix", "r")):
        yield _case(f"results-of-{name}", b"x", REFUSED, "file of results", file)


def _with(**changed: Any) -> dict[str, Any]:
    return {**GOOD, "predictions": [{**GOOD["predictions"][0], **changed}]}


def _of_names() -> Iterator[Case]:
    """Names of taxa become folders: always below the folder that was named."""
    for name in (
        "../../evil",
        "/etc/evil",
        "..",
        ".",
        "a/../../evil",
        "con",
        "NUL.txt",
        "x" * 3000,
        "\0",
        "a\nb",
        "\x1b[2J",
        "\u202eabc",
        "~",
        "-rf",
        " ",
        "a:b",
        "\ud800",
        "e\u0301",
        "C:\\evil",
        "\\\\host\\share",
        "é" * 500,
        "=1+1",
        "<b>",
    ):
        yield _case(
            f"name-{name.encode('utf-8', 'surrogatepass').hex()[:24]}",
            _dump(_make_result(name=name), GOOD),
            OK,
            check=_check,
        )
    for source in (
        "../evil.png",
        "/etc/passwd",
        "/dev/zero",
        "gone.png",
        "",
        ".",
        "x" * 300,
        "a\0b.png",
        "~nobody/a.png",
        "http://[",
        "https://example.invalid/a.png",
        "bird.png#t=1e400",
        "\ud800.png",
        "bird.png/",
        "sorted",
    ):
        check = _check if source not in ("/etc/passwd",) else lambda outcome: ""
        yield _case(
            f"source-{source.encode('utf-8', 'surrogatepass').hex()[:24] or 'none'}",
            _dump(_make_result(source), GOOD),
            (0, 1),
            check=check,
            seconds=6,
        )
    for name, value in (("nan", float("nan")), ("huge", 1e308), ("negative", -1.0)):
        yield _case(
            f"probability-{name}",
            _dump(_make_result(predictions=[{**GOOD["predictions"][0], "probability": value}]), GOOD),
            OK,
            check=_check,
        )
    many = [_make_result(f"{i}/bird.png") for i in range(500)]
    yield _case("500-of-one-name", _dump(*many, GOOD), SOME_FAILED, "not done", check=_check)


def _of_places() -> Iterator[Case]:
    """What is in the way."""
    data = _dump(_make_result(), GOOD)
    target = Path("sorted", "Parus major", "bird.png")

    def put(content: bytes) -> Write:
        def write(folder: Path) -> None:
            (folder / target).parent.mkdir(parents=True)
            (folder / target).write_bytes(content)

        return write

    def link(to: str) -> Write:
        def write(folder: Path) -> None:
            (folder / target).parent.mkdir(parents=True)
            (folder / target).symlink_to(to)

        return write

    def make_folder(folder: Path) -> None:
        (folder / target).mkdir(parents=True)

    def block(folder: Path) -> None:
        (folder / "sorted").mkdir()
        (folder / "sorted" / "Parus major").write_bytes(b"a file")

    def link_folder(folder: Path) -> None:
        (folder / "sorted").mkdir()
        (folder / "sorted" / "Parus major").symlink_to("/nowhere/at/all")

    for name, write, statuses in (
        ("another-file", put(b"other"), OK),
        ("same-file", put(make_png()), OK),
        ("link-to-passwd", link("/etc/passwd"), OK),
        ("link-to-zero", link("/dev/zero"), OK),
        ("broken-link", link("gone"), OK),
        ("folder-as-file", make_folder, OK),
        ("file-as-folder", block, SOME_FAILED),
        ("broken-folder", link_folder, SOME_FAILED),
    ):
        yield _case(f"there-{name}", data, statuses, write=write, check=_check, seconds=6)
    yield _case("into-a-file", data, REFUSED, "sorted", write=lambda folder: (folder / "sorted").write_bytes(b"x"))


def _of_sidecars() -> Iterator[Case]:
    data = _dump(_make_result(), GOOD)
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    for name, content in (
        ("empty", b""),
        ("text", b"no xml"),
        ("nul", bytes(99)),
        ("latin-1", b"<a>\xff</a>"),
        ("utf-16", "<a/>".encode("utf-16")),
        ("open", b"<x:xmpmeta>"),
        ("deep", b"<a>" * 100_000),
        ("no-rdf", b"<a/>"),
        ("entities", b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><a>' + b"&b;" * 1000 + b"</a>"),
        ("external", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'),
        ("encoding", b'<?xml version="1.0" encoding="utf-7"?><a/>'),
        ("large", b"<!--" + b"x" * (17 << 20) + b"-->"),
        ("attributes", b"<a " + b" ".join(b'a%d="x"' % i for i in range(20_000)) + b"/>"),
        (
            "subject-text",
            f'<r:RDF xmlns:r="{rdf}" xmlns:dc="http://purl.org/dc/elements/1.1/"><r:Description><dc:subject>one</dc:subject></r:Description></r:RDF>'.encode(),
        ),
    ):
        check = partial(_check_sidecar, content)
        yield _case(
            f"sidecar-{name}",
            data,
            SOME_FAILED,
            "sidecar is left as it is",
            options=("--write-xmp",),
            write=lambda folder, c=content: (folder / "bird.png.xmp").write_bytes(c),
            check=check,
            seconds=6,
        )
    for name, write in (
        ("folder", lambda folder: (folder / "bird.png.xmp").mkdir()),
        ("zero", lambda folder: (folder / "bird.png.xmp").symlink_to("/dev/zero")),
        ("pipe", lambda folder: __import__("os").mkfifo(folder / "bird.png.xmp")),
    ):
        yield _case(
            f"sidecar-{name}",
            data,
            SOME_FAILED,
            "not done",
            options=("--write-xmp",),
            write=write,
            check=_check,
            seconds=6,
        )
    for name in ("]]>", "<script>", "&amp;", "\ud800", "\x00", "|a|b|", "\uffff", "x" * 100_000):
        run = _dump(_make_result(name=name), GOOD)
        yield _case(
            f"keyword-{name.encode('utf-8', 'surrogatepass').hex()[:20]}",
            run,
            (0, 1),
            options=("--write-xmp",),
            check=_check_xml,
        )


def _check_sidecar(content: bytes, outcome: Outcome) -> str:
    kept = (outcome.folder / "bird.png.xmp").read_bytes() == content
    return _check(outcome) or ("" if kept else "the sidecar has changed") or _check_xml(outcome, "good.png.xmp")


def _check_xml(outcome: Outcome, *names: str) -> str:
    from xml.etree import ElementTree

    for name in names or ("good.png.xmp", "bird.png.xmp"):
        if (outcome.folder / name).exists():
            ElementTree.parse(outcome.folder / name)
        elif name == "good.png.xmp":
            return "the good file has no sidecar"
    return ""


def _of_records() -> Iterator[Case]:
    data = _dump(_make_result(), GOOD)
    for name, content in (
        ("other", b"a,b\n1,2\n"),
        ("open-quote", b'source,target,name,rank,probability,status\n"x'),
        ("not-utf8", b"\xff\xfe\xfd"),
        ("nul", bytes(99)),
        ("long", b"source,target,name,rank,probability,status\n" + b"x" * 3_000_000),
    ):
        yield _case(
            f"record-{name}",
            data,
            REFUSED,
            r"record\.csv",
            options=("--output", "record.csv"),
            write=lambda folder, c=content: (folder / "record.csv").write_bytes(c),
        )
    lies = b"source,target,name,rank,probability,status\n"
    lies += b"bird.png,../../evil.png,x,,,done\ngone.png,/etc/passwd,x,,nan,done\n\n,,,,,\n"
    yield _case(
        "record-that-lies",
        data,
        OK,
        options=("--output", "record.csv"),
        write=lambda folder: (folder / "record.csv").write_bytes(lies),
        check=_check,
    )
    yield _case(
        "record-is-a-folder",
        data,
        REFUSED,
        "record",
        options=("--output", "record"),
        write=lambda folder: (folder / "record").mkdir(),
    )


def _of_options() -> Iterator[Case]:
    data = _dump(GOOD)
    for name, options in (
        ("by-nothing", ("--by", "")),
        ("by-twice", ("--by", "species,species")),
        ("probability-nan", ("--min-probability", "nan")),
        ("probability-2", ("--min-probability", "2")),
        ("root-is-file", ("--root", "bird.png")),
    ):
        yield _case(f"option-{name}", data, REFUSED, options=options)
    yield _case("option-by-slash", data, (0, 2), options=("--by", "../../x"))
    yield _case("root-missing", data, SOME_FAILED, "not done", options=("--root", "nowhere"))
