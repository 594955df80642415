"""Recipe files: wrong types, ranges, unknown fields, and YAML that means something else than it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from hostile.case import OK, REFUSED, Case
from hostile.inputs import classify, write_image, write_labels
from hostile.shares import expect_shares

WRONG: Final[dict[str, str]] = {
    "list": "[a, b]",
    "mapping": "{a: b}",
    "number": "7",
    "date": "2020-01-02",
    "true": "yes",
}
"""Values that no field of text means."""
TEXTS: Final = (
    "model",
    "device",
    "precision",
    "preprocess",
    "truncated",
    "pooling",
    "missing",
    "box_crop",
    "mask",
    "rank",
)
FILES: Final = ("taxonomy", "descriptors", "boxes", "report_as", "calibration")
NUMBERS: Final = ("k", "batch_size", "workers", "accuracy", "box_confidence", "box_padding")
COMPONENTS: Final = ("encoder", "scorer", "head", "detector")
SHARES: Final = {"Parus major": 0.5, "Cyanistes caeruleus": 0.25, "Erithacus rubecula": 0.25}


def cases() -> Iterator[Case]:
    yield from _types()
    yield from _numbers()
    yield from _components()
    yield from _yaml()
    yield from _files()


def _types() -> Iterator[Case]:
    for field in TEXTS:
        for name, value in WRONG.items():
            if (field, name) != ("rank", "number"):
                yield Case(f"{field}-{name}", partial(_run, f"{field}: {value}\n"), REFUSED, rf"recipe\.yaml.*{field}")
    for field in FILES:
        for name, value in {**WRONG, "missing": "none.csv", "empty": '""', "nul": '"a\\0b"', "long": "x" * 300}.items():
            says = (
                rf"{field}|none\.csv|a\\x00b|no such|exist|too long|folder|NUL"
                if name not in WRONG
                else rf"recipe.*{field}"
            )
            yield Case(f"{field}-{name}", partial(_run, f"{field}: {value}\n", bare=True), REFUSED, says)
    for field in ("labels", "beside", "subset", "box_classes", "plugins"):
        wrong = {
            "numbers": "[1, 2]",
            "nested": "[[a], [b]]",
            "mapping": "{a: b}",
            "number": "7",
            "true": "yes",
            "nulls": "[null]",
        }
        for name, value in wrong.items():
            yield Case(
                f"{field}-{name}", partial(_run, f"{field}: {value}\n", bare=True), REFUSED, rf"recipe\.yaml.*{field}"
            )
    yield Case("labels-empty", partial(_run, "labels: []\n", bare=True), REFUSED, "labels")
    yield Case("labels-blank", partial(_run, "labels: ['', ' ']\n", bare=True), REFUSED, "label")
    yield Case("labels-no-and-on", partial(_run, "labels: [no, on, yes]\n", bare=True), REFUSED, r"labels.*False")
    yield Case("labels-octal", partial(_run, "labels: [0o17, 017]\n", bare=True), REFUSED, "labels")
    yield Case(
        "labels-date", partial(_run, "labels: [2020-13-45]\n", bare=True), REFUSED, "2020-13-45.*not a valid date"
    )
    for field in ("explain", "heat_maps", "full_decoding"):
        for name, value in {"word": "maybe", "two": "2", "list": "[]", "nan": ".nan"}.items():
            yield Case(f"{field}-{name}", partial(_run, f"{field}: {value}\n"), REFUSED, rf"recipe\.yaml.*{field}")
    for name, value in {
        "number": "7",
        "seconds": "-1s",
        "word": "often",
        "column": "'column:'",
        "huge": f"{10**20}s",
    }.items():
        yield Case(f"event-by-{name}", partial(_run, f"event_by: {value}\n"), REFUSED, "event.by")
    for name, value in {
        "zero": "0",
        "negative": "-1",
        "huge": str(10**20),
        "nan": ".nan",
        "true": "yes",
        "per-zero": "1/0s",
    }.items():
        yield Case(f"frames-{name}", partial(_run, f"frames: {value}\n"), REFUSED, "frames")


def _numbers() -> Iterator[Case]:
    values = {
        "nan": ".nan",
        "inf": ".inf",
        "minus-inf": "-.inf",
        "word": "many",
        "list": "[1]",
        "true": "true",
        "minus-one": "-1",
    }
    values |= {
        "1e308": "1.0e+308",
        "400-digits": "9" * 400,
        "superscript": '"²"',
        "1e20": str(10**20),
        "sexagesimal": "1:90:00",
    }
    for field in NUMBERS:
        for name, value in values.items():
            yield Case(f"{field}-{name}", partial(_run, f"{field}: {value}\n"), REFUSED, rf"recipe\.yaml.*{field}")
    for field in ("k", "batch_size", "workers"):
        for name, value in {"zero": "0", "half": "0.5"}.items():
            yield Case(f"{field}-{name}", partial(_run, f"{field}: {value}\n"), REFUSED, rf"recipe\.yaml.*{field}")
    yield Case("accuracy-zero", partial(_run, "accuracy: 0\n"), REFUSED, r"recipe\.yaml.*accuracy")
    yield Case("box-padding-three", partial(_run, "box_padding: 3\n"), REFUSED, r"recipe\.yaml.*box_padding")


def _components() -> Iterator[Case]:
    wrong = {
        "number": "7",
        "true": "on",
        "list-of-two": "[flat, rollup]",
        "list-of-lists": "[[flat]]",
        "empty-list": "[]",
        "nested": "{name: {name: flat}}",
        "without-name": "{threshold: 1}",
        "name-null": "{name: null}",
        "name-list": "{name: [flat]}",
        "options-list": "{name: flat, options: [1]}",
        "empty": '""',
        "colon": '":a=1"',
        "unknown": "no-such-one",
        "unknown-option": "{name: flat, no_such_option: 1}",
        "option-twice": '"flat:a=1,a=2"',
        "option-not-yaml": '"flat:a=[1"',
        "option-number-key": "{name: flat, 7: 1}",
        "option-deep": f'"flat:a={"[" * 300}{"]" * 300}"',
        "option-anchor": '"flat:a=*b"',
        "option-tag": '"flat:a=!!python/object/apply:os.system [ls]"',
        "option-date": '"flat:a=2020-13-45"',
    }
    for field in COMPONENTS:
        for name, value in wrong.items():
            yield Case(
                f"{field}-{name}",
                partial(_run, f"{field}: {value}\n"),
                REFUSED,
                f"{field}|component|flat|expected name",
            )
    for field in ("text", "adjust"):
        for name, value in {**wrong, "list-of-numbers": "[1, 2]", "list-of-nulls": "[null]"}.items():
            if name not in ("list-of-two", "list-of-lists") and (field, name) != ("adjust", "empty-list"):
                yield Case(
                    f"{field}-{name}",
                    partial(_run, f"{field}: {value}\n"),
                    REFUSED,
                    f"{field}|component|flat|expected name",
                )
    hedge = {
        "nan": ".nan",
        "inf": ".inf",
        "1e308": "1.0e+308",
        "400-digits": "9" * 400,
        "word": "high",
        "negative": "-1",
    }
    for name, value in hedge.items():
        text = f"head: {{name: hedge, lambda_: {value}}}\n"
        yield Case(f"hedge-lambda-{name}", partial(_run, text), REFUSED, "lambda_")


def _yaml() -> Iterator[Case]:
    """What YAML makes of text."""
    good = "labels: labels.txt\nscorer: {name: external, file: scores.csv}\n"
    fine = {
        "alias": "a: &x 1\n".replace("a: &x 1", "k: &x 5") + "batch_size: *x\n" + good,
        "merge": "<<: {k: 3}\n" + good,
        "flow": "{labels: labels.txt, scorer: {name: external, file: scores.csv}}\n",
        "bom": "\ufeff" + good,
        "json": json.dumps({"labels": "labels.txt", "scorer": {"name": "external", "file": "scores.csv"}}),
        "crlf": good.replace("\n", "\r\n"),
        "leading-zero": "batch_size: 08\n" + good,
        "comment": "# é\n" + good,
        "end-mark": "---\n" + good + "...\n",
    }
    for name, text in fine.items():
        yield Case(f"yaml-{name}", partial(_run, text, own=True), OK, check=partial(expect_shares, SHARES))
    wrong = {
        "empty": "",
        "null": "null\n",
        "number": "7\n",
        "list": "- a\n",
        "text": "just words\n",
        "two-documents": "k: 1\n---\nk: 2\n",
        "key-twice": "k: 1\nk: 2\n",
        "key-twice-after-merge": "k: 1\n<<: {k: 2}\nk: 3\n",
        "key-number": "7: 1\n",
        "key-null": "null: 1\n",
        "key-true": "on: 1\n",
        "key-list": "? [a]\n: 1\n",
        "key-nan": ".nan: 1\n",
        "unknown": "no_such_field: 1\n",
        "unknown-controls": '"a\\e[2Jb": 1\n',
        "unknown-long": f"? {'x' * 5000}\n: 1\n",
        "tab": "k:\t1\n\tbatch_size: 2\n",
        "tag-python": "k: !!python/object/apply:os.system ['touch owned']\n",
        "tag-unknown": "k: !mine 3\n",
        "tag-int": "k: !!int word\n",
        "tag-float": "k: !!float x\n",
        "tag-binary": "model: !!binary YQ==\n",
        "tag-binary-wrong": "model: !!binary ====\n",
        "tag-set": "labels: !!set {a, b}\n",
        "tag-omap": "labels: !!omap [a: 1]\n",
        "date": "rank: 2020-13-45\n",
        "date-hour": "rank: 2020-01-01T99:00:00Z\n",
        "date-year": "rank: 0000-01-01\n",
        "alias-unknown": "k: *nowhere\n",
        "alias-of-itself": "labels: &a [*a]\n",
        "merge-number": "<<: 7\n",
        "merge-list-of-numbers": "<<: [1, 2]\n",
        "nested-flow": "labels: " + "[" * 100_000 + "]" * 100_000 + "\n",
        "nested-mapping": "labels: " + "{a: " * 5_000 + "1" + "}" * 5_000 + "\n",
        "nested-block": "".join(f"{' ' * i}a:\n" for i in range(400)),
        "laughs": _laugh(),
        "nul": "k: 1\0\n",
        "escape": "k: \x1b[2J\n",
        "unclosed": "labels: [a, b\n",
        "unclosed-quote": 'model: "a\n',
        "half-surrogate": 'model: "\\ud800"\n',
        "directive": "%YAML 9.9\n--- {k: 1}\n",
        "long-integer": "k: " + "9" * 5000 + "\n",
        "hex": "batch_size: 0xFFFFFFFFFFFFFFFFFFFF\n",
    }
    for name, text in wrong.items():
        yield Case(f"yaml-{name}", partial(_run, text), REFUSED, r"recipe\.yaml|--- ", seconds=5, bytes=1 << 30)
    yield Case(
        "yaml-latin-1",
        partial(_run_raw, "model: v\xf6gel\n".encode("latin-1")),
        REFUSED,
        r"recipe\.yaml, line 1.*UTF-8",
    )
    yield Case("yaml-binary", partial(_run_raw, bytes(range(256))), REFUSED, r"recipe\.yaml")
    yield Case("yaml-gzip-cut", partial(_run_raw, b"\x1f\x8b\x08\0\0\0"), REFUSED, r"recipe\.yaml")


def _files() -> Iterator[Case]:
    yield Case("missing", partial(_run_named, "none.yaml"), REFUSED, r"none\.yaml does not exist")
    yield Case("folder", partial(_run_named, "."), REFUSED, "folder")
    yield Case("null-device", partial(_run_named, "/dev/null"), REFUSED, "/dev/null")
    yield Case("zero-device", partial(_run_named, "/dev/zero"), REFUSED, "/dev/zero", seconds=10, bytes=2 << 30)
    yield Case("long-name", partial(_run_named, "x" * 300), REFUSED, "too long|exist")
    yield Case("surrogate-name", partial(_run_named, "a\udc80.yaml"), REFUSED, "exist")
    yield Case("below-a-file", partial(_run_named, "bird.png/x.yaml"), REFUSED, "bird")
    yield Case("plugin-missing", partial(_run, "plugins: [none.py]\n"), REFUSED, r"none\.py")
    yield Case("plugin-folder", partial(_run, "plugins: ['.']\n"), REFUSED, "plugin")
    yield Case("plugin-nul", partial(_run, 'plugins: ["a\\0.py"]\n'), REFUSED, "plugin|a.x00")
    yield Case(
        "labels-and-taxonomy",
        partial(_run, "labels: [a, b]\ntaxonomy: labels.txt\n", bare=True),
        REFUSED,
        "labels and a tax",
    )
    yield Case("depth-and-flat", partial(_run, "depth: auto\nhead: flat\n"), REFUSED, "depth")
    yield Case("evaluate", partial(_evaluate, "head: [flat, rollup]\n"), REFUSED, "head")
    yield Case("embed", partial(_embed, "batch_size: .nan\n"), REFUSED, "batch_size")


def _laugh() -> str:
    """A billion laughs."""
    lines = ["labels:", "- &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(lines) + "\n"


def _run(text: str, folder: Path, *, bare: bool = False, own: bool = False) -> list[str]:
    """bare: the recipe's own labels, or none. own: also its own scorer."""
    return _run_raw(text.encode("utf-8", "surrogatepass"), folder, bare=bare, own=own)


def _run_raw(raw: bytes, folder: Path, *, bare: bool = False, own: bool = False) -> list[str]:
    write_image(folder)
    write_labels(folder)
    header = ",".join(("image", *SHARES))
    (folder / "scores.csv").write_text(f"{header}\nbird.png,0.5,0.25,0.25\n")
    (folder / "recipe.yaml").write_bytes(raw)
    if own or bare:
        return ["classify", "bird.png", "--quiet", "--format", "json", "--recipe", "recipe.yaml"]
    return classify("--quiet", "--recipe", "recipe.yaml")


def _run_named(name: str, folder: Path) -> list[str]:
    return [*_run("k: 5\n", folder)[:-1], name]


def _evaluate(text: str, folder: Path) -> list[str]:
    _run(text, folder)
    (folder / "truth.csv").write_text("path,label\nbird.png,Parus major\n")
    return ["evaluate", "truth.csv", "--quiet", "--labels", "labels.txt", "--recipe", "recipe.yaml"]


def _embed(text: str, folder: Path) -> list[str]:
    _run(text, folder)
    return ["embed", "bird.png", "--quiet", "--recipe", "recipe.yaml"]
