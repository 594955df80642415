"""The generated pages are up to date, every page is in the navigation, and names in pages exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from docs.writers import command_line, components, json_schemas, markdown, security
from docs.writers.pages import make_pages, make_registry
from docs.writers.python_names import find_origins
from pydantic import TypeAdapter

import bioclip_x.testing
from bioclip_x import Classifier
from bioclip_x.cli.main import main
from bioclip_x.hooks.components import KINDS
from bioclip_x.hooks.specs import hookimpl
from bioclip_x_plugins.reports.tables.json_types import ResultDocument, ResultsDocument

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TREES = ("core", "plugins", "prompts")
ROOTS = ("", "core", "plugins", "core/bioclip_x", "plugins/bioclip_x_plugins")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return make_pages()


def test_generated_pages_are_up_to_date(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        assert (DOCS / name).read_text("utf-8") == text, f"{name}: run `python -m docs.writers`"
    assert {path.name for path in (DOCS / "reference").iterdir()} == {Path(name).name for name in pages}


def test_the_limits_and_the_corpus_are_on_the_page_on_security() -> None:
    page = security.PAGE.read_text("utf-8")
    assert page == security.fill_page(page), "run `python -m docs.writers`"
    assert all(one.section and one.meaning.endswith(".") for one in security.list_limits())


def test_the_corpus_of_the_results_is_that_of_the_tests() -> None:
    """Each area is in the results, with its cases and no fault: `python tests/hostile/run.py --processes --results …`."""
    from hostile.corpus import load_corpus

    areas = json.loads(security.RESULTS.read_text("utf-8"))["areas"]
    assert {area: row["cases"] for area, row in areas.items()} == {
        area: len(cases) for area, cases in load_corpus().items()
    }
    assert not any(count for row in areas.values() for fault, count in row.items() if fault != "cases")


def test_every_component_and_option_is_on_the_page(pages: dict[str, str]) -> None:
    registry = make_registry()
    page = pages["reference/components.md"]
    for kind in KINDS:
        for name in registry.components(kind) if kind != "commands" else ():
            _, found, rest = page.partition(f"### {kind.replace('_', ' ')}: {name}\n")
            assert found, (kind, name)
            section = re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]
            for parameter in registry.parameters(kind, name):
                [row] = [line for line in section.splitlines() if line.startswith(f"| `{parameter.name}`")]
                assert not row.endswith("|  |"), (
                    f"the docstring of {kind}: {name} does not say what {parameter.name} is"
                )


def test_every_option_of_the_command_line_is_on_the_page(pages: dict[str, str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "bioclip_x", "classify", "--help"], capture_output=True, text=True, check=True
    ).stdout
    section = pages["reference/command-line.md"].partition("## bioclip-x classify\n")[2].partition("\n## ")[0]
    options = re.findall(r"^ +(--[a-z-]+)", shown, re.MULTILINE)
    assert len(options) > 20
    for option in options:
        assert f"`{option}" in section, option


def test_every_public_name_is_on_a_page(pages: dict[str, str]) -> None:
    listed = {
        line.removeprefix("::: ") for page in pages.values() for line in page.splitlines() if line.startswith("::: ")
    }
    for module in ("bioclip_x", "bioclip_x.plugin", "bioclip_x.testing"):
        for name, path in find_origins(module).items():
            if path.startswith("bioclip_x") and name != "__version__":
                assert path in listed or any(f"| `{name}` |" in page for page in pages.values()), path
                where, _, attribute = path.rpartition(".")
                assert getattr(import_module(where), attribute) is getattr(import_module(module), name), path
    assert find_origins("bioclip_x")["hookimpl"] == "bioclip_x.hooks.specs.hookimpl" and hookimpl
    assert set(bioclip_x.testing.__all__) == set(find_origins("bioclip_x.testing"))


@pytest.mark.parametrize(
    ("format_", "document"), [("json", ResultsDocument), ("jsonl", ResultDocument)], ids=["json", "jsonl"]
)
def test_results_are_as_their_schema_says(format_: str, document: Any, tmp_path: Path) -> None:
    """Validated with unknown keys refused."""
    file = tmp_path / f"names.{format_}"
    drawings = ROOT / "examples" / "drawings"
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    images = [drawings / "amanita-muscaria.png", tmp_path / "broken.jpg"]
    Classifier(plugins=["descriptors", "rollup"], heat_maps=True).write(images, file)
    text = file.read_text("utf-8")
    documents = [json.loads(text)] if format_ == "json" else [json.loads(line) for line in text.splitlines()[1:]]
    for one in documents:
        TypeAdapter(document).validate_python(one, strict=True)
        check_keys(one, json_schemas.make_schema(document), json_schemas.make_schema(document))


@pytest.mark.parametrize(
    ("title", "command"),
    [
        ("Evaluation", "evaluate field-guide:count=30 --plugin descriptors --format json"),
        ("Few-shot evaluation", "evaluate field-guide:count=400 --few-shot 1 --folds 2 --format json"),
        ("Word order", "evaluate field-guide:count=30 --probe word-order --format json"),
        ("A paper's table", "evaluate --paper cbd-cub --format json"),
        ("Descriptors of a data set", "explain field-guide:count=60 --plugin descriptors --format json"),
        ("Embeddings", "embed examples/drawings --format json"),
        ("Embeddings", "embed --texts tit,oak --format json"),
        ("Checked descriptors", "describe --check DESCRIPTORS --format json"),
        ("Classes of a taxonomy", "taxonomy list BIRDS --format json"),
        ("Checked taxonomies", "taxonomy validate BIRDS BROKEN --format json"),
        ("Compared taxonomies", "taxonomy diff BIRDS FEWER --format json"),
        ("Models", "models --format json"),
        ("Plugins", "plugins list --json"),
        ("Checked plugins", "plugins check hedge --json"),
        ("Settings", "config --format json"),
        ("Cache", "cache info --format json"),
    ],
    ids=lambda value: value.partition(" -")[0],
)
def test_outputs_are_as_their_schema_says(
    title: str, command: str, birds_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown keys are refused, but those that the page names."""
    lines = birds_csv.read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "fewer.csv").write_text("".join(lines[:-1]), "utf-8")
    (tmp_path / "broken.csv").write_text("species,parent\n", "utf-8")
    (tmp_path / "descriptors.json").write_text('{"great tit": ["a black head", "which is a bird"]}', "utf-8")
    paths = {"BIRDS": birds_csv, "FEWER": tmp_path / "fewer.csv", "BROKEN": tmp_path / "broken.csv"}
    paths |= {"DESCRIPTORS": tmp_path / "descriptors.json", "examples/drawings": ROOT / "examples" / "drawings"}
    with pytest.raises(SystemExit) as done:
        main([str(paths.get(word, word)) for word in command.split()])
    assert (done.value.code or 0) == (2 if "BROKEN" in command else 0)
    about, document = json_schemas.DOCUMENTS[title]
    value = drop_keys(json.loads(capsys.readouterr().out), re.findall(r"`(\w+)`", about))
    TypeAdapter(document).validate_json(json.dumps(value), strict=True)
    check_keys(value, json_schemas.make_schema(document), json_schemas.make_schema(document))


