"""Environment variables: the program's own, the terminal's, the system's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case
from hostile.inputs import classify, write_image, write_labels
from hostile.shares import expect_shares

SHARES: Final = {"Parus major": 0.5, "Cyanistes caeruleus": 0.25, "Erithacus rubecula": 0.25}
NOT_UTF8: Final = os.fsdecode(b"a\xff\xfe")


def cases() -> Iterator[Case]:
    yield from _own()
    yield from _folders()
    yield from _terminal()
    yield from _system()


def _own() -> Iterator[Case]:
    numbers = {
        "zero": "0",
        "negative": "-1",
        "word": "many",
        "nan": "nan",
        "1e20": "100000000000000000000",
        "superscript": "²",
    }
    numbers |= {
        "half": "0.5",
        "hex": "0x10",
        "blank": " ",
        "400-digits": "9" * 400,
        "5000-digits": "9" * 5000,
        "not-utf-8": NOT_UTF8,
    }
    for variable in ("BATCH_SIZE", "WORKERS"):
        for name, value in numbers.items():
            yield _case(f"{variable}-{name}", {f"BIOCLIP_X_{variable}": value}, REFUSED, f"BIOCLIP_X_{variable}")
    for name, value in {
        "nan": "nan",
        "inf": "inf",
        "negative": "-1",
        "zero": "0",
        "1e308": "1e308",
        "word": "big",
    }.items():
        yield _case(f"CACHE-SIZE-{name}", {"BIOCLIP_X_CACHE_SIZE": value}, REFUSED, "BIOCLIP_X_CACHE_SIZE")
    words = {"blank": " ", "not-utf-8": NOT_UTF8, "control": "\x1b[2J", "long": "x" * 100_000, "bell": "\a"}
    for name, value in words.items():
        yield _case(f"PRECISION-{name}", {"BIOCLIP_X_PRECISION": value}, REFUSED, "BIOCLIP_X_PRECISION")
        yield Case(f"DEVICE-{name}", _classify_by_model, REFUSED, "(?i)device", environment={"BIOCLIP_X_DEVICE": value})
        yield Case(f"MODEL-{name}", _classify_by_model, REFUSED, "(?i)model", environment={"BIOCLIP_X_MODEL": value})
        if name != "blank":
            yield _case(f"PLUGINS-{name}", {"BIOCLIP_X_PLUGINS": value}, REFUSED, "no installed plugin is called")
    yield _case("PLUGINS-unknown", {"BIOCLIP_X_PLUGINS": "no-such-one"}, REFUSED, "no installed plugin is called")
    yield _case("PLUGINS-commas", {"BIOCLIP_X_PLUGINS": ",,,"}, (0, 2))
    yield _case("LANGUAGE-blank", {"BIOCLIP_X_LANGUAGE": " "}, REFUSED, "BIOCLIP_X_LANGUAGE")
    for name, value in {"not-utf-8": NOT_UTF8, "long": "x" * 100_000, "other": "tlh"}.items():
        yield _case(f"LANGUAGE-{name}", {"BIOCLIP_X_LANGUAGE": value}, OK, check=partial(expect_shares, SHARES))
    for name, value in {"word": "yes", "not-utf-8": NOT_UTF8, "zero": "0", "long": "1" * 10_000}.items():
        yield _case(f"TRACE-{name}", {"BIOCLIP_X_TRACE": value}, (0, 2))
    yield _case("unknown-variable", {"BIOCLIP_X_COLOUR": "red"}, OK, check=partial(expect_shares, SHARES))
    for name, value in {"not-utf-8": NOT_UTF8, "escape": "\x1b]0;owned\a"}.items():
        yield Case(f"config-shows-{name}", _config, OK, r"\\", environment={"BIOCLIP_X_MODEL": value})


def _folders() -> Iterator[Case]:
    bad = {"long": "x" * 300, "nobody": "~nobody-at-all/x"}
    for name, value in bad.items():
        yield _case(f"CACHE-{name}", {"BIOCLIP_X_CACHE": value}, REFUSED, "BIOCLIP_X_CACHE")
        yield _case(f"DATA-{name}", {"BIOCLIP_X_DATA": value}, REFUSED, "BIOCLIP_X_DATA")
    kept = {
        "a-file": "{folder}/bird.png",
        "below-a-file": "{folder}/bird.png/x",
        "null": "/dev/null",
        "proc": "/proc/none",
    }
    kept |= {"missing": "{folder}/a/b/c", "not-utf-8": "{folder}/" + NOT_UTF8, "spaces": "{folder}/a b"}
    for name, value in kept.items():
        make = _classify_table
        yield Case(
            f"CACHE-{name}", make, (0, 2), environment={"BIOCLIP_X_CACHE": value}, check=partial(expect_shares, SHARES)
        )
        yield _case(f"DATA-{name}", {"BIOCLIP_X_DATA": value}, (0, 2), check=partial(expect_shares, SHARES))
        listing = Case(f"cache-list-{name}", partial(_command, "cache"), (0, 2), environment={"BIOCLIP_X_CACHE": value})
        yield listing
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        for kind, value in {
            "missing": "/no/such/folder",
            "a-file": "{folder}/bird.png",
            "relative": "a/b",
            "long": "x" * 300,
        }.items():
            yield _case(f"{name}-{kind}", {name: value}, OK, check=partial(expect_shares, SHARES))


def _terminal() -> Iterator[Case]:
    wide = {
        "1e8": "100000000",
        "zero": "0",
        "minus-one": "-1",
        "word": "abc",
        "1e20": "100000000000000000000",
        "one": "1",
    }
    wide |= {"superscript": "²", "blank": " ", "5000-digits": "9" * 5000, "not-utf-8": NOT_UTF8}
    for name, value in wide.items():
        yield Case(f"COLUMNS-{name}", _classify_as_text, OK, "Parus", environment={"COLUMNS": value}, seconds=5)
        yield Case(
            f"COLUMNS-config-{name}",
            partial(_command, "config"),
            OK,
            "batch",
            environment={"COLUMNS": value},
            seconds=5,
        )
        yield Case(f"LINES-{name}", _classify_as_text, OK, "Parus", environment={"LINES": value}, seconds=5)
    yield Case(
        "COLUMNS-help", partial(_command, "--help"), OK, "classify", environment={"COLUMNS": "100000000"}, seconds=5
    )
    yield Case("COLUMNS-tree", _show_tree, OK, "Parus", environment={"COLUMNS": "100000000"}, seconds=5)
    for name, value in {"dumb": "dumb", "empty": "", "unknown": "no-such-terminal", "not-utf-8": NOT_UTF8}.items():
        yield Case(f"TERM-{name}", _classify_as_text, OK, "Parus", environment={"TERM": value})
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        yield Case(name.replace("_", "-"), _classify_as_text, OK, "Parus", environment={name: NOT_UTF8})


def _system() -> Iterator[Case]:
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        for kind, value in {"unknown": "xx_YY.NOPE", "posix": "C", "empty": "", "not-utf-8": NOT_UTF8}.items():
            yield _case(f"{name}-{kind}", {name: value}, OK, check=partial(expect_shares, SHARES))
    for kind in ("ascii", "utf-16", "latin-1:strict", "cp1252"):
        yield Case(
            f"PYTHONIOENCODING-{kind.replace(':', '-')}",
            _classify_as_text,
            OK,
            environment={"PYTHONIOENCODING": kind},
            alone=True,
        )
    for name in ("OMP_NUM_THREADS", "SOURCE_DATE_EPOCH", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "TZ"):
        yield _case(name.replace("_", "-"), {name: "9" * 30}, READ_OR_REFUSED)


def _case(name: str, variables: Mapping[str, str], statuses: tuple[int, ...], says: str = "", **more: object) -> Case:
    name = name.replace("_", "-")
    return Case(name, _classify_scores, statuses, says, environment=variables, **more)  # type: ignore[arg-type]


def _classify_scores(folder: Path) -> list[str]:
    write_image(folder)
    write_labels(folder)
    header = ",".join(("image", *SHARES))
    (folder / "scores.csv").write_text(f"{header}\nbird.png,0.5,0.25,0.25\n")
    return classify("--quiet", "--scorer", "external:file=scores.csv")


def _classify_table(folder: Path) -> list[str]:
    """Classes of a table, whose compiled tree is cached."""
    arguments = _classify_scores(folder)
    (folder / "birds.csv").write_text("species\n" + "\n".join(SHARES) + "\n")
    at = arguments.index("--labels")
    return [*arguments[:at], "--taxonomy", "birds.csv", *arguments[at + 2 :]]


def _classify_by_model(folder: Path) -> list[str]:
    _classify_scores(folder)
    return classify("--quiet")


def _classify_as_text(folder: Path) -> list[str]:
    arguments = _classify_scores(folder)
    at = arguments.index("--format")
    return [*arguments[:at], *arguments[at + 2 :]]


def _show_tree(folder: Path) -> list[str]:
    (folder / "birds.csv").write_text("family,species\nParidae,Parus major\n")
    return ["taxonomy", "show", "birds.csv"]


def _config(folder: Path) -> list[str]:
    return ["config", "--format", "json"]


def _command(name: str, folder: Path) -> list[str]:
    write_image(folder)
    return [name]
