"""The public interface for plugins, `bioclip_x.plugin`."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bioclip_x
from bioclip_x import plugin


def type_checking_imports() -> dict[str, str]:
    """Name → module, of the imports that type checkers see."""
    assert plugin.__file__ is not None
    tree = ast.parse(Path(plugin.__file__).read_text("utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        alias.name: node.module or "" for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_the_three_lists_of_names_agree() -> None:
    seen = type_checking_imports()
    assert sorted(plugin.__all__) == sorted(seen) == dir(plugin)
    for name, module in seen.items():
        assert getattr(plugin, name) is getattr(sys.modules[module], name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'bioclip_x\.plugin' has no attribute 'Nothing'"):
        _ = plugin.Nothing  # type: ignore[attr-defined]


def test_naming_components_imports_nothing_heavy() -> None:
    script = (
        "import sys; from bioclip_x.plugin import ComponentSpec, hookimpl; "
        "print([m for m in ('torch', 'numpy', 'pydantic', 'yaml', 'PIL', 'networkx', 'pyarrow') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_import_contract_covers_the_whole_core() -> None:
    """A new module of the core must not become importable by plugins by being forgotten in the list."""
    configuration = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    contract = (
        configuration.split('name = "Plugins import bioclip_x.plugin')[1].split("forbidden_modules = ")[1].split("]")[0]
    )
    forbidden = set(re.findall(r'"(bioclip_x\.\w+)"', contract))
    modules = {f"bioclip_x.{module.name}" for module in pkgutil.iter_modules(bioclip_x.__path__)}
    assert forbidden == modules - {"bioclip_x.plugin", "bioclip_x.__main__"}
