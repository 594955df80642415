"""What to do, in one frozen record: defaults < recipe file < `--plugin` patches in order < flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bioclip_x.components import Kind
from bioclip_x.errors import PluginError, RecipeError
from bioclip_x.files import read_yaml
from bioclip_x.options import BARE, ComponentRef, parse_ref
from bioclip_x.registry import Registry


def _refs(value: Any) -> Any:
    many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(parse_ref(one) for one in many)


def _labels(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _subset(value: Any) -> Any:
    terms = (value,) if isinstance(value, str) else value
    if not terms:
        return terms
    from bioclip_x.taxonomy.subset import parse_term  # numpy, which a recipe without a subset need not wait for

    for term in terms if isinstance(terms, Sequence) else ():
        if isinstance(term, str):
            parse_term(term)  # says at once what is wrong with it
    return terms


def _language(value: Any) -> Any:
    return value.strip().lower().replace("_", "-") if isinstance(value, str) else value


Ref = Annotated[ComponentRef, BeforeValidator(parse_ref)]
Refs = Annotated[tuple[ComponentRef, ...], BeforeValidator(_refs), Field(min_length=1)]
Adjustments = Annotated[tuple[ComponentRef, ...], BeforeValidator(_refs)]
Terms = Annotated[tuple[str, ...], BeforeValidator(_subset)]
Labels = Annotated[tuple[str, ...], BeforeValidator(_labels), Field(min_length=1)]

COMPONENTS: Final[Mapping[str, Kind]] = {
    "encoder": "encoders", "text": "text_builders", "scorer": "scorers", "adjust": "adjust_logits", "head": "heads",
}  # fmt: skip
"""The fields that name components, and of which kind these are."""
SEVERAL: Final = ("text", "adjust")
"""Those that name several."""
FILES: Final = ("taxonomy", "descriptors", "report_as")
"""The fields that are files."""


class Recipe(BaseModel):
    """A classification, whole. Every output carries the one it came from."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = Field(
        "field-guide", description="an alias, NAME/PRETRAINED, hf-hub:ORG/NAME[@REVISION] or local-dir:PATH"
    )
    encoder: Ref = Field(ComponentRef(name="open_clip"), description="the family of models that `model` belongs to")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: fp16 on a GPU, fp32 elsewhere"
    )
    bank_precision: Literal["fp32", "fp16"] = Field(
        "fp32", description="of the embedded texts in products with pictures; fp16 takes half the memory"
    )
    preprocess: Literal["model", "pybioclip"] = Field(
        "model", description="how pictures are resized: as the model's configuration says, or as pybioclip does"
    )
    taxonomy: Path | None = Field(None, description="a file; none takes the model's own")
    taxonomy_format: str | None = Field(None, description="a reader's name; none looks at the content")
    dag: Literal["refuse", "first", "all"] | None = Field(
        None, description="a node with several parents: an error, its first parent, or a copy under each"
    )
    labels: Labels | None = Field(None, description="plain labels instead of a taxonomy")
    subset: Terms = Field(
        (), description="a part of the classes: class=Insecta, family!=Apidae, a name, or a file of names"
    )
    text: Refs = Field(
        (ComponentRef(name="taxonomic"),), description="text builders; their prompts are pooled together"
    )
    language: Annotated[str, BeforeValidator(_language)] = Field("en", description="ISO 639-1 code of the common names")
    descriptors: Path | None = Field(None, description="a descriptor file; none takes the model's own")
    missing: Literal["name", "error"] = Field(
        "name", description="a class without descriptors: use its name, or refuse"
    )
    scorer: Ref = Field(ComponentRef(name="text"), description="features to class scores")
    pooling: Literal["mean", "ensemble", "max"] = Field("mean", description="how a class's prompts are pooled")
    adjust: Adjustments = Field((), description="what is added to class scores: priors, a region's species list")
    head: Ref = Field(ComponentRef(name="flat"), description="class scores to a decision on the tree")
    rank: str | None = Field(None, description="the rank to report; none takes the classes themselves")
    depth: Literal["auto"] | None = Field(
        None, description="auto: each name as deep down the tree as `accuracy` allows"
    )
    accuracy: float | None = Field(
        None, gt=0, lt=1, description="the part of the names that depth auto has right; none takes 0.95"
    )
    calibration: Literal["none", "auto"] | Path = Field(
        "none", description="a file that `bioclip-x calibrate` wrote; auto looks for the one kept for just this"
    )
    report_as: Path | None = Field(None, description="another taxonomy, under whose names is reported")
    k: int = Field(5, ge=1, description="predictions per picture")
    explain: bool = Field(True, description="whether each name is explained by the texts that made it")
    why_not: str | None = Field(
        None, description="a taxon that explanations compare with, by any of its names; none takes the second best"
    )
    heat_maps: bool = Field(False, description="where in the picture each prompt's similarity comes from")
    batch_size: int = Field(32, ge=1, description="pictures per batch")
    workers: int | None = Field(
        None, ge=1, description="threads that decode pictures; none takes one per core, at most 8"
    )

    def dump(self) -> dict[str, Any]:
        """Plain values, for outputs; `Recipe.model_validate` of it gives an equal recipe."""
        dumped = self.model_dump(mode="json")
        for name in COMPONENTS:
            value = getattr(self, name)
            dumped[name] = [_plain(ref) for ref in value] if name in SEVERAL else _plain(value)
        return dumped


def _plain(ref: ComponentRef) -> Any:
    if "name" in ref.options:  # an option of that name must not hide the component's
        return {"name": ref.name, "options": dict(ref.options)}
    return {"name": ref.name, **ref.options} if ref.options else ref.name


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
        from bioclip_x.taxonomy.subset import placed

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
