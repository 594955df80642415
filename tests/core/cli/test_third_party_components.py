"""Encoders, taxonomy readers and reports of a plugin's file in the commands that list and write; what plugins print; clashes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bioclip_x import ComponentSpec, hookimpl
from bioclip_x.cli.main import main

PLUGIN = '''
import contextlib
from bioclip_x.plugin import (
    ComponentSpec, EncoderCapabilities, KnownModel, OwnClasses, ReportCapabilities, from_labels, hookimpl, open_output
)

print("noise at import")

class Encoder:
    capabilities = EncoderCapabilities(lists_models=True, brings_classes=True)
    def load(self, model, *, name, device, precision, preprocess):
        raise NotImplementedError
    def known_models(self):
        print("noise of a component")
        return [KnownModel("their-model", "x", "of a plugin", "ViT", 8, 16, "squash", "MIT", "2 classes", True, None)]
    def own_classes(self, model, *, name, embeddings):
        return OwnClasses(TAXONOMY)

class Reader:
    def sniff(self, path, head):
        return head.startswith(b"%lines")
    def read(self, path):
        return from_labels(path.read_text().split()[1:])

class Lines:
    """One line per image."""
    capabilities = ReportCapabilities(suffixes=(".lines",))
    @contextlib.contextmanager
    def open(self, output, provenance):
        with open_output(output) as stream:
            yield Writer(stream)

class Writer:
    def __init__(self, stream):
        self.stream = stream
    def write(self, result):
        self.stream.write(f"seen {result.source[-5:]}\\n")

@hookimpl
def encoders():
    return [ComponentSpec("theirs", "", f"{__name__}:Encoder")]
@hookimpl
def taxonomy_readers():
    return [ComponentSpec("lines", "", f"{__name__}:Reader")]
@hookimpl
def reports():
    return [ComponentSpec("lines", "", f"{__name__}:Lines")]
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "theirs.py").write_text(
        PLUGIN.replace("OwnClasses, ", "").replace("OwnClasses(TAXONOMY)", "None"), "utf-8"
    )
    return tmp_path / "theirs.py"


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.mark.parametrize("place", ["before", "after"])
def test_models_lists_those_of_another_encoder(place: str, plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flag, command = ["--plugin", plugin], ["models", "their-model", "--format", "json"]
    status, out, err = run(capsys, *([*flag, *command] if place == "before" else [*command, *flag]))
    assert status == 0 and json.loads(out)["summary"] == "of a plugin", "nothing that is printed is in the document"
    assert "noise at import" in err and "noise of a component" in err


def test_plugins_list_and_show_know_it(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "plugins", "list", "--plugin", plugin, "--json", "--hook", "encoders")
    assert status == 0 and "theirs" in [one["name"] for one in json.loads(out)["components"]]
    status, out, _ = run(capsys, "plugins", "show", "lines", "--hook", "reports", "--plugin", plugin)
    assert status == 0 and "One line per image." in out and "no options" in out


def test_taxonomy_list_reads_another_format(plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.lines").write_text("%lines\nalpha\nbeta\n")
    status, out, _ = run(capsys, "taxonomy", "list", tmp_path / "a.lines", "--plugin", plugin)
    assert status == 0 and [row["name"] for row in csv.DictReader(out.splitlines())] == ["alpha", "beta"]
    status, _, err = run(capsys, "taxonomy", "list", tmp_path / "a.lines")
    assert status == 2 and err.startswith("error: ")


def test_a_report_is_named_before_its_file(
    plugin: Path, tmp_path: Path, tiny_model: str, birds_csv: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = (
        "classify",
        pictures / "a.png",
        "--model",
        tiny_model,
        "--taxonomy",
        birds_csv,
        "--plugin",
        plugin,
        "--format",
        "json",
    )
    status, out, _ = run(
        capsys, *same, "--report", f"lines:{tmp_path / 'named.txt'}", "--report", tmp_path / "by-suffix.lines"
    )
    assert status == 0 and json.loads(out)
    for name in ("named.txt", "by-suffix.lines"):
        assert (tmp_path / name).read_text() == "seen a.png\n"
    status, _, err = run(capsys, *same, "--report", f"liness:{tmp_path / 'named.txt'}")
    assert status == 2 and "no report is called 'liness'; " in err and "did you mean 'lines'" in err


@pytest.fixture
def clash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs another plugin with a head called rollup."""
    import importlib.metadata

    class Plugin:
        @hookimpl
        def heads(self) -> list[ComponentSpec]:
            return [ComponentSpec("rollup", "another", "somewhere:Rollup")]

    class Point:
        name, value = "other", "other"
        dist = type("Dist", (), {"name": "somebodys-package", "version": "3.2"})()

        def load(self) -> object:
            return Plugin()

    real = importlib.metadata.entry_points(group="bioclip_x")
    monkeypatch.setattr("bioclip_x.hooks.registry.entry_points", lambda group: [*real, Point()])


@pytest.mark.usefixtures("clash")
def test_a_clash_stops_only_what_needs_the_component(
    tiny_model: str, birds_csv: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    way_out = "leave one out with --plugin no:other"
    for arguments in (["--help"], ["plugins", "list"], ["models"]):
        status, out, err = run(capsys, *arguments)
        assert (
            status == 0
            and out
            and err.startswith("warning: two plugins provide a head called 'rollup'")
            and way_out in err
        )
    assert "  clash: two plugins provide a head called 'rollup': builtin" in run(capsys, "plugins", "list")[1]
    found = json.loads(run(capsys, "plugins", "list", "--json")[1])
    assert way_out in found["clashes"][0]
    plugins = [one["plugin"] for one in found["components"] if (one["hook"], one["name"]) == ("heads", "rollup")]
    assert plugins == ["builtin", "other"]
    _, heads, _ = run(capsys, "plugins", "list", "--hook", "heads")
    assert heads.startswith("clash: two plugins provide a head called 'rollup'")
    assert [line.split()[-1] for line in heads.splitlines() if line.startswith("  rollup ")] == ["[builtin]", "[other]"]
    assert "clash" not in run(capsys, "plugins", "list", "--hook", "losses")[1]
    same = (
        "classify",
        pictures / "a.png",
        "--model",
        tiny_model,
        "--taxonomy",
        birds_csv,
        "--format",
        "csv",
        "--quiet",
    )
    assert run(capsys, *same)[0] == 0
    status, out, err = run(capsys, *same, "--head", "rollup")
    assert (status, out) == (2, "") and err.splitlines()[-1].startswith("error: two plugins provide") and way_out in err
    status, out, err = run(capsys, *same, "--head", "rollup", "--plugin", "no:other")
    assert (status, err) == (0, "") and out


def test_an_unknown_plugin_to_leave_out_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "models", "--plugin", "no:rolup")
    assert (status, out) == (2, "") and "the plugin 'rolup' is not installed" in err and "did you mean 'rollup'?" in err
