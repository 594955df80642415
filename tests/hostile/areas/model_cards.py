"""The command `models`, and what plugins say of models with short names: listed, described and loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hostile.areas.models import write_folder
from hostile.case import OK, READ_OR_REFUSED, REFUSED, Case, Outcome
from hostile.inputs import classify, write_image, write_labels

GOOD: dict[str, Any] = {
    "name": "own", "source": "local-dir:m", "summary": "of a plugin", "architecture": "its own", "dim": 8, "image_size": 32,
    "resize": "squash", "licence": "CC0", "classes": "", "is_cached": True, "classes_cached": None, "facts": {},
}  # fmt: skip
PLUGIN = """from bioclip_x.plugin import ComponentSpec, KnownModel, hookimpl

nan, inf = float("nan"), float("inf")
{above}

class Own:
    def __new__(cls):
        return {made}


@hookimpl
def models():
    return [ComponentSpec("own", "a model", f"{{__name__}}:Own")]
"""


def cases() -> Iterator[Case]:
    yield Case("whole", partial(_list, GOOD, ()), OK, "own")
    yield from _fields()
    yield from _objects()
    yield from _names()
    yield from _used()


def _list(fields: dict[str, Any], more: tuple[str, ...], folder: Path) -> list[str]:
    return _write(f"KnownModel(**{fields!r})", "", more, folder)


def _write(made: str, above: str, more: tuple[str, ...], folder: Path) -> list[str]:
    (folder / "own.py").write_text(PLUGIN.format(made=made, above=above))
    return ["models", "--plugin", "own.py", *more]


def _is_document(outcome: Outcome) -> str:
    """What is printed as JSON is JSON, of models that have names."""
    if outcome.status:
        return ""
    try:
        found = json.loads(outcome.stdout, parse_constant=_refuse)
    except ValueError as problem:
        return f"no JSON: {problem}"
    return (
        ""
        if isinstance(found, dict) or all(isinstance(one["name"], str) for one in found)
        else "a model without a name"
    )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _fields() -> Iterator[Case]:
    """Wrong types: the plugin is broken, which is told, or left out with a warning; the list of other models is printed."""
    wrong: dict[str, tuple[Any, ...]] = {
        "name": (None, 3, "", "\x1b[2J", "a" * 5000), "source": (None, 3), "summary": (None, 3, "\x1b[2Jx", "a\nb", "x" * 100_000),
        "architecture": (None, 3, "\u202ex"), "dim": (None, "x", 0, -1, float("nan"), 10**400), "image_size": (None, "x", 0, float("inf")),
        "resize": (None, 3, "xyz"), "licence": (None, 3, "\x07"), "classes": (None, 3, ["a"]), "is_cached": (None, "x"),
        "classes_cached": ("x", 3), "facts": (None, 3, [], {"a": float("nan")}, {3: 4}, {"a": {"b": {"c": [1, {"d": 2}]}}}, {"sources": 3},
                                              {"sources": {"a": 3}}, {"a": b"x"}, {"a": {1, 2}}, {"a": "\x1b[2J"}),
    }  # fmt: skip
    for name, values in wrong.items():
        for i, value in enumerate(values):
            label = f"{name.replace('_', '-')}-{i}"
            fields = GOOD | {name: value}
            yield Case(f"table-{label}", partial(_list, fields, ()), READ_OR_REFUSED[::2], check=_shows_no_controls)
            if i < 3:
                yield Case(
                    f"json-{label}",
                    partial(_list, fields, ("--format", "json")),
                    READ_OR_REFUSED[::2],
                    check=_is_document,
                )
            if name == "facts":
                yield Case(
                    f"one-{label}", partial(_list, fields, ("own",)), READ_OR_REFUSED[::2], check=_shows_no_controls
                )
    deep: Any = 1
    for _ in range(80):
        deep = {"a": deep}
    for format_ in ("table", "json"):
        make = partial(_list, GOOD | {"facts": deep}, ("own", "--format", format_))
        yield Case(f"facts-deep-{format_}", make, READ_OR_REFUSED[::2])


def _shows_no_controls(outcome: Outcome) -> str:
    found = [one for one in "\x1b\x07\u202e" if one in outcome.stdout + outcome.stderr]
    return f"control characters {found}" if found else ""


def _objects() -> Iterator[Case]:
    made = {
        "none": "None", "number": "3", "text": "'x'", "mapping": "{}", "raises": "1 / 0", "exits": "__import__('sys').exit(0)",
        "missing-fields": "KnownModel(name='x')", "foreign": "KnownModel(code=1)", "interrupts": "[][0]",
        "recursion": "(lambda f: f(f))(lambda f: f(f))", "long-error": "(_ for _ in ()).throw(ValueError('x' * 100_000))",
    }  # fmt: skip
    for name, text in made.items():
        yield Case(f"made-{name}", partial(_write, text, "", ()), READ_OR_REFUSED[::2], "own")
    above = {
        "raises": "raise ValueError('x')", "exits": "import sys; sys.exit(0)", "syntax": "def (", "name": "unknown_name",
        "prints": "print('{}')",
    }  # fmt: skip
    for name, text in above.items():
        statuses = OK if name == "prints" else REFUSED
        make = partial(_write, f"KnownModel(**{GOOD!r})", text, ("--format", "json"))
        yield Case(f"import-{name}", make, statuses, "own", check=_is_document)


def _names() -> Iterator[Case]:
    names = {
        "unknown": "no-such", "empty": "", "long": "a" * 5000, "controls": "\x1b[2J", "lone": "\udc80", "path": "../../etc", "hub": "hf-hub:a/b",
        "local": "local-dir:/dev/zero", "two": "a b", "star": "*", "option-like": "bioclip-2@../x",
    }  # fmt: skip
    for name, text in names.items():
        yield Case(f"name-{name}", partial(_ask, text), REFUSED, "no model|called", check=_shows_no_controls)
    yield Case("format-unknown", partial(_ask, "--format=xyz"), REFUSED, "format")


def _ask(text: str, folder: Path) -> list[str]:
    return ["models", text]


def _used() -> Iterator[Case]:
    sources = {
        "missing": "local-dir:none", "zero": "local-dir:/dev/zero", "hub": "hf-hub:../../x", "itself": "own", "empty": "", "nul": "local-dir:a\0b",
        "number": 3, "none": None, "list": ["local-dir:m"], "url": "https://example.org/m", "classifier": "onnx:none.onnx",
    }  # fmt: skip
    for name, source in sources.items():
        yield Case(f"used-{name}", partial(_use, GOOD | {"source": source}), REFUSED, check=_shows_no_controls)
    encoders = {"unknown": "no-such", "number": 3, "none": None, "options": "open_clip:x=1"}
    for name, encoder in encoders.items():
        yield Case(f"encoder-{name}", partial(_use, GOOD | {"encoder": encoder}), READ_OR_REFUSED[::2])
    yield Case("used", partial(_use, GOOD), OK)


def _use(fields: dict[str, Any], folder: Path) -> list[str]:
    _list(fields, (), folder)
    write_image(folder)
    write_labels(folder)
    write_folder(folder / "m")
    return classify("--plugin", "own.py", "--model", "own")
