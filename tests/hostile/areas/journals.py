"""Unfinished outputs: journals of `classify` and `embed`, the answers of `describe`, damaged or of other runs.

A run goes on with what is whole, and its output is that of an unbroken one; what is no journal of the run is refused, and kept.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from functools import cache, partial
from pathlib import Path
from unittest import mock

from hostile.case import OK, REFUSED, Case, Outcome
from hostile.damage import Damage, damage_bytes, damage_places
from hostile.inputs import make_png

COMMANDS = {
    "classify": [
        "classify",
        "1.png",
        "2.png",
        "3.png",
        "--labels",
        "labels.txt",
        "--output",
        "out.jsonl",
        "--batch-size",
        "1",
    ],
    "embed": ["embed", "1.png", "2.png", "3.png", "--output", "out.csv", "--batch-size", "1"],
    "describe": ["describe", "--labels", "labels.txt", "--plugin", "llm.py", "--llm", "parrot", "--output", "out.yaml"],
}
SUFFIX = {"classify": ".journal", "embed": ".journal", "describe": ".answers.jsonl"}
LLM = """from bioclip_x.plugin import Answer, ComponentSpec, hookimpl

bioclip_x_api = 1


@hookimpl
def language_models():
    return [ComponentSpec("parrot", "answers the same", f"{__name__}:Parrot")]


class Parrot:
    provenance = {"model": "parrot", "host": "here"}

    def complete(self, prompt, *, taxon, temperature, max_tokens, schema):
        return Answer("- a short tail\\n- yellow legs\\n- a dark cap", finish_reason="stop")

    def close(self):
        pass
