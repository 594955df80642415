"""Merges defaults, a recipe file, plugins and flags into one recipe."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bioclip_x.errors import ModelError, PluginError, RecipeError
from bioclip_x.faults import is_failure, summarise
from bioclip_x.hooks.capabilities import HeadCapabilities, TextBuilderCapabilities, get_capabilities
from bioclip_x.hooks.components import Head, Kind, TextBuilder
from bioclip_x.hooks.options import BARE, ComponentRef, parse_ref
from bioclip_x.hooks.registry import Registry, resolve_relative_paths
from bioclip_x.io.files import read_yaml
from bioclip_x.io.inside import resolve_inside
from bioclip_x.io.labels import read_labels
from bioclip_x.limits import NAME_CHARACTERS
from bioclip_x.messages import list_some
from bioclip_x.models import find_classifier_ref, find_family, find_provided_model, load_own_recipe
from bioclip_x.prints import diverted
from bioclip_x.recipe import (
    COMPONENTS,
    FILES,
    MODEL_FIELDS,
    REQUIRED,
    SEVERAL,
    Recipe,
    parse_plugins,
    parse_refs,
    parse_subset_terms,
)
from bioclip_x.records import OwnRecipe
from bioclip_x.renamed_names import add_old_arguments, rename_keys
from bioclip_x.validation import find_first_error


def resolve_recipe(
    registry: Registry,
    *,
    file: Path | None = None,
    plugins: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Recipe:
    """Merges `defaults` < recipe file < patches of `plugins` in order < `flags` (None values are not set).

    The recipe file's own `plugins` are loaded first; their patches set what the file does not, so that a recipe saved with
    all its fields gives the same again.

    plugins: loaded ones, by name. defaults: override those of the installed plugins; the command line passes the user's
    settings.

    Components that are not named come from the plugins (`ComponentSpec.default`, `default_for`): a field such as `rank`,
    `depth` or `descriptors` implies the component declared for it; a model provided by a plugin implies its encoder; text
    builders imply the pooling that their prompts were published with, unless they differ in it. A model may bring the texts
    that it was trained on (`records.OwnRecipe`), which go before the plugins' defaults. An accuracy without a depth
    implies depth auto.

    Raises RecipeError for unknown fields and invalid values, and, naming both, for two plugins that set a field to
    different values, unless a flag sets it.
    """
    document = read_recipe(file) if file else {}
    named = registry.load(parse_plugins(document.get("plugins") or ()))
    from_file = _resolve_paths(registry, document, file.parent) if file else {}
    given = {name: value for name, value in _rename_fields(flags or {}).items() if value is not None}
    defaults = _rename_fields(defaults or {})
    if isinstance(given.get("labels"), str):
        given["labels"] = read_labels(given["labels"], "labels")
    where = str(file) if file else "defaults"
    base = _validate(_fill_in(registry, defaults | from_file), where)
    own_patches = _collect_patches(registry, named, base, flags=from_file | given)
    patches = _collect_patches(registry, plugins, base, flags=given)
    explicit = defaults | own_patches | from_file | patches | given
    if enabled := tuple(dict.fromkeys((*named, *plugins))):
        explicit["plugins"] = enabled
    for one, other in (("labels", "taxonomy"), ("taxonomy", "labels")):
        if one in given and other not in given:
            explicit.pop(other, None)  # the flag replaces the other of the two
    if explicit.get("accuracy") is not None:
        explicit.setdefault("depth", "auto")
    filled = _fill_in(registry, explicit)
    recipe = _complete(registry, _validate(filled, "the recipe"), "pooling" in filled)
    _refuse_contradictions(registry, recipe)
    return recipe


def change_recipe(recipe: Recipe, fields: Mapping[str, Any]) -> Recipe:
    """Replaces fields of a resolved recipe; nothing else is resolved again. Raises RecipeError as `resolve_recipe`."""
    changed = _rename_fields(fields)
    if isinstance(changed.get("labels"), str):
        changed["labels"] = read_labels(changed["labels"], "labels")
    return _validate(recipe.dump() | changed, "the recipe")


def register_components(registry: Registry, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the components among the values of a recipe's fields (`head=MyHead()`) to the registry; returns their names.

    Raises PluginError for what is neither a component nor a reference to one.
    """
    named = _rename_fields(fields)
    model = named.get("model")
    if model is not None and not isinstance(model, str):
        named["model"] = registry.add("classifiers", model)
    for field, kind in COMPONENTS.items():
        value = named.get(field)
        if value is None:
            continue
        several = field in SEVERAL and isinstance(value, Sequence) and not isinstance(value, str)
        refs = [
            one if isinstance(one, str | Mapping | ComponentRef) else registry.add(kind, one)
            for one in (value if several else [value])
        ]
        named[field] = refs if several else refs[0]
    return named


