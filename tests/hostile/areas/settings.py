"""The user's configuration file, and `bioclip-x config`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from hostile.case import OK, REFUSED, Case, Outcome
from hostile.inputs import classify, write_image, write_labels

FILE: Final = "config.yaml"
ENVIRONMENT: Final = {"BIOCLIP_X_CONFIG": f"{{folder}}/{FILE}"}


def cases() -> Iterator[Case]:
    texts = {"list": "[a]", "mapping": "{a: b}", "number": "7", "true": "yes", "blank": "' '"}
    for field in ("model", "device", "language", "precision", "cache", "data"):
        for name, value in texts.items():
            if not (field in ("cache", "data") and name == "blank"):
                yield _case(f"{field}-{name}", f"{field}: {value}\n", REFUSED, rf"config\.yaml.*{field}")
    numbers = {"nan": ".nan", "inf": ".inf", "negative": "-1", "zero": "0", "word": "many", "list": "[1]", "true": "on"}
    numbers |= {"1e308": "1.0e+308", "400-digits": "9" * 400, "superscript": '"²"', "1e20": "100000000000000000000"}
    for field in ("batch_size", "workers", "cache_size"):
        for name, value in numbers.items():
            yield _case(f"{field}-{name}", f"{field}: {value}\n", REFUSED, rf"config\.yaml.*{field}")
    for field in ("cache", "data"):
        for name, value in {"nul": '"a\\0b"', "long": "x" * 300, "nobody": "~nobody-at-all/x"}.items():
            yield _case(f"{field}-{name}", f"{field}: {value}\n", REFUSED, rf"config\.yaml.*{field}")
    documents = {
        "list": "- a\n",
        "text": "words\n",
        "number": "7\n",
        "unknown": "colour: red\n",
        "unknown-long": f"? {'x' * 5000}\n: 1\n",
        "key-number": "7: 1\n",
        "key-true": "on: 1\n",
        "key-twice": "device: cpu\ndevice: cuda\n",
        "date": "model: 2020-13-45\n",
        "tag": "model: !!python/object/apply:os.system [ls]\n",
        "alias-of-itself": "&a [*a]\n",
        "nested": "[" * 100_000,
        "nul": "device: cpu\0\n",
        "escape": "device: \x1b[2J\n",
        "unclosed": "device: [\n",
        "two-documents": "device: cpu\n---\ndevice: cuda\n",
        "device-controls": 'device: "\\e[2J"\nno_such: 1\n',
    }
    for name, text in documents.items():
        yield _case(f"document-{name}", text, REFUSED, r"config\.yaml", seconds=5)
    yield Case("binary", partial(_write, bytes(range(256))), REFUSED, r"config\.yaml", environment=ENVIRONMENT)
    yield Case(
        "latin-1", partial(_write, b"model: v\xf6gel\n"), REFUSED, r"config\.yaml, line 1", environment=ENVIRONMENT
    )
    for name, text in {"empty": "", "null": "null\n", "comment": "# nothing\n"}.items():
        yield _case(f"document-{name}", text, OK, check=_expect_defaults)
    for name, place in {"missing": "none.yaml", "folder": ".", "long": "x" * 300, "below-a-file": "bird.png/x"}.items():
        variables = {"BIOCLIP_X_CONFIG": f"{{folder}}/{place}"}
        yield Case(f"file-{name}", partial(_write, b""), REFUSED, "CONFIG|folder|long|exist", environment=variables)
    for name, value in {"nobody": "~nobody-at-all/c.yaml", "surrogate": "a\udc80.yaml"}.items():
        yield Case(f"file-{name}", partial(_write, b""), REFUSED, "CONFIG", environment={"BIOCLIP_X_CONFIG": value})
    yield Case("classify", _classify, REFUSED, r"config\.yaml.*batch_size", environment=ENVIRONMENT)
    yield Case("format-other", partial(_write, b"", more=("--format", "xml")), REFUSED, "--format")


def _case(name: str, text: str, statuses: tuple[int, ...], says: str = "", **more: object) -> Case:
    make = partial(_write, text.encode())
    return Case(name, make, statuses, says, environment=ENVIRONMENT, **more)  # type: ignore[arg-type]


def _write(raw: bytes, folder: Path, *, more: tuple[str, ...] = ("--format", "json")) -> list[str]:
    write_image(folder)
    (folder / FILE).write_bytes(raw)
    return ["config", *more]


def _classify(folder: Path) -> list[str]:
    _write(b"batch_size: 0\n", folder)
    write_labels(folder)
    return classify("--quiet")


def _expect_defaults(outcome: Outcome) -> str:
    rows = json.loads(outcome.stdout)["settings"]
    return "" if rows["batch_size"]["value"] == 32 and rows["device"]["from"] == "default" else str(rows)
