"""`bioclip-x plugins show`: a component's options, and where it comes from."""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_origin

import click

from bioclip_x.cli.flags import components_option
from bioclip_x.cli.plugins.list import hook_option
from bioclip_x.cli.render.terminal import echo
from bioclip_x.errors import PluginError
from bioclip_x.hooks.components import KINDS, Kind
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.specs import TRAINING_HOOKS


@click.command(name="show")
@click.argument("name")
@components_option
@hook_option
@click.pass_obj
def show(registry: Registry, name: str, hook: Kind | None) -> None:
    """Show the component or the plugin NAME: options with types and defaults, and where it comes from.

    \b
    bioclip-x plugins show hedge
    bioclip-x plugins show clip --hook losses
    """  # fmt: skip
    kinds = [kind for kind in ((hook,) if hook else KINDS) if name in registry.components(kind)]
    is_plugin = hook is None and name in registry.plugins
    if not kinds and not is_plugin:
        where = f"no component of {hook}" if hook else "no plugin and no component"
        raise PluginError(f"{where} is called {name!r}; bioclip-x plugins list shows all")
    blocks = [_describe_plugin(registry, name)] if is_plugin else []
    echo("\n\n".join([*blocks, *(_describe(registry, kind, name) for kind in kinds)]))


def _describe_plugin(registry: Registry, name: str) -> str:
    recipe = f"\n  has a recipe: --plugin {name}" if registry.configure(name) else ""
    followed = [hook for hook in registry.list_hooks(name) if hook in TRAINING_HOOKS]
    follows = f"\n  follows training runs: {', '.join(followed)}" if followed else ""
    provided = [
        f"\n  {kind.replace('_', ' ')}: {', '.join(own)}"
        for kind in KINDS
        if (own := [one for one, found in registry.components(kind).items() if found.plugin == name])
    ]
    return f"plugin {name}\n  from {registry.plugins[name]}{recipe}{follows}{''.join(provided)}"


def _describe(registry: Registry, kind: Kind, name: str) -> str:
    found = registry.components(kind)[name]
    lines = [
        f"{kind.replace('_', ' ')}: {name}",
        f"  {found.spec.summary}",
        f"  of plugin {found.plugin} ({registry.plugins[found.plugin]}), {found.spec.target}",
    ]
    target = registry.target(kind, name)
    if kind == "commands":
        return "\n".join(lines)
    about = inspect.getdoc(target) or ""
    lines += [f"  {line}".rstrip() for line in ("", *about.splitlines())] if about else []
    parameters = registry.parameters(kind, name)
    lines += ["", "  options:"] if parameters else ["", "  no options"]
    lines += [f"    {_describe_option(parameter)}" for parameter in parameters]
    return "\n".join(lines)


def _describe_option(parameter: inspect.Parameter) -> str:
    default = " (required)" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    bare = "" if parameter.kind is parameter.KEYWORD_ONLY else "  (its name may be left out)"
    return f"{parameter.name}: {name_type(parameter.annotation)}{default}{bare}"


def name_type(annotation: Any) -> str:
    """Names an annotation as a user writes values, with the bounds of numbers.

    >>> name_type(int | None), name_type(tuple[str, ...])
    ('int | None', 'tuple[str, ...]')
    """
    if annotation is inspect.Parameter.empty:
        return "any"
    if metadata := getattr(annotation, "__metadata__", ()):
        bounds = [str(one) for part in metadata for one in getattr(part, "metadata", ())]
        return f"{name_type(annotation.__origin__)}{' ' if bounds else ''}{', '.join(bounds)}"
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__name__
    if str(get_origin(annotation)) == "typing.Literal":
        return " | ".join(map(repr, get_args(annotation)))
    if str(get_origin(annotation)) in ("typing.Union", "<class 'types.UnionType'>"):
        return " | ".join("None" if one is type(None) else name_type(one) for one in get_args(annotation))
    return str(annotation).replace("typing.", "")
