"""`plugins new`: for every hook, a package that passes its own tests at once."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bioclip_x.cli.main import main
from bioclip_x.cli.plugins.new import HOOKS, make_files, write_package
from bioclip_x.errors import PluginError
from bioclip_x.hooks import specs
from bioclip_x.hooks.components import KINDS


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Hook → the number of tests passed by its new package, and what failed. All packages are installed, and run at once."""
    base = tmp_path_factory.mktemp("packages")
    for hook in HOOKS:
        write_package(hook, name_of(hook), base / hook)
        module = f"bioclip_x_{name_of(hook).replace('-', '_')}"
        installed = base / hook / "src" / f"{module}-0.1.0.dist-info"  # what pip writes
        installed.mkdir()
        (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bioclip-x-{name_of(hook)}\nVersion: 0.1.0\n")
        (installed / "entry_points.txt").write_text(f"[bioclip_x]\n{name_of(hook)} = {module}\n")
    path = [*(str(base / hook / "src") for hook in HOOKS), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junitxml=results.xml",
        "--import-mode=importlib",
    ]
    subprocess.run(
        [*command, *HOOKS], cwd=base, env=os.environ | {"PYTHONPATH": os.pathsep.join(path)}, capture_output=True, check=False
    )  # fmt: skip
    found = {hook: (0, "") for hook in HOOKS}
    for case in ElementTree.parse(base / "results.xml").iter("testcase"):
        hook = str(case.get("classname")).rpartition("test_bioclip_x_my_")[2]
        passed, failed = found[hook]
        problem = " ".join(
            str(one.get("message")) + (one.text or "") for one in (*case.iter("failure"), *case.iter("error"))
        )
        skipped = any(True for _ in case.iter("skipped"))
        found[hook] = (passed + (not problem and not skipped), failed + problem)
    return found


def name_of(hook: str) -> str:
    return f"my-{hook.replace('_', '-')}"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_new_package_passes_its_own_tests(hook: str, results: dict[str, tuple[int, str]]) -> None:
    passed, failed = results[hook]
    assert not failed, failed
    assert passed >= (4 if hook in KINDS else 1), "the checks of every kind, and one of its own"


@pytest.mark.parametrize("hook", HOOKS)
def test_the_package_has_its_own_name(hook: str, tmp_path: Path) -> None:
    write_package(hook, "my-own", tmp_path)
    text = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file())
    assert "my-own" in text and "bioclip_x_my_own" in text and f"def {hook}(" in text
    assert not re.search("my.component|MyComponent|THE_HOOK", text)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_package_passes_its_linter(hook: str, tmp_path: Path) -> None:
    if not (ruff := shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))):
        pytest.skip("ruff is not installed")
    write_package(hook, name_of(hook), tmp_path)
    done = subprocess.run([ruff, "check", "--no-cache", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["none", "scores", "class", "head-input", "a1"])
def test_any_name_gives_python_that_compiles(name: str) -> None:
    """None of these may be the name of the class: it is Python's, or that of a record which the module imports."""
    [source] = [text for path, text in make_files("heads", name).items() if path.startswith("src/")]
    names = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    assert len(names) == 1 and names[0] not in ("None", "Scores", "HeadInput")


@pytest.mark.parametrize(
    ("hook", "name", "told"),
    [
        ("heads", "hedge", "the name 'hedge' is in use by bioclip-x"),
        ("losses", "builtin", "the name 'builtin' is in use by bioclip-x"),
        ("commands", "classify", "the name 'classify' is in use by bioclip-x"),
        ("heads", "plugins", "its module would be bioclip_x_plugins, which is a part of bioclip-x"),
        ("heads", "a_b", "expected a name of lower-case letters"),
    ],
)
def test_names_in_use(
    hook: str, name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main(["plugins", "new", hook, name])
    assert done.value.code and told in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_every_hook_has_a_template() -> None:
    assert set(HOOKS) == {name for name, value in vars(specs).items() if hasattr(value, f"{specs.GROUP}_spec")}


@pytest.mark.parametrize("name", ["", "My", "a b", "-a", "a-", "a--b", "../a", "1a", "é"])
def test_names_that_make_no_package(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="expected a name of lower-case letters"):
        write_package("heads", name, tmp_path / "package")


@pytest.mark.parametrize("name", ["no", "null"])
def test_names_that_are_no_text_in_a_recipe_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=f"'{name}': YAML, such as a recipe, reads this name as"):
        write_package("heads", name, tmp_path / "package")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(PluginError, match="is not empty; name another folder with --folder"):
        write_package("heads", "my-own", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