"""


def cases() -> Iterator[Case]:
    for command, flips in (("classify", 12), ("embed", 12)):
        for name, damage in damage_bytes(flips):
            expected = None if name.startswith("flipped") else REFUSED if name.startswith("foreign") else OK
            yield _make_case(command, name, damage, expected)
        for name, damage in damage_places():
            is_replaced = name in ("missing", "link-to-nothing")
            yield _make_case(command, name, damage, OK if is_replaced else REFUSED)
        for name, change in _change_headers():
            yield _make_case(command, f"header-{name}", partial(_change_header, change), REFUSED, r"out\.\w+\.journal")
        for name, records in _make_records():
            yield _make_case(command, f"record-{name}", partial(_append, records), None)
        yield _make_case(command, "cut-in-the-header", partial(_cut, 50), OK)
        yield _make_case(command, "records-twice", _repeat_records, None)
        yield _make_case(command, "records-in-another-order", _reverse_records, None)
        yield _make_case(command, "without-its-first-record", _drop_first_record, None)
        yield _make_case(command, "of-the-other-command", partial(_exchange, command), REFUSED, "is of another run")
    for name, damage in (*damage_bytes(8), *damage_places()):
        is_refused = name in ("folder", "full-folder", "pipe", "link-to-itself", "link-to-zeros-without-end")
        # A byte of the request makes of the only answer that of another run.
        expected = REFUSED if is_refused else None if name.startswith("flipped") else OK
        yield _make_case("describe", name, damage, expected)
    for name, line in _make_lines():
        yield _make_case("describe", f"line-{name}", partial(_put_line, line), OK)


def _change_headers() -> Iterator[tuple[str, Callable[[dict[str, object]], object]]]:
    yield "of-another-format", lambda document: {**document, "journal": "bioclip-x journal 2"}
    yield "without-format", lambda document: {"header": document["header"]}
    yield "without-header", lambda document: {"journal": document["journal"]}
    for number, value in enumerate((None, [], 7, "x", {})):
        yield f"of-another-kind-{number}", lambda document, value=value: {**document, "header": value}
    yield "a-list", lambda document: [document]
    yield "nested", lambda document: {**document, "header": {"recipe": {"a": {"b": [[[]]]}}}}

    def change(name: str, value: object) -> Callable[[dict[str, object]], object]:
        return lambda document: {**document, "header": {**document["header"], name: value}}  # type: ignore[dict-item]

    yield "of-another-model", change("model", "bioclip-2")
    yield "of-another-version", change("version", "99")
    yield "recipe-null", change("recipe", None)
    yield "recipe-a-list", change("recipe", [1, 2])
    yield "long-value", change("model", "x" * 100_000)
    yield "control-characters", change("model", "\x1b[2J\x1b]0;x\x07")
    yield "further-field", change("further", {"a": 1})


def _make_records() -> Iterator[tuple[str, list[bytes]]]:
    yield "empty", [b""]
    yield "text", [b"hello"]
    yield "no-json", [b"{\n" + zlib.compress(b"{}")]
    yield "nested", [b"[" * 100_000 + b"\n"]
    for number, document in enumerate((None, 7, [], {}, [1, 2, 3, 4], ["1.png", None, [], ["image", 5, 1]])):
        yield f"json-{number}", [json.dumps(document).encode() + b"\n" + zlib.compress(b"{}")]
    for number, part in enumerate(
        (["image", 0, 1], ["image", -1, 1], ["image", 0, 10**30], ["x", 0, 1], ["event", 0, 1])
    ):
        yield f"part-{number}", [json.dumps(["1.png", None, [], part]).encode() + b"\n" + zlib.compress(b"{}")]
    yield "bomb", [json.dumps(["9.png", None, [], ["image", 0, 1]]).encode() + b"\n" + zlib.compress(bytes(1 << 24))]
    yield "rows", [b'[["1.png", "", "", "", true]]\n' + bytes(7)]
    yield "row-of-nan", [b'[["1.png", "", "", "", true]]\n' + struct.pack("<192f", *[float("nan")] * 192)]
    yield "row-too-narrow", [b'[["1.png", "", "", "", true]]\n' + bytes(12)]
    yield "row-of-numbers", [b"[[1, 2, 3, 4, false]]\n"]
    yield "many", [b"x"] * 1000


def _make_lines() -> Iterator[tuple[str, bytes]]:
    yield "text", b"hello\n"
    yield "json", b'{"a": 1}\n'
    yield "list", b"[1, 2]\n"
    yield "nested", b"[" * 100_000 + b"\n"
    yield "nul-bytes", bytes(500) + b"\n"
    yield "not-utf-8", b"\xff\xfe\x00\n"
    yield "long", b"x" * (4 << 20) + b"\n"
    yield "blank-lines", b"\n" * 1000
    yield "number-too-large", b'{"prompt_tokens": ' + b"9" * 5000 + b"}\n"


def _make_case(command: str, name: str, damage: Damage, statuses: tuple[int, ...] | None, says: str = "") -> Case:
    """statuses: None for files that hold whole records and others: they are refused, or the output is right."""
    expected = (0, 2) if statuses is None else statuses
    check = partial(_check, command)
    return Case(f"{command}-{name}", partial(_make, command, damage), expected, says, check, seconds=10)


def _make(command: str, damage: Damage, folder: Path) -> list[str]:
    prepared = _prepare()
    for path in prepared.iterdir():
        if path.is_file() and not path.name.startswith("out."):
            shutil.copy2(path, folder)
    file = _find_journal(command)
    shutil.copy2(file, folder / file.name)
    damage(folder / file.name)
    return [*COMMANDS[command], "--resume", "--quiet"]


def _find_journal(command: str) -> Path:
    output = COMMANDS[command][COMMANDS[command].index("--output") + 1]
    return _prepare() / "kept" / f"{output}{SUFFIX[command]}"


@cache
def _prepare() -> Path:
    """Runs all commands, and keeps what they would delete at their end: the outputs, and the journals of runs cut short."""
    from bioclip_x.cli.main import main
    from bioclip_x.io.storage.journal import Journal

    folder = Path(tempfile.mkdtemp(prefix="journals-"))
    (folder / "kept").mkdir()
    (folder / "labels.txt").write_text("Parus major\nTurdus merula\n")
    (folder / "llm.py").write_text(LLM)
    for number in range(1, 4):
        (folder / f"{number}.png").write_bytes(make_png(20 + number))
        os.utime(folder / f"{number}.png", (1_700_000_000, 1_700_000_000))
    for command, arguments in COMMANDS.items():
        kept = mock.patch.object(Journal, "delete", Journal.close)
        with chdir(folder), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), suppress(SystemExit), kept:
            main([*arguments, "--quiet"])
        output = arguments[arguments.index("--output") + 1]
        journal = folder / f"{output}{SUFFIX[command]}"
        raw = journal.read_bytes()
        last = raw.rindex(b"\n", 0, -1) + 1 if command == "describe" else _read_records(raw)[1][-1][0]
        (folder / "kept" / journal.name).write_bytes(raw[:last])  # the last record is missing
        journal.unlink()
    return folder


def _check(command: str, outcome: Outcome) -> str:
    """The output of a run that goes on is that of an unbroken one."""
    name = COMMANDS[command][COMMANDS[command].index("--output") + 1]
    if outcome.status:
        return "there is an output" if (outcome.folder / name).exists() else ""
    if command == "describe":
        found, expected = ((one / name).read_text().partition("\nclasses:")[2] for one in (outcome.folder, _prepare()))
    else:
        found, expected = ((one / name).read_text() for one in (outcome.folder, _prepare()))
    if not expected:
        return "the unbroken run has no output"
    return "" if found == expected else f"another output: {found[-300:]!r}, expected {expected[-300:]!r}"


def _read_records(raw: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Returns a journal's first line, and the place and the bytes of each record with its prefix."""
    place = raw.index(b"\n") + 1
    header, records = raw[:place], []
    while place < len(raw):
        length = 8 + struct.unpack_from("<I", raw, place)[0]
        records.append((place, raw[place : place + length]))
        place += length
    return header, records


def _change_header(change: Callable[[dict[str, object]], object], path: Path) -> None:
    header, records = _read_records(path.read_bytes())
    path.write_bytes(json.dumps(change(json.loads(header))).encode() + b"\n" + b"".join(one for _, one in records))


def _append(records: list[bytes], path: Path) -> None:
    with path.open("ab") as stream:
        for record in records:
            stream.write(struct.pack("<II", len(record), zlib.crc32(record)) + record)


def _repeat_records(path: Path) -> None:
    header, records = _read_records(path.read_bytes())
    path.write_bytes(header + b"".join(one for _, one in records) * 3)


def _reverse_records(path: Path) -> None:
    header, records = _read_records(path.read_bytes())
    path.write_bytes(header + b"".join(one for _, one in reversed(records)))


def _drop_first_record(path: Path) -> None:
    header, records = _read_records(path.read_bytes())
    path.write_bytes(header + b"".join(one for _, one in records[1:]))


def _cut(place: int, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:place])


def _exchange(command: str, path: Path) -> None:
    shutil.copy(_find_journal("embed" if command == "classify" else "classify"), path)


def _put_line(line: bytes, path: Path) -> None:
    path.write_bytes(line + path.read_bytes())
