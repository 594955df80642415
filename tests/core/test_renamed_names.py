"""Old names go on working, with a warning, until their time is over; each kind of name, on made-up ones."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml

from bioclip_x import hookimpl, plugin, renamed_names
from bioclip_x.cli.main import main
from bioclip_x.errors import OldNameWarning, RecipeError, TrainingError
from bioclip_x.hooks import capabilities, specs
from bioclip_x.hooks.capabilities import CAPABILITIES
from bioclip_x.hooks.registry import Registry, create_registry
from bioclip_x.hooks.specs import hookspec
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.renamed_names import RENAMED, Renamed, accepts_old_names, rename_flags, rename_keys
from bioclip_x.training.config import make_config, read_config

RECORDS = [*CAPABILITIES.values(), capabilities.LoadedEncoderCapabilities, capabilities.TrainableEncoderCapabilities]


@pytest.fixture(autouse=True)
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renamed_names, "__version__", "0.4.1")


def rename(monkeypatch: pytest.MonkeyPatch, place: str, old: str, new: str, until: str = "0.5") -> None:
    monkeypatch.setitem(RENAMED, place, RENAMED.get(place, {}) | {old: Renamed(new, "0.3", until)})


def said(place: str, old: str, new: str) -> str:
    return f"^{place}: '{old}' is called '{new}' since bioclip-x 0.3; write '{new}', since '{old}' will be an error in 0.5$"


def over(place: str, old: str, new: str) -> str:
    return f"{place}: '{old}' is called '{new}' since bioclip-x 0.3; write '{new}'$"


def test_a_name_of_the_plugin_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    rename(monkeypatch, "bioclip_x.plugin", "RollUp", "roll_up")
    with pytest.warns(DeprecationWarning, match=said("bioclip_x.plugin", "RollUp", "roll_up")) as warned:
        from bioclip_x.plugin import RollUp  # type: ignore[attr-defined]
    assert RollUp is plugin.roll_up and warned[0].filename == __file__
    assert "RollUp" not in dir(plugin)
    rename(monkeypatch, "bioclip_x.plugin", "RollUp", "roll_up", until="0.4")
    with pytest.raises(ImportError, match=over("bioclip_x.plugin", "RollUp", "roll_up")):
        from bioclip_x.plugin import RollUp


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_field_of_capabilities(monkeypatch: pytest.MonkeyPatch, record: type[Any]) -> None:
    new = next(iter(inspect.signature(record).parameters))
    rename(monkeypatch, record.__name__, "formerly", new)
    value = getattr(record(), new)
    with pytest.warns(DeprecationWarning, match=said(record.__name__, "formerly", new)) as warned:
        made = record(formerly=value)
    assert made == record(**{new: value}) and warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=said(record.__name__, "formerly", new)) as warned:
        assert made.formerly == value
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match=f"'formerly' and '{new}' are the same"):
        record(**{"formerly": "a", new: "b"})
    rename(monkeypatch, record.__name__, "formerly", new, until="0.4.1")
    with pytest.raises(TypeError, match=over(record.__name__, "formerly", new)):
        record(formerly=value)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_name_that_never_was(record: type[Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'never'"):
        record(never=1)
    with pytest.raises(AttributeError, match=f"'{record.__name__}' object has no attribute 'never'"):
        _ = record().never
    assert pickle.loads(pickle.dumps(record())) == copy.deepcopy(record()) == record()


def test_the_signature_of_a_record_stays() -> None:
    @accepts_old_names
    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

    assert Point(x=1).x == 1 and str(inspect.signature(Point)) == "(x: 'int') -> 'None'"


def test_an_argument_of_a_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    rename(monkeypatch, "hook sighted", "picture", "image")

    class Specs:  # marked while the table has its entry
        @staticmethod
        @hookspec(since=2)
        def sighted(image: str, picture: str) -> None:
            """Called with an image, which was called a picture."""

    registry = Registry()
    registry.manager.add_hookspecs(Specs)
    assert registry.manager.hook.sighted.spec.function.since == 2

    class Old:
        @hookimpl
        def sighted(self, picture: str) -> str:
            return f"old {picture}"

    class New:
        @hookimpl
        def sighted(self, image: str) -> str:
            return f"new {image}"

    with pytest.warns(DeprecationWarning, match=said("hook sighted", "picture", "image")) as warned:
        registry.register("old", Old(), "here")
    assert warned[0].filename == __file__  # of the plugin, and its line
    registry.register("new", New(), "here")
    assert set(registry.notify("sighted", image="a.jpg")) == {"old a.jpg", "new a.jpg"}


def test_the_argument_of_configure(monkeypatch: pytest.MonkeyPatch) -> None:
    rename(monkeypatch, "hook configure", "settings", "recipe")

    def configure(recipe: Any, settings: Any) -> Any:
        """As the hook, with an argument's old name in its signature."""

    monkeypatch.setattr(specs, "configure", hookspec(configure))
    registry = create_registry()

    class Old:
        @hookimpl
        def configure(self, settings: Any) -> dict[str, Any]:
            return {"k": settings.k + 2}

    with pytest.warns(DeprecationWarning, match=said("hook configure", "settings", "recipe")):
        registry.register("old", Old(), "here")
    assert resolve_recipe(registry, plugins=["old"]).k == 7