def drop_keys(value: Any, keys: list[str]) -> Any:
    """Leaves out, at any depth, the keys that the page describes in words."""
    if isinstance(value, list):
        return [drop_keys(one, keys) for one in value]
    if isinstance(value, dict):
        return {key: drop_keys(one, keys) for key, one in value.items() if key not in keys}
    return value


def check_keys(value: Any, schema: dict[str, Any], whole: dict[str, Any]) -> None:
    """No object has a key that its schema does not have, nor lacks a required one."""
    for one in [schema, *schema.get("anyOf", [])]:
        if "$ref" in one:
            one = whole["$defs"][one["$ref"].rpartition("/")[2]]
        if isinstance(value, dict) and "properties" in one:
            assert set(one.get("required", ())) <= set(value) <= set(one["properties"])
            for key, child in value.items():
                check_keys(child, one["properties"][key], whole)
        if isinstance(value, list) and "items" in one:
            for child in value:
                check_keys(child, one["items"], whole)


def test_every_page_is_in_the_navigation() -> None:
    project = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]

    def list_pages(entries: Any) -> list[str]:
        if isinstance(entries, str):
            return [entries]
        several = entries if isinstance(entries, list) else entries.values()
        return [page for one in several for page in list_pages(one)]

    listed = list_pages(project["nav"])
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", ["architecture.md", "numerics.md"])
def test_names_in_a_page_exist(page: str) -> None:
    """Paths of files, and dotted names of modules, classes and functions."""
    text = (DOCS / page).read_text("utf-8").replace("plugins/…/", "plugins/bioclip_x_plugins/")
    quoted = set(re.findall(r"`([^`\n]+)`", text))
    paths = {one for one in quoted if re.fullmatch(r"[\w./-]+/[\w.-]*", one)}
    dotted = {one for one in quoted if re.fullmatch(r"bioclip_x\w*(\.\w+)+", one)}
    assert len(paths | dotted) > 20
    for path in paths:
        assert any((ROOT / tree / path).exists() for tree in ROOTS), path
    files = {path.name for tree in TREES for path in (ROOT / tree).rglob("*.py")}
    assert {one for one in quoted if re.fullmatch(r"\w+\.py", one)} <= files
    for name in dotted:
        assert find_attribute(name) is not None, name


def find_attribute(name: str) -> Any:
    """Imports as much of a dotted name as is a module; the rest are attributes, or fields of a record."""
    parts = name.split(".")
    for i in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:i]))
        except ModuleNotFoundError:
            continue
        for part in parts[i:]:
            annotations = getattr(found, "__annotations__", {})
            found = getattr(found, part, annotations.get(part))
        return found
    return None


def test_doctests_of_the_writers() -> None:
    import doctest

    for module in (command_line, components, json_schemas, markdown, security):
        assert not doctest.testmod(module).failed
