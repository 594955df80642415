from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bioclip_x.cli.main import main
from bioclip_x.cli.recipe_flags import resolve
from bioclip_x.hooks.registry import create_registry
from bioclip_x.settings import Schema


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["config", *arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("model: ViT-B-32/random\nlanguage: de\ndevice: cpu\n")
    monkeypatch.setenv("BIOCLIP_X_CONFIG", str(path))
    monkeypatch.setenv("BIOCLIP_X_LANGUAGE", "fr")
    return path


def test_every_setting_with_its_value_and_origin(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--format", "json")
    document = json.loads(out)
    rows = document["settings"]
    assert code == 0 and document["file"] == str(file) and document["exists"]
    assert list(rows) == [*Schema.model_fields, "plugins", "trace"]
    shown = {name: (row["value"], row["from"], row["where"]) for name, row in rows.items()}
    assert shown["model"] == ("ViT-B-32/random", "file", str(file))
    assert shown["language"] == ("fr", "environment", "BIOCLIP_X_LANGUAGE")
    assert shown["batch_size"] == (32, "default", None) and shown["workers"] == (None, "default", None)
    assert rows["batch_size"]["variable"] == "BIOCLIP_X_BATCH_SIZE"
    code, out, _ = run(capsys)
    assert code == 0 and "ViT-B-32/random" in out and "BIOCLIP_X_LANGUAGE" in out and str(file) in "".join(out.split())


def test_path_even_of_a_file_that_is_broken(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("modle: x\n")
    assert run(capsys, "--path") == (0, f"{file}\n", "")
    code, out, err = run(capsys)
    assert (code, out) == (2, "") and "no setting is called 'modle'" in err and err.count("\n") == 1


def test_stray_variables_are_named_and_their_values_are_not(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIOCLIP_X_API_KEY", "sk-12345")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-67890")
    for arguments in ((), ("--format", "json")):
        _, out, err = run(capsys, *arguments)
        assert "BIOCLIP_X_API_KEY" in out + err
        assert "sk-" not in out + err


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom bioclip_x.cli.main import main\n"
        "try:\n    main(['config'])\nexcept SystemExit as done:\n    assert done.code == 0, done.code\n"
        "heavy = {'torch', 'open_clip', 'numpy', 'PIL', 'pyarrow', 'networkx'} & sys.modules.keys()\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_lie_below_recipe_files_plugins_and_flags(file: Path, tmp_path: Path) -> None:
    registry = create_registry()
    recipe, told = resolve(registry, file=None, plugins=[], flags={})
    assert (recipe.model, recipe.language, recipe.device) == ("ViT-B-32/random", "fr", "cpu")
    assert told == (
        "set by this machine's user: model ViT-B-32/random (configuration file), device cpu (configuration file), "
        "language fr (BIOCLIP_X_LANGUAGE)",
    )
    assert str(file) not in told[0], "outputs are published"
    given = tmp_path / "recipe.yaml"
    given.write_text("language: es\nmodel: bioclip\n")
    recipe, told = resolve(registry, file=given, plugins=["rollup"], flags={"device": "mps"})
    assert (recipe.model, recipe.language, recipe.device, told) == ("bioclip", "es", "mps", ())


def test_classify_says_what_came_from_the_settings(
    tiny_model: str, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIOCLIP_X_MODEL", tiny_model)
    with pytest.raises(SystemExit):
        main(["classify", "--labels", "a,b", "--format", "jsonl", str(pictures)])
    out, err = capsys.readouterr()
    about = json.loads(out.splitlines()[0])["provenance"]
    assert (
        about["model"] == tiny_model
        and about["notes"][0] == f"set by this machine's user: model {tiny_model} (BIOCLIP_X_MODEL)"
    )
    assert about["notes"][0] in err
