"""`plugins check`: a file, a package's folder, a plugin, a component; what it prints, and its exit status."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bioclip_x.cli.main import main
from bioclip_x.cli.plugins.new import write_package

FAULTY = """
from bioclip_x.plugin import ComponentSpec, Prompt, PromptSet, hookimpl

class Faulty:
    def build(self, request):
        return PromptSet(tuple(Prompt("", c, "faulty") for c in request.classes))

@hookimpl
def text_builders():
    return [ComponentSpec("faulty", "an empty text for each class", f"{__name__}:Faulty")]
"""


@pytest.fixture
def faulty(tmp_path: Path) -> str:
    (tmp_path / "faulty.py").write_text(FAULTY)
    return str(tmp_path / "faulty.py")


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["plugins", "check", *arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_a_fault_in_a_file_is_told(faulty: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, faulty)
    lines = out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  FAILED "))
    assert code == 1 and lines[0] == "text builders: faulty"
    assert lines[at].endswith("Every prompt is a Prompt with a text that is not empty, and a weight above 0")
    assert lines[at + 1] == "          expected a text, got ''"
    assert lines[-1].startswith(f"{out.count('  ok ')} passed, 1 failed, ")


def test_one_reason_of_many_checks_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "breaks.py").write_text(
        FAULTY.replace("    def build", "    def __init__(self):\n        raise OSError('no disk')\n\n    def build")
    )
    code, out, _ = check(capsys, str(tmp_path / "breaks.py"))
    reasons = [line for line in out.splitlines() if line.startswith(" " * 10)]
    assert code == 1 and len(set(reasons)) == len(reasons) == out.count("FAILED") - out.count(": as above")
    assert out.count("OSError: no disk") < out.count(": as above")


def test_json_has_every_check(faulty: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, faulty, "--json")
    document = json.loads(out)
    [component] = document["components"]
    failed = [one for one in component["checks"] if one["result"] == "failed"]
    assert code == 1 and document["failed"] == 1 and document["passed"] == out.count('"passed",') > 8
    assert (component["hook"], component["name"]) == ("text_builders", "faulty")
    assert [(one["name"], one["reason"]) for one in failed] == [("prompts_are_texts", "expected a text, got ''")]


def test_the_folder_of_a_new_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_package("text_builders", "my-texts-of-a-test", tmp_path / "package")
    code, out, _ = check(capsys, str(tmp_path / "package"))
    assert code == 0 and out.startswith("text builders: my-texts-of-a-test\n") and " 0 failed, " in out


@pytest.mark.parametrize(
    ("module", "points"),
    [
        ("points_0", '[project.entry-points.bioclip_x]\nmine = "points_0:plugin"'),
        ("points_1", '[project.entry-points]\nbioclip_x = { mine = "points_1:Own.plugin" }'),
        ("points_2", "[project]\nentry-points.bioclip_x.'mine' = 'points_2'  # a comment"),
    ],
)
def test_every_form_of_entry_points(
    module: str, points: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = "import sys\nplugin = sys.modules[__name__]\nclass Own:\n    plugin = plugin\n"
    (tmp_path / "pyproject.toml").write_text(points)
    (tmp_path / f"{module}.py").write_text(FAULTY.replace('""', '"a bird"') + objects)
    code, out, _ = check(capsys, str(tmp_path))
    assert code == 0 and out.startswith("text builders: faulty\n") and " 0 failed, " in out


def test_the_code_of_the_folder_is_checked_not_an_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed, folder = tmp_path / "site", tmp_path / "folder"
    about = installed / "copied_plugin-0.1.0.dist-info"
    about.mkdir(parents=True)
    folder.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: copied-plugin\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text("[bioclip_x]\ncopied = copied_plugin\n")
    (installed / "copied_plugin.py").write_text(FAULTY.replace('""', '"a bird"'))
    (folder / "copied_plugin.py").write_text(FAULTY)
    (folder / "pyproject.toml").write_text('[project.entry-points.bioclip_x]\ncopied = "copied_plugin"\n')
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.delitem(sys.modules, "copied_plugin", raising=False)
    code, _, err = check(capsys, str(folder))
    assert code == 2 and f"is not that of {folder}, but {installed / 'copied_plugin.py'}; leave" in err
    assert "--plugin no:copied" in err
    monkeypatch.delitem(sys.modules, "copied_plugin")
    code, out, _ = check(capsys, str(folder), "--plugin", "no:copied")
    assert code == 1 and "expected a text, got ''" in out
    monkeypatch.delitem(sys.modules, "copied_plugin")


@pytest.mark.parametrize("arguments", [("flat",), ("flat", "--hook", "heads")])
def test_a_component_by_its_name(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, *arguments)
    assert code == 0 and out.startswith("heads: flat\n")


def test_every_component_of_a_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = check(capsys, "builtin", "--hook", "prompts")
    assert code == 0 and [line for line in out.splitlines() if line.startswith("prompts: ")] == [
        "prompts: cbd",
        "prompts: exemplar",
        "prompts: exemplar-background",
    ]


def test_options_and_examples_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text("Parus major\n")
    assert "needs its option file" in check(capsys, "species-list")[1]
    code, out, _ = check(capsys, "species-list", "--option", f"file={tmp_path / 'list.txt'}")
    assert code == 0 and "needs" not in out
    (tmp_path / "birds.csv").write_text("genus,species\nParus,Parus major\n")
    code, out, _ = check(capsys, "parquet", "--example", f"file={tmp_path / 'birds.csv'}")
    assert code == 1 and "expected sniff to recognise birds.csv, got False" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing-of-this-name",), "no plugin and no module is called 'nothing-of-this-name'"),
        (("missing.py",), "the plugin file missing.py does not exist"),
        (("nothing",), "nothing is no package: it has no pyproject.toml"),
        (("other",), "names no plugin; expected [project.entry-points.bioclip_x]"),
        (("broken",), "pyproject.toml cannot be read: "),
        (("builtin", "--hook", "models"), "the plugin 'builtin' has no component of models to check"),
        (("flat", "--option", "x"), "--option x: expected KEY=VALUE"),
        (("flat", "--example", "x=[1"), "--example x=[1: '[1' is not a YAML value"),
    ],
)
def test_what_cannot_be_checked(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/pyproject.toml").write_text("[project")
    (tmp_path / "other/pyproject.toml").write_text('[project]\nname = "other"\n')
    code, _, err = check(capsys, *arguments)
    assert code != 0 and told in err


def test_what_configure_sets_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "from bioclip_x.plugin import hookimpl\n\n@hookimpl\ndef configure():\n    return {'k': %s}\n"
    (tmp_path / "good.py").write_text(code % 3)
    status, out, err = check(capsys, str(tmp_path / "good.py"))
    assert (status, out) == (0, "0 passed, 0 failed, 0 not applicable\n") and err == "no component; hooks: configure\n"
    (tmp_path / "bad.py").write_text(code % "'many'")
    status, _, err = check(capsys, str(tmp_path / "bad.py"))
    assert status == 2 and "k: expected a valid integer" in err


def test_a_plugin_without_hooks_has_nothing_to_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.py").write_text("")
    status, _, err = check(capsys, str(tmp_path / "empty.py"))
    assert status == 2 and err.startswith("error: ")
