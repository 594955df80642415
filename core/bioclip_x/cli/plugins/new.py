"""`bioclip-x plugins new`: starts a plugin package from a template, one for each hook."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
import yaml

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.option_types import PathName
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import PluginError
from bioclip_x.hooks.components import KINDS
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.specs import TRAINING_HOOKS

TEMPLATE: Final = Path(__file__).parent / "template"
SOURCES: Final = {**{hook: hook for hook in (*KINDS, "configure")}, **dict.fromkeys(TRAINING_HOOKS, "training_hooks")}
"""Hook → the template's module for it. The hooks of a training run are implemented together."""
HOOKS: Final = tuple(sorted(SOURCES))
FILES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "tests.yml": ".github/workflows/tests.yml",
}
"""A file of the template → where it stands in the package."""
ALWAYS_THERE: Final = ("bioclip_x_plugins", "bioclip_x_prompts", "bioclip_x_field_guide")


@click.command(name="new")
@click.argument("hook", type=click.Choice(HOOKS), metavar="HOOK")
@click.argument("name")
@components_option
@click.option(
    "--folder",
    type=PathName(),
    metavar="FOLDER",
    help="The package's folder.  [default: bioclip-x-NAME]",
)
@click.pass_context
def new(context: click.Context, hook: str, name: str, folder: Path | None) -> None:
    """Start a package of a plugin NAME with a component of HOOK: code, entry point, tests, README and CI.

    \b
    bioclip-x plugins new heads my-head
    cd bioclip-x-my-head && pip install -e '.[test]' && pytest
    """  # fmt: skip
    registry: Registry = context.obj
    found = registry.components(hook).get(name) if hook in KINDS else None
    commands = getattr(context.find_root().command, "commands", {}) if hook == "commands" else {}
    if found or name in registry.plugins or name in commands:
        owner = found.plugin if found else name if name in registry.plugins else "bioclip-x"
        raise PluginError(f"the name {name!r} is in use by {registry.plugins.get(owner, owner)}; choose another")
    folder = folder or Path(f"bioclip-x-{name}")
    write_package(hook, name, folder)
    echo(folder)
    echo(f"next: cd {folder} && pip install -e '.[test]' && pytest", err=True)


def write_package(hook: str, name: str, folder: Path) -> None:
    """Writes the package. Raises PluginError for an invalid name, one in use, and for a folder that has files."""
    if hook not in HOOKS:
        raise PluginError(f"there is no hook {hook!r}; known: {', '.join(HOOKS)}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise PluginError(
            f"{name!r}: expected a name of lower-case letters, digits and single hyphens, such as my-head"
        )
    if not isinstance(read := yaml.safe_load(name), str):
        raise PluginError(f"{name!r}: YAML, such as a recipe, reads this name as {read!r}; choose another")
    if (module := _name_module(name)) in ALWAYS_THERE:
        raise PluginError(f"{name!r}: its module would be {module}, which is a part of bioclip-x; choose another name")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PluginError(f"{folder} exists and is not empty; name another folder with --folder")
    for path, text in make_files(hook, name).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def make_files(hook: str, name: str) -> dict[str, str]:
    """Returns the files of a package: path → text. The template is such a package, of a component called my-component."""
    module = _name_module(name)
    words = {
        "THE_HOOK": hook,
        "my-component": name,
        "bioclip_x_my_component": module,
        "MyComponent": _name_class(hook, name),
    }
    sources = {
        **FILES,
        f"components/{SOURCES[hook]}.py": f"src/{module}/__init__.py",
        f"tests/{SOURCES[hook]}.py": f"tests/test_{module}.py",
    }
    return {path: _replace((TEMPLATE / source).read_text("utf-8"), words) for source, path in sources.items()}


def _name_module(name: str) -> str:
    return f"bioclip_x_{name.replace('-', '_')}"


def _name_class(hook: str, name: str) -> str:
    """Names the component's class; not as Python (True, None) or the template names something else (Scores, Path)."""
    own = "".join(part.capitalize() for part in name.split("-"))
    text = "".join((TEMPLATE / folder / f"{SOURCES[hook]}.py").read_text("utf-8") for folder in ("components", "tests"))
    return f"{own}Component" if keyword.iskeyword(own) or own in re.findall(r"\w+", text) else own


def _replace(text: str, words: Mapping[str, str]) -> str:
    return re.sub("|".join(map(re.escape, words)), lambda match: words[match[0]], text)
