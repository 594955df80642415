"""Checks what the hooks that register components return, and arranges the components of all plugins. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from bioclip_x.errors import PluginError
from bioclip_x.hooks.components import KINDS, ComponentSpec, Kind
from bioclip_x.messages import add_article, escape_controls

BLOCK: Final = "no:"
"""Before a plugin's name, where plugins are named: the plugin is left out."""

ITS_HOOK: Final = "its hook"
"""So begin messages on a hook; whoever registers the plugin names it."""

_NAME: Final = re.compile(r"[^\W_][^\s:=,;/\\'\"\[\]{}()]*")
"""A component's name stands in `name:option=value,…`, in recipes (YAML) and in file names."""
_TARGET: Final = re.compile(r"[^:]+:[^\W\d]\w*")
"""The module of a plugin's file is named after the file, so any text is allowed before the colon."""


class DuplicateError(PluginError):
    """Two plugins provide the same name.

    Never skipped: which of them a recipe refers to would depend on the installed plugins.
    """


@dataclass(frozen=True, slots=True)
class Registered:
    """A component's spec and the name of the plugin that provides it.

    order: -1 if the plugin's hook is marked tryfirst, 1 if trylast.
    """

    spec: ComponentSpec
    plugin: str
    order: int = 0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The components of all plugins.

    components: kind → name → component, in the order in which they are asked. clashes: (kind, name) → the components that
    claim the name. default_clashes: (kind, setting) → the components that claim to be the default; "" for the default where a
    recipe names none.
    """

    components: Mapping[Kind, dict[str, Registered]]
    clashes: Mapping[tuple[Kind, str], tuple[Registered, ...]] = field(default_factory=dict)
    default_clashes: Mapping[tuple[Kind, str], tuple[Registered, ...]] = field(default_factory=dict)

    def list_clashes(self) -> list[tuple[Kind, str | None, tuple[Registered, ...]]]:
        """Returns for each clash the kind, the setting of a default (None for a name), and the components."""
        of_defaults = [(kind, setting, ones) for (kind, setting), ones in self.default_clashes.items()]
        return [*of_defaults, *((kind, None, ones) for (kind, _), ones in self.clashes.items())]


def arrange(provided: Iterable[tuple[Kind, Registered]]) -> Arrangement:
    """Arranges components by kind and name, those of tryfirst hooks first, then in order; the first has a claimed name."""
    claims: dict[tuple[Kind, str], list[Registered]] = {}
    defaults: dict[tuple[Kind, str], list[Registered]] = {}
    for kind, one in sorted(provided, key=lambda pair: pair[1].order):  # stable
        claims.setdefault((kind, one.spec.name), []).append(one)
        for setting in (*([""] if one.spec.default else []), *dict.fromkeys(one.spec.default_for)):
            defaults.setdefault((kind, setting), []).append(one)
    components: dict[Kind, dict[str, Registered]] = {kind: {} for kind in KINDS}
    for (kind, name), ones in claims.items():
        components[kind][name] = ones[0]
    return Arrangement(components, _find_several(claims), _find_several(defaults))


def _find_several(
    claims: Mapping[tuple[Kind, str], list[Registered]],
) -> dict[tuple[Kind, str], tuple[Registered, ...]]:
    return {key: tuple(ones) for key, ones in claims.items() if len(ones) > 1}


def describe_clash(kind: Kind, setting: str | None, ones: Collection[Registered], origins: Mapping[str, str]) -> str:
    """Says which plugins claim the same; see `Arrangement.list_clashes`. origins: of the plugins, by name."""
    many = "two" if len(ones) == 2 else str(len(ones))
    owners = [f"{one.plugin} ({origins[one.plugin]})" for one in ones]
    if setting is None:
        name = next(iter(ones)).spec.name
        return f"{many} plugins provide {add_article(name_kind(kind))} called {name!r}: {' and '.join(owners)}"
    where = f"for {setting}" if setting else "where a recipe names none"
    claims = " and ".join(f"{one.spec.name!r} of {owner}" for one, owner in zip(ones, owners, strict=True))
    return f"{many} plugins provide the default {name_kind(kind)} {where}: {claims}"


def check_specs(hook: Kind, returned: Any) -> list[ComponentSpec]:
    """Returns the specs that a hook returned. Raises PluginError for anything but a list of well-formed ones."""
    if not isinstance(returned, list | tuple):
        hint = " in a list" if isinstance(returned, ComponentSpec) else ""
        raise PluginError(f"{ITS_HOOK} {hook} returned {_show(returned)}; expected a list of ComponentSpecs{hint}")
    for spec in returned:
        if not isinstance(spec, ComponentSpec):
            raise PluginError(f"{ITS_HOOK} {hook} returned {_show(spec)}; expected ComponentSpecs")
        if problem := _find_problem(spec):
            raise PluginError(f"{ITS_HOOK} {hook} returned {_show(spec)}: {problem}")
    return list(returned)


def _find_problem(spec: ComponentSpec) -> str:
    """Says what is wrong with a spec; "" if nothing."""
    if not isinstance(spec.name, str) or not (_NAME.fullmatch(spec.name) and spec.name.isprintable()):
        return (
            f"the component name {_show(spec.name)} is refused; expected a text that begins with a letter or digit, without "
            "spaces, quotes, brackets, control characters and any of : = , ; / \\"
        )
    if not isinstance(read := yaml.safe_load(spec.name), str):
        return f"the component name {_show(spec.name)} is refused, since YAML, such as a recipe, reads it as {read!r}"
    if not isinstance(spec.summary, str) or escape_controls(spec.summary) != spec.summary:
        return f"expected a summary of one line, got {_show(spec.summary)}"
    if not isinstance(spec.target, str) or not _TARGET.fullmatch(spec.target):
        return f"expected a target such as 'package.module:Class', got {_show(spec.target)}"
    if not isinstance(spec.default, bool):
        return f"expected default to be True or False, got {_show(spec.default)}"
    if not isinstance(spec.default_for, list | tuple) or not all(isinstance(one, str) for one in spec.default_for):
        return f"expected default_for to be a tuple of settings, such as ('rank',), got {_show(spec.default_for)}"
    return ""


def name_kind(kind: str) -> str:
    """Names one component of a kind.

    >>> name_kind("taxonomy_readers"), name_kind("losses")
    ('taxonomy reader', 'loss')
    """
    words = {"losses": "loss", "adjust_logits": "logit adjustment"}
    return words.get(kind, kind.replace("_", " ").rstrip("s"))


def _show(value: object) -> str:
    return f"{value!r:.200}"