def test_a_field_of_the_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rename(monkeypatch, "recipe", "top_k", "k")
    registry, told = create_registry(), said("recipe", "top_k", "k")

    class Old:
        @hookimpl
        def configure(self, recipe: Any) -> dict[str, Any]:
            return {"top_k": 4}

    registry.register("old", Old(), "here")
    file = tmp_path / "recipe.yaml"
    file.write_text("top_k: 2\n")
    for given in ({"file": file}, {"flags": {"top_k": 2}}, {"defaults": {"top_k": 2}}, {"plugins": ["old"]}):
        with pytest.warns(OldNameWarning, match=told):
            assert resolve_recipe(registry, **given).k == (4 if "plugins" in given else 2)
    with pytest.warns(OldNameWarning), pytest.raises(RecipeError, match="'top_k' and 'k' are the same; give 'k' only"):
        resolve_recipe(registry, flags={"top_k": 2, "k": 3})
    with pytest.warns(OldNameWarning):
        assert resolve_recipe(registry, flags={"top_k": 2, "k": None}).k == 2  # as the command line's flags
    rename(monkeypatch, "recipe", "top_k", "k", until="0.4")
    with pytest.raises(RecipeError, match=over("recipe", "top_k", "k")):
        resolve_recipe(registry, file=file)


def test_a_field_of_a_training_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rename(monkeypatch, "train", "rounds", "epochs")
    data = "data: {name: manifest, path: a.csv}"
    text = f"model: a/b\ntaxonomy: t.csv\ntext: taxonomic\n{data}\nbatch_size: 8\n"
    base, file = tmp_path / "base.yaml", tmp_path / "train.yaml"
    base.write_text(f"{text}epochs: 3\n")
    file.write_text("extends: base.yaml\nrounds: 5\n")
    told = said("train", "rounds", "epochs")
    with pytest.warns(OldNameWarning, match=told):
        assert read_config(file).epochs == 5
    with pytest.warns(OldNameWarning, match=told):
        assert read_config(base, {"rounds": 4}).epochs == 4
    with pytest.warns(OldNameWarning, match=told):
        assert make_config(dict(base=tmp_path, rounds=6, **yaml.safe_load(text))).epochs == 6
    rename(monkeypatch, "train", "rounds", "epochs", until="0.4")
    with pytest.raises(TrainingError, match=over("train", "rounds", "epochs")):
        read_config(file)


def test_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    rename(monkeypatch, "flags", "--calm", "--quiet")
    rename(monkeypatch, "recipe", "say_why", "explain")
    with pytest.warns(OldNameWarning) as warned:
        given = rename_flags(["classify", "--calm", "--no-say-why", "--say-why=1", "--k", "3", "--", "--calm"])
    assert given == ["classify", "--quiet", "--no-explain", "--explain=1", "--k", "3", "--", "--calm"]
    assert str(warned[0].message) == (
        "flags: '--calm' is called '--quiet' since bioclip-x 0.3; write '--quiet', since '--calm' will be an error in 0.5"
    )
    assert len(warned) == 3
    rename(monkeypatch, "flags", "--calm", "--quiet", until="0.4")
    with pytest.raises(RecipeError, match=over("flags", "--calm", "--quiet")):
        rename_flags(["--calm"])


def test_the_command_line_prints_old_names_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rename(monkeypatch, "flags", "--as", "--format")
    with pytest.raises(SystemExit) as ended:
        main(["models", "--as", "json"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and out.startswith("[")
    assert err == (
        "warning: flags: '--as' is called '--format' since bioclip-x 0.3; write '--format', since '--as' will be an error in "
        "0.5\n"
    )


def test_a_value_under_both_names_is_refused() -> None:
    assert rename_keys("nowhere", {"a": 1, "b": None}, error=RecipeError) == {"a": 1, "b": None}


def test_the_table_is_in_order() -> None:
    """Entries of this release: the new name exists, and the two are some releases apart."""
    for place, names in RENAMED.items():
        for old, renamed in names.items():
            assert renamed.new not in names, (place, old)
            if place == "bioclip_x.plugin":
                assert renamed.new in plugin.__all__ and old not in plugin.__all__
