"""The open_clip family of models. Light to import: torch is imported by `load`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioclip_x.plugin import EncoderCapabilities, KnownModel, ModelError, OwnClasses, OwnRecipe
from bioclip_x_plugins.encoders.aliases import Alias, ClassesFacts, find_alias, read_aliases
from bioclip_x_plugins.encoders.hub import CONFIG, fetch_dataset_file, is_cached, is_model_cached, read_commit
from bioclip_x_plugins.encoders.locate import (
    CARD,
    find_card_file,
    find_local_folder,
    find_package,
    read_card,
    split_source,
)

if TYPE_CHECKING:
    from bioclip_x_plugins.encoders.loaded import LoadedOpenClip
    from bioclip_x_plugins.encoders.trainable import TrainableOpenClip


class OpenClip:
    """Any open_clip model: an alias, NAME/PRETRAINED, hf-hub:ORG/NAME[@REVISION], local-dir:PATH or package:NAME/FOLDER."""

    capabilities = EncoderCapabilities(
        preprocess=("model", "pybioclip"),
        lists_models=True,
        brings_classes=True,
        brings_recipe=True,
        trains=True,
        raw_embeddings=True,
    )

    def load(
        self, model: str, *, name: str = "", device: str = "auto", precision: str = "auto", preprocess: str = "model"
    ) -> LoadedOpenClip:
        """Finds and loads a model. Raises ModelError, with a remedy, if it cannot."""
        from bioclip_x_plugins.encoders.loaded import load

        return load(model, name or model, device, precision, preprocess)

    def trainable(
        self,
        model: str | Mapping[str, Any],
        *,
        device: str = "auto",
        seed: int = 0,
        image_size: int | None = None,
    ) -> TrainableOpenClip:
        """Returns a model with gradients; see `encoders.trainable`."""
        from bioclip_x_plugins.encoders.loaded import pick_device
        from bioclip_x_plugins.encoders.trainable import make_trainable

        return make_trainable(model, pick_device(device), seed, image_size=image_size)

    def known_models(self) -> Sequence[KnownModel]:
        """Returns the models of models.yaml."""
        return [_make_known_model(name, alias) for name, alias in read_aliases().items()]

    def own_classes(self, model: str, *, name: str = "", embeddings: bool = False) -> OwnClasses | None:
        """Returns the names published for an alias, or the taxonomy named by the card in a local folder."""
        scheme, rest = split_source(model)
        if scheme in ("local-dir", "package"):
            folder = find_local_folder(name or model, scheme, rest)
            root = find_package(rest) if scheme == "package" else None
            taxonomy = find_card_file(folder, read_card(folder).get("taxonomy"), root)
            if not taxonomy:
                return None
            return OwnClasses(taxonomy, source=f"{name or model}: {taxonomy.name}")
        alias = find_alias(model)
        return _fetch_classes(alias.classes, embeddings) if alias and alias.classes else None

    def own_recipe(self, model: str, *, name: str = "") -> OwnRecipe | None:
        """Returns the recipe fields in the card of a local folder; None for a model that `load` will not find, either."""
        try:
            scheme, rest = split_source(model)
            folder = find_local_folder(name or model, scheme, rest) if scheme in ("local-dir", "package") else None
        except ModelError:
            return None
        if folder is None:
            return None
        fields = read_card(folder).get("recipe")
        return OwnRecipe(fields, folder, f"{folder / CARD}: recipe") if fields else None


def _fetch_classes(facts: ClassesFacts, embeddings: bool) -> OwnClasses:
    files = (facts.names, facts.embeddings)
    names = fetch_dataset_file(facts.dataset, facts.names, facts.revision, or_main=True, together=files)
    commit = read_commit(names) or facts.revision
    return OwnClasses(
        taxonomy=names,
        source=f"{facts.dataset}@{commit}: {names.name}",
        reader="tree-of-life",
        # From the same commit as the names, since columns and rows correspond.
        embeddings=fetch_dataset_file(facts.dataset, facts.embeddings, commit, together=files) if embeddings else None,
        text=facts.text,
        text_with_common=facts.text_with_common,
    )


def _make_known_model(name: str, alias: Alias) -> KnownModel:
    scheme, rest = split_source(name)
    folder = None if scheme == "hf-hub" else find_local_folder(name, scheme, rest)
    dim, size, resize = _read_folder_facts(folder) if folder else _read_alias_facts(alias)
    classes = alias.classes.about if alias.classes else "its own species" if "taxonomy" in read_card(folder) else ""
    return KnownModel(
        name=name,
        source=alias.source,
        summary=alias.summary,
        architecture=alias.architecture or "its own",
        dim=dim,
        image_size=size,
        resize=resize,
        licence=alias.licence,
        classes=classes,
        is_cached=folder is not None or is_model_cached(rest),
        classes_cached=_are_cached(alias.classes) if alias.classes else (True if classes else None),
        facts=alias.model_dump(mode="json", exclude_none=True),
    )


def _read_alias_facts(alias: Alias) -> tuple[int, int, str]:
    """Returns embedding dimension, pixels per side, and resize mode."""
    assert alias.dim and alias.image  # ensured by the schema
    return alias.dim, alias.image.size, alias.image.resize


def _read_folder_facts(folder: Path) -> tuple[int, int, str]:
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    size = config["preprocess_cfg"]["size"]
    return (
        config["model_cfg"]["embed_dim"], size if isinstance(size, int) else size[0], config["preprocess_cfg"]["resize_mode"]
    )  # fmt: skip


def _are_cached(facts: ClassesFacts) -> bool:
    return any(
        all(is_cached(facts.dataset, file, revision, "dataset") for file in (facts.names, facts.embeddings))
        for revision in (facts.revision, "main")
    )
