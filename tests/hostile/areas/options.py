"""Options of the command line: numbers out of range, contradictions, names that are none. Many are made from the commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import click

from hostile.case import OK, REFUSED, SOME_FAILED, Case, Outcome
from hostile.inputs import TABLE, classify, write_image, write_labels
from hostile.shares import check_shares, expect_shares

SHARES: Final = {"Parus major": 0.5, "Cyanistes caeruleus": 0.25, "Erithacus rubecula": 0.25}
NUMBERS: Final = (
    "nan",
    "inf",
    "",
    "²",
    "1e400",
    "1" + "0" * 35,
    "-1",
    "0x10",
    "9" * 400,
    "1,5",
    "9" * 5000,
    "\udc80",
)
WORDS: Final = ("", "no-such-word", "x" * 300, "\udc80", "\x1b[2J")
SURROGATE: Final = "a\udc80b"


def cases() -> Iterator[Case]:
    for value in ("0", "-1", "100000000000000000000", "1e3", "nan", "", "²", "0x10"):
        yield Case(f"batch-size-{value.encode().hex()}", partial(_run, "--batch-size", value), REFUSED, "batch-size")
    yield from _typed()
    yield from _texts()
    yield from _together()
    yield from _outputs()
    yield from _urls()


def _typed() -> Iterator[Case]:
    """Numbers and choices of each command, without anything else: values are looked at before what is missing."""
    seen: set[tuple[str, str]] = set()
    place = 0
    for command, option in _list_options():
        flag = max(option.opts, key=len)
        is_number = isinstance(option.type, click.IntRange | click.FloatRange)
        if (flag, repr(option.type)) in seen or flag == "--resume":  # whose value may be left out
            continue
        if not (is_number or isinstance(option.type, click.Choice)):
            continue
        seen.add((flag, repr(option.type)))
        values = NUMBERS if is_number else WORDS
        for at in range(place, place + (4 if is_number else 1)):
            name = f"{command.replace(' ', '-')}{flag[1:]}-{at % len(values)}"
            yield Case(name, partial(_ask, (*command.split(), flag, values[at % len(values)])), REFUSED, flag)
        place += 5
    for command in (
        "classify",
        "evaluate",
        "embed",
        "describe",
        "train",
        "taxonomy show",
        "soup",
        "dataset build",
        "app",
    ):
        name = command.replace(" ", "-")
        yield Case(f"{name}-unknown-flag", partial(_ask, (*command.split(), "--no-such-flag")), REFUSED, "no-such-flag")
        yield Case(
            f"{name}-surrogate-flag", partial(_ask, (*command.split(), "--\udc80")), REFUSED, r"\\udc80|\\x80|option"
        )
    for command in ("classify", "embed", "evaluate", "calibrate", "explain", "describe", "train", "soup"):
        yield Case(f"{command}-value-missing", partial(_ask, (command, "--output")), REFUSED, "--output.*requires")
    for command in ("nothing", "\udc80", "x" * 300, "", "--classify"):
        name = command[:8].encode("utf-8", "surrogateescape").hex()
        yield Case(f"command-{name}", partial(_ask, (command,)), REFUSED, "command|option|Usage")


def _texts() -> Iterator[Case]:
    """Names of models, devices, classes, components."""
    models = (
        "",
        " ",
        "x" * 300,
        SURROGATE,
        "local-dir:",
        "local-dir:~nobody-at-all",
        "local-dir:none",
        "local-dir:bird.png",
    )
    models += (
        "hf-hub:",
        "hf-hub:a",
        "hf-hub:../..",
        "hf-hub:a/b@",
        "hf-hub:a/b/c/d",
        "package:",
        "package:..",
        "onnx:",
        "onnx:bird.png",
    )
    models += ("timm:", "a/b/c/d", "/", ".", "..", "http://[", "ViT-B-32/none", "field-guide@none")
    for number, value in enumerate(models):
        yield Case(
            f"model-{number}",
            partial(_run, "--model", value),
            REFUSED,
            "(?i)model|folder|onnx|hub|weights|path|open_clip|package",
        )
    for number, value in enumerate(
        ("", "tpu", "cuda:99", "cpu:abc", "cuda:-1", SURROGATE, "x" * 300, "cuda:" + "9" * 400, "meta")
    ):
        yield Case(f"device-{number}", partial(_run, "--device", value), REFUSED, "(?i)device|cuda")
    wrong = (
        "",
        ":",
        "=",
        "no-such-one",
        "x" * 300,
        SURROGATE,
        "flat:a",
        "flat:=",
        "flat:a=1,a=2",
        "flat:a=[",
        "flat:a=2020-13-45",
    )
    for flag in ("--head", "--scorer", "--text", "--adjust", "--encoder", "--detector"):
        for number, value in enumerate(wrong[i] for i in range(len(wrong)) if (i + len(flag)) % 2 or i == 3):
            yield Case(
                f"{flag[2:]}-{number}", partial(_run, flag, value), REFUSED, "component|name|option|known|flat|called"
            )
    for number, value in enumerate(("", "no such rank", "x" * 300, SURROGATE, "species,genus", "7")):
        yield Case(f"rank-{number}", partial(_run_table, "--rank", value), REFUSED, "rank")
    for number, value in enumerate(
        ("", "=", "species=", "=Parus", "x" * 300, SURROGATE, "!", "none=a", "species!=", "class=Aves,")
    ):
        yield Case(
            f"subset-{number}",
            partial(_run_table, "--subset", value),
            REFUSED,
            "subset|taxon|term|rank|exist|name|class",
        )
    for number, value in enumerate(("", ",", ",,,", " , ", "none.txt", "a/b", "x" * 300 + ".txt")):
        yield Case(f"labels-{number}", partial(_run_labels, value), REFUSED, "labels")
    for number, value in enumerate(("7s", "", "1/0s", "0/s", "1e3/s", "²", "-1", "9" * 400, "1/1e-9s", "nan/s")):
        yield Case(f"frames-{number}", partial(_run, "--frames", value), REFUSED, "frames")
    for number, value in enumerate(("", "60", "0s", "-1s", "nans", "1e400s", "column:", "²s", "9" * 400 + "s", "2y")):
        yield Case(f"event-by-{number}", partial(_run, "--event-by", value), REFUSED, "event-by")
    for number, value in enumerate(("", "none", "x" * 300, SURROGATE)):
        yield Case(
            f"taxonomy-format-{number}",
            partial(_run_table, "--taxonomy-format", value),
            REFUSED,
            "format|reader|component",
        )
        yield Case(f"plugin-{number}", partial(_run, "--plugin", value), REFUSED, "plugin")
        yield Case(
            f"report-as-{number}",
            partial(_run, "--report-as", value),
            REFUSED,
            "exist|folder|long|report|taxonomy|path",
        )
    paths = (
        "",
        "none.csv",
        "x" * 300,
        SURROGATE,
        "/dev/null",
        "bird.png",
        "~nobody-at-all/x",
        "bird.png/x",
        "a/" * 3000,
    )
    for flag in ("--taxonomy", "--descriptors", "--boxes", "--metadata", "--bins", "--calibration", "--recipe"):
        for number, value in enumerate(paths):
            yield Case(f"{flag[2:]}-{number}", partial(_run_path, flag, value), REFUSED, seconds=5)
    for number, value in enumerate(
        ("", "x" * 300, SURROGATE, "-", "~nobody-at-all/x.png", "bird.png/x.png", "[", "**", "\n")
    ):
        name = f"why-not-{number}"
        yield Case(name, partial(_run_scores, "--why-not", value), REFUSED, "why-not|taxon|class")


def _together() -> Iterator[Case]:
    """Options that contradict one another, or are given twice."""
    refused: dict[str, tuple[Sequence[str], str]] = {
        "labels-and-taxonomy": (("--taxonomy", "birds.csv"), "labels and a taxonomy"),
        "labels-and-bins": (("--bins", "birds.csv"), "--bins and --labels"),
        "resume-without-output": (("--resume",), "--resume needs"),
        "depth-and-flat": (("--depth", "auto", "--head", "flat"), "depth auto"),
        "rank-and-head": (("--rank", "family", "--depth", "auto"), "rank|depth"),
        "accuracy-without-calibration": (("--accuracy", "0.9"), "calibrat"),
        "box-padding-alone": (("--box-padding", "1"), "boxes"),
        "mask-alone": (("--mask", "blur"), "boxes|mask"),
        "ray-workers-alone": (("--ray-workers", "2"), "--engine ray"),
        "output-and-report": (("--output", "a.json", "--report", "a.json"), r"a\.json"),
        "report-twice": (("--report", "a.json", "--report", "a.json"), r"a\.json"),
        "output-is-labels": (("--output", "labels.txt"), r"labels\.txt"),
        "output-is-image": (("--output", "bird.png"), r"bird\.png"),
        "output-is-scores": (("--output", "scores.csv"), r"scores\.csv"),
        "output-is-a-link": (("--output", "link.json"), r"link\.json|labels\.txt"),
        "report-unknown-suffix": (("--report", "a.xyz"), r"a\.xyz|xyz"),
        "format-unknown": (("--format", "xyz"), "xyz"),
        "format-option": (("--format", "csv:no_such=1"), "no_such"),
        "strength-hard": (("--adjust", "species-list:file=labels.txt,strength=1"), "strength"),
        "box-classes-alone": (("--box-classes", "a"), "boxes"),
    }
    for name, (flags, says) in refused.items():
        yield Case(f"together-{name}", partial(_run_scores, *flags), REFUSED, says)
    fine: dict[str, Sequence[str]] = {
        "twice-batch-size": ("--batch-size", "1", "--batch-size", "2"),
        "twice-labels": ("--labels", "a,b", "--labels", "labels.txt"),
        "quiet-twice": ("--quiet", "--quiet"),
        "explain-and-not": ("--explain", "--no-explain"),
        "largest-batch": ("--batch-size", str(1 << 20)),
        "most-workers": ("--workers", "1024"),
        "most-predictions": ("--k", "1000000"),
        "plus-sign": ("--k", "+3"),
        "arabic-digits": ("--k", "٣"),
        "spaces": ("--k", " 3 "),
    }
    for name, flags in fine.items():
        yield Case(f"fine-{name}", partial(_run_scores, *flags), OK, check=partial(expect_shares, SHARES))
    yield Case("image-twice", partial(_run_scores, "bird.png"), OK, check=check_shares)


def _outputs() -> Iterator[Case]:
    places = {
        "folder": ".",
        "below-a-file": "bird.png/a.json",
        "below-null": "/dev/null/a.json",
        "long": "x" * 300 + ".json",
    }
    places |= {"missing-root": "/proc/none/a.json", "long-folder": "x" * 300 + "/a.json", "empty": ""}
    commands: dict[str, tuple[str, ...]] = {
        "classify": (*classify("--scorer", "external:file=scores.csv"), "--quiet"),
        "evaluate": (
            "evaluate",
            "truth.csv",
            "--labels",
            "labels.txt",
            "--scorer",
            "external:file=scores.csv",
            "--quiet",
        ),
        "convert": ("taxonomy", "convert", "birds.csv", "--to", "csv"),
        "subset": ("taxonomy", "subset", "Parus major", "birds.csv"),
        "list": ("taxonomy", "list", "birds.csv"),
        "texts": ("embed", "--texts", "a bird", "--format", "json", "--quiet"),
        "dry-describe": ("describe", "birds.csv", "--dry-run", "--llm-model", "none"),
    }
    for command, arguments in commands.items():
        for name, value in places.items():
            if command in ("classify", "evaluate", "convert") or name in ("folder", "below-a-file", "empty"):
                make = partial(_write_and, (*arguments, "--output", value))
                yield Case(f"output-{command}-{name}", make, REFUSED, seconds=5)
    for name, value in places.items():
        make = partial(_write_and, (*commands["classify"], "--report", value))
        yield Case(f"report-{name}", make, REFUSED)
        yield Case(f"predictions-{name}", partial(_write_and, (*commands["evaluate"], "--predictions", value)), REFUSED)
    yield Case(
        "output-surrogate",
        partial(_write_and, (*commands["classify"], "--output", "a\udc80.json")),
        OK,
        check=_is_written,
    )
    yield Case("output-device", partial(_write_and, (*commands["classify"], "--output", "/dev/null")), OK)
    yield Case(
        "output-full-device",
        partial(_write_and, (*commands["classify"], "--output", "/dev/full")),
        REFUSED,
        "full|space",
    )


def _urls() -> Iterator[Case]:
    urls = (
        "http://[",
        "http://a:abc",
        "http://a:99999",
        "http://",
        "http:///x",
        "ftp://a",
        "://",
        "",
        "a",
        "http://\udc80",
        "http://a b",
    )
    urls += (
        "http://" + "x" * 300,
        "http://a..b",
        "http://user:pass@[::1",
        "file:///etc/passwd",
        "http://²",
        "http://xn--a",
    )
    for number, value in enumerate(urls):
        make = partial(
            _write_and, ("describe", "birds.csv", "--llm-model", "none", "--base-url", value, "--output", "d.yaml")
        )
        yield Case(f"base-url-{number}", make, REFUSED, seconds=5)
        if value.startswith("http"):
            make = partial(_write_and, ("classify", f"{value}/a.png", "--labels", "a,b", "--quiet", "--format", "json"))
            yield Case(f"image-url-{number}", make, SOME_FAILED, '"error": "', seconds=5)


@cache
def _list_options() -> tuple[tuple[str, click.Option], ...]:
    """Returns all options with their commands, such as "taxonomy show"."""
    from bioclip_x.cli import commands
    from bioclip_x.hooks.registry import create_registry

    registry = create_registry(own={"cli": commands})

    def walk(command: Any, name: str) -> Iterator[tuple[str, click.Option]]:
        for below, one in getattr(command, "commands", {}).items():
            yield from walk(one, f"{name} {below}")
        yield from ((name, option) for option in command.params if isinstance(option, click.Option))

    return tuple(pair for name, one in registry.targets("commands").items() for pair in walk(one, name))


def _run(flag: str, value: str, folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    return classify("--quiet", flag, value)


def _ask(arguments: Sequence[str], folder: Path) -> list[str]:
    return list(arguments)


def _write_and(arguments: Sequence[str], folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    (folder / "birds.csv").write_text(TABLE)
    (folder / "truth.csv").write_text("path,label\nbird.png,Parus major\n")
    (folder / "link.json").symlink_to("labels.txt")
    header = ",".join(("image", *SHARES))
    (folder / "scores.csv").write_text(f"{header}\nbird.png,0.5,0.25,0.25\n")
    return list(arguments)


def _run_scores(*arguments: Any) -> list[str]:
    *flags, folder = arguments
    return _write_and(classify("--quiet", "--scorer", "external:file=scores.csv", *flags), folder)


def _run_table(flag: str, value: str, folder: Path) -> list[str]:
    return _write_and(("classify", "bird.png", "--taxonomy", "birds.csv", "--quiet", flag, value), folder)


def _run_path(flag: str, value: str, folder: Path) -> list[str]:
    others = () if flag in ("--taxonomy", "--bins") else ("--labels", "labels.txt")
    return _write_and(("classify", "bird.png", "--quiet", *others, flag, value), folder)


def _run_labels(value: str, folder: Path) -> list[str]:
    return _write_and(("classify", "bird.png", "--quiet", "--labels", value), folder)


def _is_written(outcome: Outcome) -> str:
    return "" if (outcome.folder / "a\udc80.json").stat().st_size > 100 else "the file is not there"
