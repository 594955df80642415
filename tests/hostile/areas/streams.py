"""Standard streams that are closed, full, or read by nobody; too little memory, too few open files, files of limited size."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from hostile.case import OK, REFUSED, Case, Outcome
from hostile.inputs import LABELS, TABLE, write_image, write_labels

CLOSED = "standard output is closed; give --output"
FULL = "standard output cannot be written: No space left on device"
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "help": ("--help",),
    "plugins-list": ("plugins", "list"),
    "config": ("config",),
    "models": ("models",),
    "taxonomy-show": ("taxonomy", "show", "tree.csv"),
    "taxonomy-convert": ("taxonomy", "convert", "tree.csv", "--to", "newick"),
    "describe-check": ("describe", "check", "d.yaml", "--taxonomy", "tree.csv"),
    "classify-table": ("classify", "bird.png", "--labels", "labels.txt"),
    "classify-csv": ("classify", "bird.png", "--labels", "labels.txt", "--format", "csv"),
    "classify-json": ("classify", "bird.png", "--labels", "labels.txt", "--format", "json"),
    "classify-parquet": ("classify", "bird.png", "--labels", "labels.txt", "--format", "parquet"),
    "embed": ("embed", "bird.png"),
    "evaluate": ("evaluate", "field-guide:count=4,seed=1"),
}
"""Commands that write to standard output."""
WITHOUT = {"describe-check"}
"""Their standard output is empty here."""
CLASSIFY = COMMANDS["classify-json"]
TO_FILE = (*CLASSIFY, "--output", "out.json")


def cases() -> Iterator[Case]:
    if sys.platform != "linux":  # /dev/full, and address space as a limit
        return
    for name, arguments in COMMANDS.items():
        if name in WITHOUT:
            continue
        make = partial(_run, arguments)
        yield _alone(f"{name}-stdout-closed", make, REFUSED, CLOSED, stdout="closed")
        if name not in ("models", "classify-csv"):
            yield _alone(f"{name}-stdout-full", make, REFUSED, FULL, stdout="full")
        if name not in ("config", "classify-parquet"):
            yield _alone(f"{name}-reader-gone", make, (141,), stdout="gone", check=_is_silent)
    both = partial(_run, COMMANDS["config"])
    yield _alone("config-both-closed", both, REFUSED, stdout="closed", stderr="closed")
    yield _alone("config-all-closed", both, REFUSED, stdin="closed", stdout="closed", stderr="closed")
    file = partial(_run, TO_FILE)
    yield _alone("classify-to-a-file-stdout-closed", file, OK, stdout="closed", check=_has_output)
    yield _alone(
        "classify-to-a-file-all-closed", file, OK, stdin="closed", stdout="closed", stderr="closed", check=_has_output
    )
    yield _alone("classify-stderr-closed", partial(_run, CLASSIFY), OK, stderr="closed", check=_has_answer)
    yield _alone("classify-stderr-full", partial(_run, CLASSIFY), OK, stderr="full", check=_has_answer)
    yield _alone("classify-stderr-gone", partial(_run, CLASSIFY), OK, stderr="gone", check=_has_answer)
    yield _alone("refused-stderr-full", partial(_run, ("classify", "none.png")), REFUSED, stderr="full")
    paths = partial(_run, ("classify", "-", "--labels", "labels.txt"))
    yield _alone("paths-from-a-closed-stdin", paths, REFUSED, "standard input is closed", stdin="closed")
    texts = partial(_run, ("embed", "--texts", "-"))
    yield _alone("texts-from-a-closed-stdin", texts, REFUSED, "standard input is closed", stdin="closed")
    for mebibytes in (35, 60, 100, 200, 320, 700, 1500, 3000):
        limits = {"AS": mebibytes << 20}
        yield _alone(f"memory-{mebibytes}", file, (0, 2), limits=limits, check=_ran_or_lacked_memory)
    for n_files in (8, 12, 24):
        yield _alone(f"files-{n_files}", file, (0, 1, 2), limits={"NOFILE": n_files}, check=_left_nothing_half)
    for size in (1, 1024, 3000):
        large = partial(_run, (*TO_FILE, "--k", "3"))
        yield _alone(f"file-size-{size}", large, (0, 2), limits={"FSIZE": size}, check=_left_nothing_half)


def _alone(
    name: str,
    make: Callable[[Path], list[str]],
    statuses: tuple[int, ...],
    says: str = "",
    *,
    check: Callable[[Outcome], str] = lambda outcome: "",
    **fields: object,
) -> Case:
    return Case(name, make, statuses, says, check, alone=True, **fields)  # type: ignore[arg-type]


def _run(arguments: tuple[str, ...], folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    (folder / "tree.csv").write_text(TABLE, "utf-8")
    return list(arguments)


def _is_silent(outcome: Outcome) -> str:
    lines = [line for line in outcome.stderr.splitlines() if not line.startswith(("note: ", "provenance: "))]
    return "\n".join(lines)


def _has_output(outcome: Outcome) -> str:
    text = (outcome.folder / "out.json").read_text("utf-8")
    return "" if LABELS.splitlines()[0] in text else "no answer in the file"


def _has_answer(outcome: Outcome) -> str:
    return "" if LABELS.splitlines()[0] in outcome.stdout else "no answer"


def _ran_or_lacked_memory(outcome: Outcome) -> str:
    if outcome.status == 0:
        return _has_output(outcome)
    told = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    if len(told) != 1 or "out of memory" not in told[0]:
        return f"not one line that says so: {outcome.stderr[-300:]}"
    return _left_nothing_half(outcome)


def _left_nothing_half(outcome: Outcome) -> str:
    written = outcome.folder / "out.json"
    if outcome.status == 0:
        return _has_output(outcome)
    left = [file.name for file in outcome.folder.iterdir() if file.suffix in (".tmp", ".journal")]
    whole = [] if not written.exists() or written.read_text("utf-8").rstrip().endswith("}") else [written.name]
    return f"left behind: {left + whole}" if left or whole else ""
