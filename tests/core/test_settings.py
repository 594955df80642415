"""Settings from a file and from variables, which take precedence."""

from __future__ import annotations

from pathlib import Path

import pytest

from bioclip_x import Classifier
from bioclip_x.errors import SettingsError
from bioclip_x.settings import (
    Schema,
    find_cache_folder,
    find_config_file,
    find_default_cache_folder,
    load_settings,
    name_variable,
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file for the test, without variables."""
    path = tmp_path / "config.yaml"
    path.write_text("model: bioclip-2\nbatch_size: 8\ncache: scratch\n")
    monkeypatch.setenv("BIOCLIP_X_CONFIG", str(path))
    monkeypatch.delenv("BIOCLIP_X_CACHE")
    monkeypatch.delenv("BIOCLIP_X_DATA")
    return path


def test_variables_override_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOCLIP_X_BATCH_SIZE", "16")
    monkeypatch.setenv("BIOCLIP_X_DEVICE", "cpu")
    monkeypatch.setenv("BIOCLIP_X_MODEL", "")
    settings = load_settings()
    assert settings.values == {
        "model": "bioclip-2",
        "batch_size": 16,
        "device": "cpu",
        "cache": file.parent / "scratch",
    }
    assert settings.origins == {
        "model": str(file), "batch_size": "BIOCLIP_X_BATCH_SIZE", "device": "BIOCLIP_X_DEVICE", "cache": str(file),
    }  # fmt: skip


def test_every_setting_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "model": "m",
        "device": "d",
        "precision": "fp32",
        "batch_size": "1",
        "workers": "2",
        "language": "de",
        "cache": "c",
        "cache_size": "2.5",
        "data": "d",
    }
    assert given.keys() == Schema.model_fields.keys()
    for name, text in given.items():
        monkeypatch.setenv(name_variable(name), text)
    assert {name: str(value) for name, value in load_settings().values.items()} == given


def test_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("# nothing\n")
    assert load_settings().values == {}
    monkeypatch.delenv("BIOCLIP_X_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    assert find_config_file().parts[-2:] == ("bioclip-x", "config.yaml")
    assert load_settings().values == {} and find_cache_folder() == find_default_cache_folder()


def test_the_cache_folder_is_the_one_set(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_cache_folder() == tmp_path / "scratch"
    file.write_text("cache: ~/scratch\n")
    assert find_cache_folder() == Path("~/scratch").expanduser()
    monkeypatch.setenv("BIOCLIP_X_CACHE", str(tmp_path / "mine"))
    assert find_cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("BIOCLIP_X_CACHE", "~/mine")
    assert find_cache_folder() == Path("~/mine").expanduser()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modle: x\n", r"config.yaml: no setting is called 'modle'; known: model, device, .*, cache, cache_size, data"),
        ("workers: 0\n", "config.yaml: workers: expected a number greater than or equal to 1, got 0"),
        ("precision: fp8\n", "config.yaml: precision: expected 'auto', 'fp32', 'fp16' or 'bf16', got 'fp8'"),
        ("model: ' '\n", "config.yaml: model: expected a name, got a blank"),
        ("model: [a]\n", r"config.yaml: model: expected a valid string, got \['a'\]"),
        ("- model\n", "expected settings such as `device: cpu`, got a list"),
        ("model: a\nmodel: b\n", "line 2: .*'model' is given twice"),
    ],
)
def test_invalid_files(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_the_value_of_an_unknown_setting_is_not_shown(file: Path) -> None:
    file.write_text("api_key: sk-12345\n")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "api_key" in str(error.value) and "sk-12345" not in str(error.value)


def test_invalid_variables(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOCLIP_X_BATCH_SIZE", "many")
    with pytest.raises(SettingsError, match=r"^BIOCLIP_X_BATCH_SIZE: .* valid integer.*, got 'many'"):
        load_settings()
    monkeypatch.setenv("BIOCLIP_X_CONFIG", str(file.parent / "gone.yaml"))
    with pytest.raises(SettingsError, match=r"BIOCLIP_X_CONFIG names .*gone.yaml, which does not exist"):
        load_settings()


def test_the_library_ignores_settings(file: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Classifier` depends only on its arguments, except for the cache folder."""
    monkeypatch.setenv("BIOCLIP_X_LANGUAGE", "de")
    monkeypatch.setenv("BIOCLIP_X_DEVICE", "no-such-device")
    recipe = Classifier(tiny_model, labels=("a", "b")).recipe
    assert (recipe.language, recipe.batch_size, recipe.device) == ("en", 32, "auto")
    assert [path.name for path in (file.parent / "scratch").iterdir()] == ["banks"]
