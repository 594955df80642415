"""Merges defaults, a recipe file, plugins and flags into one recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bioclip_x.components import Kind
from bioclip_x.errors import PluginError, RecipeError
from bioclip_x.io.files import read_yaml
from bioclip_x.options import BARE, ComponentRef
from bioclip_x.recipe import COMPONENTS, FILES, SEVERAL, Recipe, _refs, _subset
from bioclip_x.registry import Registry


def resolve_recipe(
    registry: Registry,
    *,
    file: Path | None = None,
    plugins: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Recipe:
    """Merges `defaults` < recipe file < patches of `plugins` in order < `flags` (None values are not given).

    defaults: over the recipe's own; the command line has the user's settings here.

    A rank asked for without a head brings the head "rollup", since classes alone have no other rank, and a depth the head
    "hedge"; an accuracy without a depth brings that; a descriptor file without a text brings the text "descriptors", since
    nothing else reads it; and a text builder that was published with a pooling brings that, where none is set and no other
    builder asks for another.

    Raises RecipeError for unknown fields, bad values, or two plugins that set one field (that no flag settles) to
    different values, naming both.
    """
    from_file = _placed(registry, read_recipe(file), file.parent) if file else {}
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    from_file = dict(defaults or {}) | from_file
    base = _recipe(from_file, str(file) if file else "defaults")
    patches = _patches(registry, plugins, base, settled=given)
    explicit = from_file | patches | given
    for one, other in (("labels", "taxonomy"), ("taxonomy", "labels")):
        if one in given and other not in given:
            explicit.pop(other, None)  # a flag for one of the two settles which it is
    if explicit.get("accuracy") is not None:
        explicit.setdefault("depth", "auto")
    if explicit.get("depth") and "head" not in explicit:
        explicit["head"] = "hedge"
    if explicit.get("rank") and "head" not in explicit:
        explicit["head"] = "rollup"
    if explicit.get("descriptors") and "text" not in explicit:
        explicit["text"] = "descriptors"
    recipe = _settled(registry, _recipe(explicit, "the recipe"), pooling_given="pooling" in explicit)
    if recipe.depth and recipe.head.name != "hedge":
        raise RecipeError(
            f"depth auto is decided by the head 'hedge', and the head {recipe.head.name!r} was given; leave it out"
        )
    if recipe.labels and recipe.taxonomy:
        raise RecipeError("labels and a taxonomy were both given; give one")
    return recipe


def _placed(registry: Registry, document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A recipe file's fields, with the options of its components that are relative paths taken from its folder."""
    placed = dict(document)
    for field, kind in COMPONENTS.items():
        if document.get(field):
            refs = [_beside(registry, kind, ref, folder) for ref in _refs(document[field])]
            placed[field] = refs if field in SEVERAL else refs[0]
    return placed


def _beside(registry: Registry, kind: Kind, ref: ComponentRef, folder: Path) -> ComponentRef:
    if not ref.options:
        return ref  # what it points at is not imported before it is needed
    given = registry.named(kind, ref.name, ref.options)
    found = registry.options(kind, ref.name, given)
    paths = {key: str(folder / found[key]) for key in given if isinstance(found[key], Path)}
    return ComponentRef(name=ref.name, options=given | paths)


def _settled(registry: Registry, recipe: Recipe, pooling_given: bool) -> Recipe:
    """With every option under its name (`templates:openai-80` is `templates:set=openai-80`), and its builders' pooling."""

    def full(kind: Kind, ref: ComponentRef) -> ComponentRef:
        if BARE not in ref.options:
            return ref
        return ComponentRef(name=ref.name, options=registry.named(kind, ref.name, ref.options))

    fields: dict[str, Any] = {field: getattr(recipe, field) for field in Recipe.model_fields}
    for field, kind in COMPONENTS.items():
        refs = fields[field]
        fields[field] = tuple(full(kind, ref) for ref in refs) if field in SEVERAL else full(kind, refs)
    asked = set() if pooling_given else _poolings(registry, recipe)
    return _recipe(fields | ({"pooling": asked.pop()} if len(asked) == 1 else {}), "the recipe")


def _poolings(registry: Registry, recipe: Recipe) -> set[str]:
    """The poolings that the recipe's text builders were published with; those of one text a class have none."""
    targets = (registry.target("text_builders", ref.name) for ref in recipe.text)
    return {pooling for target in targets if (pooling := getattr(target, "pooling", None))}


def _patches(registry: Registry, plugins: Sequence[str], base: Recipe, settled: Mapping[str, Any]) -> dict[str, Any]:
    """The plugins' patches together. Values are compared as the recipe understands them: "common" is ["common"]."""
    patches: dict[str, Any] = {}
    meant: dict[str, tuple[str, Any]] = {}
    for plugin in plugins:
        for patch in _configured(registry, plugin, base):
            whole = _recipe(base.dump() | dict(patch), f"--plugin {plugin}")
            for name, value in patch.items():
                other, before = meant.get(name, (plugin, getattr(whole, name)))
                if name not in settled and before != getattr(whole, name):
                    raise RecipeError(
                        f"--plugin {other} sets {name} to {patches[name]!r} and --plugin {plugin} sets it to {value!r}; "
                        f"drop one of them, or settle it with --{name.replace('_', '-')}"
                    )
                patches[name], meant[name] = value, (plugin, getattr(whole, name))
    return patches


def _configured(registry: Registry, plugin: str, base: Recipe) -> list[Mapping[str, Any]]:
    hook = registry.configure(plugin)
    try:
        patches = hook(recipe=base) if hook else []
    except Exception as problem:
        raise PluginError(f"--plugin {plugin}: its configure failed: {type(problem).__name__}: {problem}") from problem
    for patch in patches:
        if not isinstance(patch, Mapping):
            raise PluginError(
                f"--plugin {plugin}: its configure returned {patch!r}; expected a mapping of recipe fields"
            )
    return list(patches)


def read_recipe(file: Path) -> dict[str, Any]:
    """A recipe file (YAML): a mapping of recipe fields; paths in it are relative to it."""
    document = read_yaml(file, RecipeError)
    if not isinstance(document, dict):
        raise RecipeError(f"{file}: expected a mapping of recipe fields, got {type(document).__name__}")
    for name in FILES:
        if isinstance(document.get(name), str):
            document[name] = str(file.parent / document[name])
    if isinstance(file_there := document.get("calibration"), str) and file_there not in ("none", "auto"):
        document["calibration"] = str(file.parent / file_there)
    if isinstance(terms := _subset(document.get("subset")), Sequence):
        from bioclip_x.taxonomy.editing.subset import placed

        document["subset"] = [placed(term, file.parent) if isinstance(term, str) else term for term in terms]
    return document


def _recipe(values: Mapping[str, Any], where: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise RecipeError(
                f"{where}: no field is called {name!r}; known: {', '.join(Recipe.model_fields)}"
            ) from None
        raise RecipeError(f"{where}: {name}: {first['msg']}") from None
