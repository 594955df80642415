"""What a user can choose on the page: models, taxonomies and descriptors; and the recipe that a choice means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from bioclip_x.app.limits import AppError
from bioclip_x.errors import RecipeError
from bioclip_x.hooks.registry import Registry
from bioclip_x.models import list_known_models
from bioclip_x.recipe import Recipe
from bioclip_x.recipe_resolution import change_recipe

Resolve = Callable[[Mapping[str, Any]], tuple[Recipe, tuple[str, ...]]]
"""Resolves the command line's recipe with some fields set to other values (None: as if not given): recipe, notes on it."""
Kind = Literal["taxonomy", "descriptors"]

OWN: Final = "own"
GIVEN: Final = "given"
NONE: Final = "none"
UNUSED_FIELDS: Final = {"event_by": "events are", "frames": "videos are"}
"""Fields of a recipe that the app refuses, and what they are for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """id: what the page sends. about: a few words. is_available: whether it may be chosen; `about` has the reason why not."""

    id: str
    name: str
    about: str = ""
    is_available: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """The ids of what is chosen."""

    model: str
    taxonomy: str
    descriptors: str


class Choices:
    """The models that are on this machine, the files of the command line, and those that were uploaded.

    base: the recipe of the command line alone, which is the choice to begin with. Raises RecipeError for one with fields that
    the app cannot use.
    """

    def __init__(self, registry: Registry, resolve: Resolve) -> None:
        self._registry, self._resolve = registry, resolve
        self.base, self.notes = resolve({})
        _refuse_unused(self.base)
        self._files: dict[str, tuple[Kind, Path, str]] = {}
        self._builder = registry.default("text_builders", "descriptors")

    @property
    def n_files(self) -> int:
        return len(self._files)

    @property
    def first(self) -> Settings:
        """What the command line chooses."""
        taxonomy = GIVEN if self.base.taxonomy or self.base.labels else OWN
        texts = GIVEN if self.base.descriptors else OWN if self._reads_descriptors(self.base) else NONE
        return Settings(self.base.model, taxonomy, texts)

    def add_file(self, kind: Kind, path: Path, name: str) -> str:
        """Adds an uploaded file; returns its id."""
        number = f"file-{len(self._files) + 1}"
        self._files[number] = (kind, path, name)
        return number

    def hide_paths(self, message: str) -> str:
        """Returns a message with the names of uploaded files in place of their paths."""
        for _, path, name in self._files.values():
            message = message.replace(str(path), name)
        return message

    def list_models(self) -> list[Choice]:
        """Lists the models by name. One that is not on this machine cannot be chosen: nothing is fetched from elsewhere."""
        return self._models

    @cached_property
    def _models(self) -> list[Choice]:
        known = [
            Choice(
                one.name,
                one.name,
                one.summary
                if one.is_cached
                else f"not on this machine; `bioclip-x classify --model {one.name}` fetches it",
                one.is_cached,
            )
            for one in list_known_models(self._registry)
        ]
        base = self.base.model
        if base not in {one.id for one in known}:
            return [Choice(base, base, "of the command line"), *known]
        return [replace(one, is_available=True) if one.id == base else one for one in known]

    def list_taxonomies(self) -> list[Choice]:
        given = self.base.taxonomy or (Path("labels") if self.base.labels else None)
        return [Choice(OWN, "the model's own"), *self._list_given(given), *self._list_files("taxonomy")]

    def list_descriptors(self, *, has_own: bool) -> list[Choice]:
        """has_own: whether the model at hand comes with descriptors."""
        own = Choice(OWN, "the model's own", "" if has_own else "the model brings none", has_own)
        return [
            Choice(NONE, "none: names only"),
            own,
            *self._list_given(self.base.descriptors),
            *self._list_files("descriptors"),
        ]

    def make_recipe(self, settings: Settings) -> tuple[Recipe, tuple[str, ...]]:
        """Makes the recipe of a choice, and notes on it. Raises AppError for what cannot be chosen, and RecipeError."""
        self.check(settings)
        fields: dict[str, Any] = {}
        if settings.model != self.base.model:
            fields |= {"model": settings.model, "encoder": None}
        if settings.taxonomy != GIVEN:
            path = self._files[settings.taxonomy][1] if settings.taxonomy in self._files else None
            fields |= {"taxonomy": path, "taxonomy_format": None}
        if settings.descriptors != GIVEN:
            path = self._files[settings.descriptors][1] if settings.descriptors in self._files else None
            fields |= {"descriptors": path}
            # A recipe that reads descriptors already may have settings for them.
            if settings.descriptors == NONE or not self._reads_descriptors(self.base):
                fields["text"] = None if settings.descriptors == NONE else (self._builder,)
        recipe, notes = self._resolve(fields)
        return self._drop_fields_of_files(recipe, settings), notes

    def _drop_fields_of_files(self, recipe: Recipe, settings: Settings) -> Recipe:
        """Drops what a recipe file or a plugin sets and the choice leaves out."""
        dropped: dict[str, Any] = {}
        if settings.taxonomy == OWN and (recipe.taxonomy or recipe.labels):
            dropped |= {"taxonomy": None, "taxonomy_format": None, "labels": None}
        if settings.descriptors in (OWN, NONE) and recipe.descriptors:
            dropped["descriptors"] = None
        if settings.descriptors == NONE and self._reads_descriptors(recipe):
            dropped["text"] = [self._registry.required_default("text_builders")]
        return change_recipe(recipe, dropped) if dropped else recipe

    def _reads_descriptors(self, recipe: Recipe) -> bool:
        return any(ref.name == self._builder for ref in recipe.text)

    def check(self, settings: Settings) -> None:
        """Raises AppError for what cannot be chosen."""
        lists: Sequence[tuple[str, str, list[Choice]]] = (
            ("model", settings.model, self.list_models()),
            ("taxonomy", settings.taxonomy, self.list_taxonomies()),
            ("descriptors", settings.descriptors, self.list_descriptors(has_own=True)),
        )
        for what, chosen, choices in lists:
            found = next((one for one in choices if one.id == chosen), None)
            if found is None:
                raise AppError(f"{what}: there is no choice {chosen[:80]!r}")
            if not found.is_available:
                raise AppError(f"{found.name}: {found.about}", 409)

    def _list_given(self, path: Path | None) -> list[Choice]:
        return [Choice(GIVEN, path.name, "of the command line")] if path else []

    def _list_files(self, kind: Kind) -> list[Choice]:
        return [Choice(number, name, "uploaded") for number, (of, _, name) in self._files.items() if of == kind]


def _refuse_unused(recipe: Recipe) -> None:
    for field, what in UNUSED_FIELDS.items():
        if (value := getattr(recipe, field)) is not None:
            raise RecipeError(
                f"--{field.replace('_', '-')} (in a recipe: {field}) {value}: the app names photos one by one; {what} for "
                "`bioclip-x classify`"
            )
