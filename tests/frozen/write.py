"""Writes what users and plugins may rely on as text, so that a change of it shows in review: `python tests/frozen/write.py`.

`tests/test_frozen.py` fails where a file is not up to date. docs/stability.md has the rules for changes.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
from pydantic import BaseModel, TypeAdapter

FOLDER: Final = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parents[1])]  # as pytest does, for the package docs

from docs.writers.json_schemas import DOCUMENTS  # noqa: E402

from bioclip_x.cli import commands  # noqa: E402
from bioclip_x.cli.main import program  # noqa: E402
from bioclip_x.hooks import specs  # noqa: E402
from bioclip_x.hooks.api_version import API_VERSION  # noqa: E402
from bioclip_x.hooks.components import KINDS  # noqa: E402
from bioclip_x.hooks.registry import create_registry  # noqa: E402
from bioclip_x.recipe import Recipe  # noqa: E402
from bioclip_x.testing import make_provenance, make_result  # noqa: E402
from bioclip_x.training.config import TrainConfig  # noqa: E402
from bioclip_x_plugins.reports.tables.csv_report import CsvReport  # noqa: E402
from bioclip_x_plugins.reports.tables.parquet_report import ParquetReport  # noqa: E402

MODULES: Final = ("bioclip_x", "bioclip_x.plugin", "bioclip_x.testing")


def write_python() -> Iterator[str]:
    """Yields the public names of the public modules, with their signatures, fields and methods, and the hooks."""
    yield f"plugin interface, version {API_VERSION}"
    for name, hook in vars(specs).items():
        if hasattr(hook, f"{specs.GROUP}_spec"):
            yield f"hook {name}{format_signature(hook)} since {hook.since}"
    for module in MODULES:
        yield from ("", f"module {module}")
        found = import_module(module)
        for name in sorted(found.__all__):
            yield from describe_value(name, getattr(found, name))


def describe_value(name: str, value: Any) -> Iterator[str]:
    """Yields the lines of a public name."""
    if inspect.isclass(value):
        yield from describe_class(name, value)
    elif inspect.isroutine(value):
        yield f"{name}{format_signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def describe_class(name: str, value: type[Any]) -> Iterator[str]:
    """Yields a class, its fields, and its public methods and properties, those of its bases in this project included."""
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    yield f"class {name}({bases})" if bases else f"class {name}"
    own = [base for base in value.__mro__ if base.__module__.partition(".")[0].startswith("bioclip_x")]
    fields = list_fields(value, own)
    for field in fields.values():
        yield f"    {field}"
    if "__init__" in vars(value) and not fields:
        yield f"    __init__{format_signature(value.__init__)}"
    members = {key: member for base in reversed(own) for key, member in vars(base).items()}
    for key, member in sorted(members.items()):
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if (key.startswith("_") and key not in ("__call__", "__len__", "__iter__", "__getitem__")) or key in fields:
            continue
        if inspect.isfunction(function):
            yield f"    {key}{format_signature(function)}"
        elif isinstance(function, property) or hasattr(function, "func"):  # a cached property has a func
            yield f"    {key}: a property"


def list_fields(value: type[Any], own: list[type[Any]]) -> dict[str, str]:
    """Returns the fields of a record or model, or the annotated attributes of a protocol, with types and defaults."""
    if dataclasses.is_dataclass(value):
        return {one.name: f"{one.name}: {one.type}{format_default(one)}" for one in dataclasses.fields(value)}
    annotated = {key: kind for base in reversed(own) for key, kind in inspect.get_annotations(base).items()}
    fields = value.model_fields if issubclass(value, BaseModel) else {}
    return {
        key: f"{key}: {format_annotation(kind)}{'' if key not in fields or fields[key].is_required() else ' = …'}"
        for key, kind in annotated.items()
        if not key.startswith(("_", "model_config"))
    }


def format_default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {format_constant(field.default)}"
    return "" if field.default_factory is dataclasses.MISSING else " = …"


def format_constant(value: Any) -> str:
    plain = isinstance(value, str | int | float | bool | bytes | None | tuple)
    return repr(value) if plain else getattr(value, "__name__", type(value).__name__)


def format_signature(function: Callable[..., Any]) -> str:
    """Formats as in the source: equal in all versions of Python."""
    parts, keywords = [], False
    signature = inspect.signature(function)
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not keywords:
            keywords = True
            parts.append("*")
        keywords = keywords or one.kind is one.VAR_POSITIONAL
        stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        kind = "" if one.annotation is one.empty else f": {format_annotation(one.annotation)}"
        default = "" if one.default is one.empty else f" = {format_constant(one.default)}"
        parts.append(f"{stars}{one.name}{kind}{default}")
    returned = signature.return_annotation
    arrow = "" if returned is signature.empty else f" -> {format_annotation(returned)}"
    return f"({', '.join(parts)}){arrow}"


def format_annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation).replace("typing.", "")


def write_command_line() -> Iterator[str]:
    """Yields each command with its arguments and flags."""
    registry = create_registry(own={"cli": commands})
    yield from describe_command(click.Context(program, info_name="bioclip-x", obj=registry))


def describe_command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield context.command_path
    for one in sorted(command.params, key=lambda one: (isinstance(one, click.Option), one.name or "")):
        names = (
            ", ".join([*one.opts, *one.secondary_opts]) if isinstance(one, click.Option) else (one.name or "").upper()
        )
        words = [] if getattr(one, "is_flag", False) else [describe_type(one.type)]
        words += ["several"] if one.multiple or one.nargs != 1 else []  # type: ignore[attr-defined]
        words += ["required"] if one.required else []
        yield f"    {' '.join([names, *words])}"
    if isinstance(command, click.Group):
        for name in sorted(command.list_commands(context)):
            found = command.get_command(context, name)
            assert found is not None
            yield from describe_command(click.Context(found, parent=context, info_name=name))


def describe_type(kind: click.ParamType) -> str:
    return "|".join(map(str, kind.choices)) if isinstance(kind, click.Choice) else kind.name


def write_components() -> Iterator[str]:
    """Yields each built-in component with its options."""
    registry = create_registry()
    for kind in KINDS:
        for name in registry.components(kind):
            if kind != "commands":
                options = (
                    f"{one.name}{'' if one.default is one.empty else '?'}" for one in registry.parameters(kind, name)
                )
                yield f"{kind} {name}: {', '.join(options)}".rstrip(" :")


def write_fields() -> Iterator[str]:
    """Yields the fields of recipes and of training configurations."""
    for title, model in (("recipe", Recipe), ("train", TrainConfig)):
        yield from (title, *(f"    {line}" for line in sorted(flatten(TypeAdapter(model).json_schema()))))


def write_json() -> Iterator[str]:
    """Yields the keys of the JSON documents that commands write, with their types."""
    for title, (_, document) in DOCUMENTS.items():
        schema = TypeAdapter(document).json_schema(mode="serialization")
        yield from (title, *(f"    {line}" for line in sorted(flatten(schema))))


def flatten(schema: Mapping[str, Any]) -> Iterator[str]:
    """Yields a JSON schema as lines `key.key[]: type`."""
    return _flatten(schema, "", schema.get("$defs", {}), ())


def _flatten(schema: Mapping[str, Any], place: str, known: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    if reference := schema.get("$ref", "").rpartition("/")[2]:
        if reference in above:
            yield f"{place}: as above"
        else:
            yield from _flatten(known[reference], place, known, (*above, reference))
        return
    alternatives = schema.get("anyOf") or schema.get("allOf")
    if alternatives:
        for one in alternatives:
            yield from _flatten(one, place, known, above)
    elif schema.get("properties"):
        required = schema.get("required", ())
        for key, value in schema["properties"].items():
            yield from _flatten(value, f"{place}.{key}".lstrip(".") + ("" if key in required else "?"), known, above)
    elif isinstance(schema.get("items"), Mapping) and schema["items"]:
        yield from _flatten(schema["items"], f"{place}[]", known, above)
    elif isinstance(schema.get("additionalProperties"), Mapping) and schema["additionalProperties"]:
        yield from _flatten(schema["additionalProperties"], f"{place}.*", known, above)
    else:
        kinds = schema.get("enum") or ([schema["const"]] if "const" in schema else [schema.get("type", "any")])
        yield f"{place}: {' | '.join(map(str, kinds))}"


def write_tables() -> Iterator[str]:
    """Yields the columns of the tables that commands write."""
    with tempfile.TemporaryDirectory() as folder:
        for name, report in (("csv", CsvReport()), ("parquet", ParquetReport())):
            path = Path(folder, f"o.{name}")
            with report.open(path, make_provenance()) as writer:
                writer.write(make_result())
            yield f"classify --format {name}: {', '.join(read_columns(path))}"
    render = "bioclip_x.cli.render"
    for command, module in {
        "evaluate --format csv": f"{render}.evaluation",
        "evaluate --few-shot --format csv": f"{render}.few_shot",
        "evaluate --probe word-order --format csv": f"{render}.word_order",
        "evaluate --paper --format csv": f"{render}.paper",
        "evaluate --predictions": f"{render}.prediction_table",
        "explain --format csv": f"{render}.descriptor_files",
        "taxonomy diff --format csv": "bioclip_x.cli.taxonomy.diff",
    }.items():
        yield f"{command}: {', '.join(import_module(module).COLUMNS)}"


def read_columns(path: Path) -> list[str]:
    if path.suffix == ".csv":
        return path.read_text("utf-8").splitlines()[0].split(",")
    from pyarrow.parquet import read_schema

    return [f"{field.name} ({field.type})" for field in read_schema(path)]


FILES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "python.txt": write_python,
    "command_line.txt": write_command_line,
    "components.txt": write_components,
    "fields.txt": write_fields,
    "json.txt": write_json,
    "tables.txt": write_tables,
}


def make_text(name: str) -> str:
    """Returns what a file should have."""
    return re.sub(r" at 0x[0-9a-f]+", "", "\n".join(FILES[name]())) + "\n"


if __name__ == "__main__":
    for file in FILES:
        (FOLDER / file).write_text(make_text(file), "utf-8")
