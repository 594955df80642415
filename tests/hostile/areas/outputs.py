"""Outputs that cannot be written, or must not be: folders, links, devices, inputs, names of every kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case, Outcome
from hostile.inputs import TABLE, make_png, write_image, write_labels

Arguments = Callable[[Path], list[str]]


def _classify(folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    return ["classify", "bird.png", "--labels", "labels.txt", "--output"]


def _embed(folder: Path) -> list[str]:
    write_image(folder)
    return ["embed", "bird.png", "--output"]


def _convert(folder: Path) -> list[str]:
    (folder / "birds.csv").write_text(TABLE, "utf-8")
    return ["taxonomy", "convert", "birds.csv", "--output"]


def _list(folder: Path) -> list[str]:
    (folder / "birds.csv").write_text(TABLE, "utf-8")
    return ["taxonomy", "list", "birds.csv", "--output"]


def _diff(folder: Path) -> list[str]:
    (folder / "birds.csv").write_text(TABLE, "utf-8")
    (folder / "old.csv").write_text(TABLE, "utf-8")
    return ["taxonomy", "diff", "old.csv", "birds.csv", "--output"]


def _subset(folder: Path) -> list[str]:
    (folder / "birds.csv").write_text(TABLE, "utf-8")
    return ["taxonomy", "subset", "birds.csv", "Paridae", "--output"]


COMMANDS: Final[dict[str, tuple[Arguments, str]]] = {
    "classify": (_classify, ".csv"),
    "embed": (_embed, ".npz"),
    "convert": (_convert, ".yaml"),
    "list": (_list, ".csv"),
    "diff": (_diff, ".csv"),
    "subset": (_subset, ".csv"),
}
INPUTS: Final = {"classify": "bird.png", "embed": "bird.png", "convert": "birds.csv", "list": "birds.csv", "diff": "old.csv",
                 "subset": "birds.csv"}  # fmt: skip
REPORTS: Final = (".csv", ".json", ".jsonl", ".parquet", ".html", ".md", ".txt", ".geojson")
FORMATS: Final = {"classify": ["--format", "csv"], "embed": ["--format", "csv"], "convert": ["--to", "csv"],
                  "list": ["--format", "csv"], "diff": ["--format", "csv"], "subset": ["--to", "csv"]}  # fmt: skip
NOT_WRITTEN: Final = "folder|directory|suffix|cannot be written|writ|too long|permi|exist"


def cases() -> Iterator[Case]:
    for command, (arguments, suffix) in COMMANDS.items():
        for kind, place in PLACES.items():
            yield Case(
                f"{command}-{kind}", partial(_write, arguments, place, suffix), REFUSED, NOT_WRITTEN, check=_check_left
            )
        for kind, place in ALLOWED.items():
            yield Case(f"{command}-{kind}", partial(_write, arguments, place, suffix), OK, check=_check_left)
        own = partial(_name_input, arguments, INPUTS[command])
        yield Case(f"{command}-input", own, REFUSED, check=_check_input)
        linked = partial(_link_input, arguments, INPUTS[command])
        yield Case(f"{command}-linked-input", linked, REFUSED, check=_check_input)
        for device, statuses, says in (("full", REFUSED, "/dev/full.*[Nn]o space"), ("null", OK, "")):
            make = partial(_name_device, arguments, FORMATS[command], f"/dev/{device}")
            yield Case(f"{command}-{device}", make, statuses, says)
        yield Case(f"{command}-empty", partial(_append, arguments, ""), READ_OR_REFUSED)
        yield Case(f"{command}-nobody", partial(_append, arguments, f"~nobody{suffix}"), OK, check=_check_left)
        yield Case(f"{command}-surrogate", partial(_append, arguments, f"a\udce9{suffix}"), OK, check=_check_left)
        yield Case(f"{command}-controls", partial(_append, arguments, f"a\x1b[2J\n{suffix}"), OK, check=_check_left)
    for suffix in REPORTS:
        full = partial(
            _report, f"{suffix.removeprefix('.').replace('md', 'markdown').replace('txt', 'table')}:/dev/full"
        )
        yield Case(f"report{suffix.replace('.', '-')}-full", full, REFUSED, "/dev/full")
        yield Case(f"report{suffix.replace('.', '-')}-folder", partial(_report_folder, suffix), REFUSED, NOT_WRITTEN)
        yield Case(
            f"report{suffix.replace('.', '-')}-missing", partial(_report, f"no/such/o{suffix}"), REFUSED, NOT_WRITTEN
        )
        yield Case(
            f"report{suffix.replace('.', '-')}-twice",
            partial(_report, f"o{suffix}", f"./o{suffix}"),
            REFUSED,
            "same file",
        )
    for report in ("camtrap-dp", "darwin-core", "inaturalist", "megadetector", "heat-maps"):
        yield Case(f"{report}-missing", partial(_report, f"{report}:no/such/o"), READ_OR_REFUSED)
        yield Case(f"{report}-full", partial(_report, f"{report}:/dev/full"), REFUSED)
        yield Case(f"{report}-file", partial(_report_file, report), READ_OR_REFUSED)
    for name in ("o", "o.xyz", "o.", ".csv", "o.csv.gz", "o.PDF", "nothing:o.csv", ":o.csv", "csv:"):
        make = partial(_report, name)
        yield Case(f"unknown-{name.encode().hex()}", make, READ_OR_REFUSED if name in (".csv", ":o.csv") else REFUSED)


def _append(arguments: Arguments, output: str, folder: Path) -> list[str]:
    return [*arguments(folder), output]


def _name_device(arguments: Arguments, flags: list[str], device: str, folder: Path) -> list[str]:
    *rest, flag = arguments(folder)
    return [*rest, *flags, flag, device]


def _write(arguments: Arguments, place: Callable[[Path, str], str], suffix: str, folder: Path) -> list[str]:
    return [*arguments(folder), place(folder, suffix)]


def _report(*names: str | Path) -> list[str]:
    *given, folder = names
    assert isinstance(folder, Path)
    write_image(folder)
    write_labels(folder)
    flags = [part for name in given for part in ("--report", str(name))]
    return ["classify", "bird.png", "--labels", "labels.txt", "--format", "json", *flags]


def _report_folder(suffix: str, folder: Path) -> list[str]:
    (folder / f"o{suffix}").mkdir()
    return _report(f"o{suffix}", folder)


def _report_file(report: str, folder: Path) -> list[str]:
    (folder / "o").write_text("kept")
    return _report(f"{report}:o", folder)


def _name_input(arguments: Arguments, name: str, folder: Path) -> list[str]:
    return [*arguments(folder), name]


def _link_input(arguments: Arguments, name: str, folder: Path) -> list[str]:
    given = arguments(folder)
    link = f"link{Path(name).suffix}"
    os.link(folder / name, folder / link)
    return [*given, link]


def _make_folder(folder: Path, suffix: str) -> str:
    (folder / f"out{suffix}").mkdir()
    return f"out{suffix}"


def _link_folder(folder: Path, suffix: str) -> str:
    (folder / "real").mkdir()
    (folder / f"out{suffix}").symlink_to("real")
    return f"out{suffix}"


def _loop(folder: Path, suffix: str) -> str:
    (folder / f"out{suffix}").symlink_to(f"out{suffix}")
    return f"out{suffix}"


def _below_file(folder: Path, suffix: str) -> str:
    (folder / "file").write_text("kept")
    return f"file/out{suffix}"


def _link_to_missing_folder(folder: Path, suffix: str) -> str:
    (folder / f"out{suffix}").symlink_to(f"no/such/out{suffix}")
    return f"out{suffix}"


def _replace(folder: Path, suffix: str) -> str:
    (folder / f"out{suffix}").write_text("before")
    return f"out{suffix}"


def _link_file(folder: Path, suffix: str) -> str:
    (folder / "real").write_text("before")
    (folder / f"out{suffix}").symlink_to("real")
    return f"out{suffix}"


def _link_to_nothing(folder: Path, suffix: str) -> str:
    (folder / f"out{suffix}").symlink_to("real")
    return f"out{suffix}"


def _name_upwards(folder: Path, suffix: str) -> str:
    (folder / "sub").mkdir()
    return f"sub/../out{suffix}"


PLACES: Final[dict[str, Callable[[Path, str], str]]] = {
    "folder": _make_folder,
    "linked-folder": _link_folder,
    "missing-folder": lambda folder, suffix: f"no/such/out{suffix}",
    "below-file": _below_file,
    "long": lambda folder, suffix: f"{'n' * 300}{suffix}",
    "long-path": lambda folder, suffix: f"{'n/' * 3000}out{suffix}",
    "dot": lambda folder, suffix: ".",
    "root": lambda folder, suffix: "/",
    "proc": lambda folder, suffix: f"/proc/out{suffix}",
    "link-to-missing-folder": _link_to_missing_folder,
}
ALLOWED: Final[dict[str, Callable[[Path, str], str]]] = {
    "replaced": _replace,
    "link-loop": _loop,
    "linked": _link_file,
    "link-to-nothing": _link_to_nothing,
    "upwards": _name_upwards,
    "dashes": lambda folder, suffix: f"./--out{suffix}",
    "spaces": lambda folder, suffix: f" out {suffix}",
    "percent": lambda folder, suffix: f"%s{{0}}$HOME{suffix}",
}


def _check_left(outcome: Outcome) -> str:
    """Nothing is left of what was not completed."""
    names = [file.name for file in outcome.folder.rglob("*") if file.parent.name != ".data"]
    left = [name for name in names if name.endswith((".partial", ".journal", ".tmp")) or name.startswith(".out")]
    return f"left behind: {left}" if left else ""


def _check_input(outcome: Outcome) -> str:
    image, table = outcome.folder / "bird.png", outcome.folder / "birds.csv"
    if image.exists() and image.read_bytes() != make_png():
        return "the image was replaced"
    return "the table was replaced" if table.exists() and table.read_text("utf-8") != TABLE else ""
