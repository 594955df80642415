"""The pages of Python's public names: mkdocstrings renders each where the site is built.

The names are those of `__all__` of `bioclip_x`, `bioclip_x.plugin` and `bioclip_x.testing`; each is documented at the module that
defines it, which its page says is not the module to import it from.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from bioclip_x.plugin import TOPICS
from docs.writers.markdown import make_table

NOTICE = "*Its names are listed by `python -m docs.writers`; edit the docstrings in `core/bioclip_x`.*"

ON_OTHER_PAGES = ("bioclip_x.hooks.components", "bioclip_x.hooks.capabilities", "bioclip_x.records")


def find_origins(module: str) -> dict[str, str]:
    """Returns the dotted path at which each public name of a module is defined, as the module's imports have it."""
    loaded = import_module(module)
    assert loaded.__file__
    tree = ast.parse(Path(loaded.__file__).read_text("utf-8"))
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return {name: _resolve(imported.get(name, f"{module}.{name}")) for name in sorted(loaded.__all__, key=str.lower)}


def _resolve(path: str) -> str:
    """Follows a name that a package's `__init__` imports to the module that defines it."""
    module, _, name = path.rpartition(".")
    loaded = import_module(module)
    origin = getattr(getattr(loaded, name), "__module__", None)
    if isinstance(origin, str) and origin.startswith("bioclip_x") and hasattr(import_module(origin), name):
        return f"{origin}.{name}"
    if loaded.__file__ and loaded.__file__.endswith("__init__.py"):
        for node in ast.walk(ast.parse(Path(loaded.__file__).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and name in [alias.name for alias in node.names]:
                return _resolve(f"{node.module}.{name}")
    return path


def is_constant(path: str) -> bool:
    """Whether a name is neither a class nor a function."""
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name)
    return not (inspect.isclass(found) or inspect.isroutine(found) or hasattr(found, "__wrapped__"))


def write_module(module: str) -> str:
    """Returns the page of a module's public names."""
    origins = {
        name: path
        for name, path in find_origins(module).items()
        if path.startswith("bioclip_x") and name != "__version__"
    }
    return _write(f"`{module}`", f"`from {module} import …`", origins.values())


def write_protocols() -> str:
    """Returns the page of the protocols, which the components of a plugin implement, and of what they declare."""
    return _write(
        "Protocols",
        "What a component of each kind must be able to do, and what it may declare in its attribute `capabilities`. Import them "
        "from `bioclip_x.plugin`, if at all: no base class is needed.",
        _select(("bioclip_x.hooks.components", "bioclip_x.hooks.capabilities")),
    )


def write_records() -> str:
    """Returns the page of the records, which components take and return."""
    return _write(
        "Records",
        "What components take and return: frozen data classes. Import them from `bioclip_x.plugin`.",
        _select(("bioclip_x.records",)),
    )


def write_plugin() -> str:
    """Returns the page of all other names of bioclip_x.plugin, by topic."""
    origins = find_origins("bioclip_x.plugin")
    lines = [
        "# `bioclip_x.plugin`",
        "",
        NOTICE,
        "",
        "What a plugin may import besides [protocols](protocols.md) and [records](records.md): `from bioclip_x.plugin import …`. "
        "Nothing else of `bioclip_x` is meant for plugins.",
    ]
    for topic, modules in TOPICS.items():
        names = sorted((name for _, names in modules for name in names.split()), key=str.lower)
        others = [path for name in names if not (path := origins[name]).startswith(ON_OTHER_PAGES)]
        if others:
            lines += ["", f"## {topic}", *_write_names(others)]
    return "\n".join(lines) + "\n"


def _select(modules: tuple[str, ...]) -> list[str]:
    return [path for path in find_origins("bioclip_x.plugin").values() if path.startswith(modules)]


def _write(title: str, introduction: str, paths: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", NOTICE, "", introduction, *_write_names(list(paths))]) + "\n"


def _write_names(paths: Sequence[str]) -> Iterator[str]:
    """Yields the constants in a table, then a line for each other name, which mkdocstrings replaces."""
    if rows := [_describe_constant(path) for path in paths if is_constant(path)]:
        yield from ("", *make_table(("constant", "value", ""), rows))
    for path in paths:
        if not is_constant(path):
            yield from ("", f"::: {path}")


def _describe_constant(path: str) -> tuple[str, str, str]:
    module, _, name = path.rpartition(".")
    value = getattr(import_module(module), name)
    is_plain = isinstance(value, str | int | tuple | dict) or getattr(value, "__module__", "") == "typing"
    shown = textwrap.shorten(ascii(value).replace("typing.", ""), 100) if is_plain else type(value).__name__
    return f"`{name}`", f"`` {shown} ``", _find_attribute_docstring(module, name)


def _find_attribute_docstring(module: str, name: str) -> str:
    """Returns the string below the assignment of a module's attribute. Raises LookupError if there is none."""
    body = ast.parse(inspect.getsource(import_module(module))).body
    for assignment, following in pairwise(body):
        if not isinstance(assignment, ast.Assign | ast.AnnAssign):
            continue
        targets = assignment.targets if isinstance(assignment, ast.Assign) else [assignment.target]
        if name in [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]:
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    return text
    raise LookupError(f"{module}.{name} has no docstring below it")