def _fill_in(registry: Registry, explicit: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the model, what it brings, and the required components that are not set."""
    filled = dict(explicit)
    if "model" not in filled:
        filled["model"] = registry.required_default("models")
    if filled["model"] == "" or str(filled["model"]).isspace():
        raise RecipeError("model: expected a name, got a blank")
    if len(str(filled["model"])) > NAME_CHARACTERS:
        raise RecipeError(f"model: expected a name, got {len(str(filled['model'])):,} characters")
    if (
        "encoder" not in filled
        and (provided := find_provided_model(registry, str(filled["model"])))
        and provided.encoder
    ):
        filled["encoder"] = provided.encoder
    filled.setdefault("encoder", registry.required_default("encoders"))
    own = _read_own_fields(registry, str(filled["model"]), filled["encoder"])
    for field, kind in COMPONENTS.items():
        if field in filled:
            continue
        implied = {name: setting for setting, name in registry.defaults(kind).items() if explicit.get(setting)}
        if len(implied) > 1:
            conflict = " and ".join(f"{setting} implies the {field} {name!r}" for name, setting in implied.items())
            raise RecipeError(
                f"{conflict}; leave out the {' or the '.join(implied.values())}, or choose one with --{field}"
            )
        if chosen := next(iter(implied), None) or own.get(field):
            filled[field] = chosen
        elif field in REQUIRED:
            filled[field] = registry.required_default(kind)
    with_texts = filled["text"] is own.get("text")  # pooling and language are those of the model's texts
    return {name: own[name] for name in ("language", "pooling") if name in own and with_texts} | filled


def _read_own_fields(registry: Registry, model: str, encoder: Any) -> dict[str, Any]:
    """Returns the recipe fields that a model brings, with the files that they name inside its folder.

    Raises ModelError for other fields, and for a file elsewhere.
    """
    if find_classifier_ref(registry, model):
        return {}
    own = load_own_recipe(find_family(registry, model, parse_ref(encoder)), model)
    if own is None:
        return {}
    fields = _rename_fields(own.fields)
    if unknown := sorted(set(fields) - set(MODEL_FIELDS)):
        raise ModelError(f"{own.where}: a model brings no {', '.join(unknown)}; only {', '.join(MODEL_FIELDS)}")
    for field, kind in COMPONENTS.items():
        if field in fields:
            refs = [_resolve_inside(registry, kind, ref, own) for ref in _parse_field(field, fields[field])]
            fields[field] = refs if field in SEVERAL else refs[0]
    return fields


def _resolve_inside(registry: Registry, kind: Kind, ref: ComponentRef, own: OwnRecipe) -> ComponentRef:
    """Resolves a component's path options against the folder of the model that brings it."""
    given = registry.name_options(kind, ref.name, ref.options)
    validated = registry.options(kind, ref.name, given)
    paths = {
        key: str(resolve_inside(own.folder, str(given[key]), ModelError, own.where))
        for key in given
        if isinstance(validated[key], Path)
    }
    return ref.model_copy(update={"options": given | paths})


def _refuse_contradictions(registry: Registry, recipe: Recipe) -> None:
    if recipe.depth and not get_capabilities(_make_head(registry, recipe), HeadCapabilities).depth_option:
        default = registry.default("heads", "depth")
        raise RecipeError(
            f"depth auto needs a head that supports it ({default}), but the head {recipe.head.name!r} was given; "
            "leave out one of the two"
        )
    if recipe.labels and recipe.taxonomy:
        raise RecipeError("labels and a taxonomy were both given; give one")


def _parse_field(field: str, value: Any) -> Sequence[ComponentRef]:
    """Returns the components of a field. Raises RecipeError for several where one is expected."""
    if field in SEVERAL:
        refs: Sequence[ComponentRef] = parse_refs(value)
        return refs
    if isinstance(value, Sequence) and not isinstance(value, str):
        raise RecipeError(
            f"{field}: expected one component, got a list of {len(value)}: {list_some(list(map(str, value)), 3)}"
        )
    return (parse_ref(value),)


def _make_head(registry: Registry, recipe: Recipe) -> Head:
    return registry.make("heads", recipe.head.name, recipe.head.options)


def _resolve_paths(registry: Registry, document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Resolves the path options of a recipe file's components against its folder, also of an image classifier."""
    resolved = dict(document)
    if ref := find_classifier_ref(registry, str(document.get("model") or "")):
        resolved["model"] = str(resolve_relative_paths(registry, "classifiers", ref, folder))
    for field, kind in COMPONENTS.items():
        if document.get(field):
            refs = [resolve_relative_paths(registry, kind, ref, folder) for ref in _parse_field(field, document[field])]
            resolved[field] = refs if field in SEVERAL else refs[0]
    return resolved


def _complete(registry: Registry, recipe: Recipe, pooling_given: bool) -> Recipe:
    """Names every option (`templates:openai-80` → `templates:set=openai-80`) and sets the text builders' pooling."""

    def name_options(kind: Kind, ref: ComponentRef) -> ComponentRef:
        if BARE not in ref.options:
            return ref
        return ComponentRef(name=ref.name, options=registry.name_options(kind, ref.name, ref.options))

    fields: dict[str, Any] = {field: getattr(recipe, field) for field in Recipe.model_fields}
    for field, kind in COMPONENTS.items():
        refs = fields[field]
        if refs is not None:
            several = field in SEVERAL
            fields[field] = tuple(name_options(kind, ref) for ref in refs) if several else name_options(kind, refs)
    if not pooling_given:
        fields["pooling"] = find_pooling(registry.make("text_builders", ref.name, ref.options) for ref in recipe.text)
    return _validate(fields, "the recipe")


def find_pooling(builders: Iterable[TextBuilder]) -> str:
    """Returns the pooling that text builders' prompts were published with; the default if none states it, or they differ."""
    found = {pooling for one in builders if (pooling := get_capabilities(one, TextBuilderCapabilities).pooling)}
    return found.pop() if len(found) == 1 else str(Recipe.model_fields["pooling"].default)


def _collect_patches(
    registry: Registry, plugins: Sequence[str], base: Recipe, flags: Mapping[str, Any]
) -> dict[str, Any]:
    """Merges the plugins' patches. Values are compared after validation: "common" equals ["common"]."""
    patches: dict[str, Any] = {}
    validated: dict[str, tuple[str, Any]] = {}
    for plugin in plugins:
        for patch in _call_configure(registry, plugin, base):
            patched = _validate(base.dump() | dict(patch), f"--plugin {plugin}")
            for name, value in patch.items():
                other, before = validated.get(name, (plugin, getattr(patched, name)))
                if name not in flags and before != getattr(patched, name):
                    raise RecipeError(
                        f"--plugin {other} sets {name} to {patches[name]!r} and --plugin {plugin} sets it to {value!r}; "
                        f"drop one of them, or set --{name.replace('_', '-')}"
                    )
                patches[name], validated[name] = value, (plugin, getattr(patched, name))
    return patches


def _call_configure(registry: Registry, plugin: str, base: Recipe) -> list[Mapping[str, Any]]:
    hook = registry.configure(plugin)
    try:
        with diverted():
            patches = hook(**add_old_arguments("configure", {"recipe": base})) if hook else []
    except BaseException as problem:
        if not is_failure(problem):
            raise
        raise PluginError(f"--plugin {plugin}: its configure failed: {summarise(problem)}") from problem
    if hook and not patches:  # pluggy leaves None out
        raise PluginError(f"--plugin {plugin}: its configure returned None; expected a mapping of recipe fields")
    for patch in patches:
        if not isinstance(patch, Mapping):
            raise PluginError(
                f"--plugin {plugin}: its configure returned {patch!r}; expected a mapping of recipe fields"
            )
    return [_rename_fields(patch) for patch in patches]


def read_recipe(file: Path) -> dict[str, Any]:
    """Reads a recipe file (YAML): a mapping of recipe fields, with paths relative to the file."""
    document = read_yaml(file, RecipeError)
    if not isinstance(document, dict):
        raise RecipeError(f"{file}: expected a mapping of recipe fields, got {type(document).__name__}")
    document = _rename_fields(document)
    for name in FILES:
        if isinstance(path := document.get(name), str):
            if not path.strip():
                raise RecipeError(f"{file}: {name}: expected a file, got a blank")
            document[name] = str(file.parent / path)
    if document.get("plugins"):
        names = _validate_plugins(document["plugins"], file)
        document["plugins"] = [str(file.parent / name) if name.endswith(".py") else name for name in names]
    if isinstance(calibration := document.get("calibration"), str) and calibration not in ("none", "auto"):
        document["calibration"] = str(file.parent / calibration)
    if isinstance(labels := document.get("labels"), str):
        document["labels"] = read_labels(labels, f"{file}: labels", file.parent)
    if isinstance(terms := parse_subset_terms(document.get("subset")), Sequence):
        from bioclip_x.taxonomy.editing.subset import resolve_path

        document["subset"] = [resolve_path(term, file.parent) if isinstance(term, str) else term for term in terms]
    return document


def find_files_outside(file: Path) -> list[str]:
    """Lists the files that a recipe file names outside its own folder, as it names them."""
    document = read_recipe(file)
    values = [document.get(name) for name in (*FILES, "calibration")]
    values += [name for name in document.get("plugins") or () if name.endswith(".py")]
    values += [term.removeprefix("!") for term in document.get("subset") or () if isinstance(term, str)]
    folder = os.path.abspath(file.parent)  # noqa: PTH100 - links stay as they are
    paths = [value for value in values if isinstance(value, str) and Path(value).is_file()]
    return [path for path in paths if not Path(os.path.abspath(path)).is_relative_to(folder)]  # noqa: PTH100


def _rename_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns fields under their present names. Raises RecipeError for a name that is no longer accepted."""
    return rename_keys("recipe", fields, error=RecipeError)


def _validate_plugins(value: Any, file: Path) -> list[str]:
    names = parse_plugins(value)
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise RecipeError(f"{file}: plugins: expected a list of names or files, got {value!r}")
    return list(names)


def _validate(values: Mapping[str, Any], where: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as problem:
        raise RecipeError(f"{where}: {find_first_error(problem, Recipe)}") from None
