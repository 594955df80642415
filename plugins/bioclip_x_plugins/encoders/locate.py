"""Resolves a model's name to a folder with its configuration and weights, or to an open_clip name."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioclip_x.plugin import MODEL_DOCUMENT_BYTES, MODEL_FILE_BYTES, ModelError, open_tensors, read_yaml, resolve_inside
from bioclip_x_plugins.encoders.aliases import read_aliases
from bioclip_x_plugins.encoders.hub import CONFIG, PICKLE, SAFETENSORS, fetch_model_folder

RECORD = "training.json"
"""Optional file beside a model's weights: the record of its training. Does not affect the model."""
CARD = "bioclip_x.json"
"""Optional file beside a model's weights: its metadata for bioclip-x (demo, taxonomy, descriptors, recipe, gate)."""


@dataclass(frozen=True, slots=True)
class Located:
    """A located model. folder: of hf-hub:, local-dir: and package: models. root: of package: models, the package's folder.

    architecture, tag: of open_clip names.
    """

    name: str
    revision: str
    folder: Path | None = None
    root: Path | None = None
    architecture: str = ""
    tag: str = ""


def locate(model: str, name: str = "") -> Located:
    """Finds a model, and downloads it for hf-hub:. Raises ModelError, with a remedy, if it cannot."""
    scheme, rest = split_source(model)
    name = name or model
    if scheme == "hf-hub":
        repository, _, revision = rest.partition("@")
        folder = fetch_model_folder(repository, revision or None)
        check_weights(_check_folder(folder, name), name)
        return Located(name, f"{repository}@{folder.name}", folder)
    if scheme:
        folder = find_local_folder(name, scheme, rest)
        check_weights(folder, name)  # before the whole file is read
        return Located(name, _hash_content(folder), folder, find_package(rest) if scheme == "package" else None)
    architecture, _, tag = rest.partition("/")
    if not tag:
        raise ModelError(f"{name}: expected ARCHITECTURE/WEIGHTS, such as ViT-B-16/openai")
    return Located(name, tag, architecture=architecture, tag=tag)


def split_source(model: str) -> tuple[str, str]:
    """Returns ("hf-hub", "ORG/NAME[@REVISION]"), ("local-dir", path), ("package", name) or ("", "ARCHITECTURE/TAG").

    Raises ModelError listing the valid forms of names.
    """
    alias, _, revision = model.partition("@") if ":" not in model else (model, "", "")
    source = read_aliases()[alias].source + (f"@{revision}" if revision else "") if alias in read_aliases() else model
    scheme, _, rest = source.partition(":")
    if scheme in ("hf-hub", "local-dir", "package"):
        return scheme, rest
    if Path(model).is_dir():
        raise ModelError(f"{model} is a folder; say local-dir:{model}")
    if "/" not in model:
        known = ", ".join(read_aliases())
        raise ModelError(
            f"no model is called {model!r}; expected one of {known} or another one listed by `bioclip-x models`, an "
            "open_clip name with its weights (ViT-B-16/openai), hf-hub:ORG/NAME[@REVISION] or local-dir:PATH"
        )
    return "", model


def find_local_folder(model: str, scheme: str, rest: str) -> Path:
    """Returns the folder of a local-dir: or package: model. Raises ModelError if it is missing or incomplete."""
    if scheme == "local-dir":
        return _check_folder(Path(rest).expanduser(), model)
    package = find_package(rest)
    if package is None:
        raise ModelError(f"{model}: the package {rest.partition('/')[0]} is not installed")
    return _check_folder(package / rest.partition("/")[2], model)


def find_package(rest: str) -> Path | None:
    """Returns the folder of the package in NAME/FOLDER; None if it is not installed."""
    spec = None
    with suppress(ImportError, ValueError):  # for a missing parent package, and for an invalid name
        spec = importlib.util.find_spec(rest.partition("/")[0])
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def read_card(folder: Path | None) -> dict[str, Any]:
    """Reads bioclip_x.json in a model's folder; {} if there is none. Raises ModelError for an invalid one."""
    if folder is None or not os.path.lexists(folder / CARD):
        return {}
    _check_file(folder / CARD)
    card = read_yaml(folder / CARD, ModelError, most=MODEL_DOCUMENT_BYTES)
    gate = card.get("gate", {"file": "", "refusal": ""}) if isinstance(card, dict) else None
    if not isinstance(gate, dict) or not all(isinstance(gate.get(key), str) for key in ("file", "refusal")):
        raise ModelError(f"{folder / CARD}: expected a mapping, its 'gate' (if any) with 'file' and 'refusal'")
    for name in ("demo", "taxonomy", "descriptors", "text_prefix"):
        if not isinstance(card.get(name, ""), str):
            raise ModelError(f"{folder / CARD}: {name}: expected text, got {card[name]!r}")
    if not isinstance(card.get("recipe", {}), dict):
        raise ModelError(f"{folder / CARD}: recipe: expected a mapping of recipe fields, got {card['recipe']!r}")
    return dict(card)


def find_card_file(folder: Path, name: str | None, root: Path | None = None) -> Path | None:
    """Returns the file that a model's card names; None for no name. Raises ModelError if it is outside the folder.

    root: of a model in a package, the package, in which the file may be as well.
    """
    return resolve_inside(folder, name, ModelError, str(folder / CARD), root=root) if name else None


def _check_folder(folder: Path, model: str) -> Path:
    """Raises ModelError for an incomplete folder: without a configuration, open_clip would silently guess the preprocessing."""
    if not folder.is_dir():
        raise ModelError(f"{model}: the folder {folder} does not exist")
    if not (folder / CONFIG).is_file() and (folder / "model" / CONFIG).is_file():
        raise ModelError(
            f"{model}: {folder} is the folder of a training run; its model is local-dir:{folder / 'model'}"
        )
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{model}: {folder} has no {CONFIG}; without it the preprocessing would be a guess")
    weights = [folder / name for name in (SAFETENSORS, PICKLE) if os.path.lexists(folder / name)]
    if not weights:
        raise ModelError(f"{model}: {folder} has no {SAFETENSORS}")
    for file in weights:
        _check_file(file)
    return folder


def _check_file(file: Path) -> None:
    """Raises ModelError for what is no regular file: a pipe would be waited for, and a device has no end."""
    if not file.is_file():
        raise ModelError(f"{file}: expected a file, found a folder, a pipe, a device or a link that leads nowhere")


def check_weights(folder: Path, model: str) -> None:
    """Raises ModelError if a model's weights are no whole safetensors file: their header is checked, which takes no time.

    Pickles are checked when they are loaded.
    """
    if (folder / SAFETENSORS).exists():
        try:
            with open_tensors(folder / SAFETENSORS, ModelError):
                pass
        except ModelError as problem:
            raise ModelError(f"{model}: {problem}") from None


def _hash_content(folder: Path) -> str:
    """Hashes everything that affects the model's output: weights, configurations, tokenizer, gate."""
    digest = hashlib.sha256()
    suffixes = (".json", ".safetensors", ".bin", ".txt", ".model")
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in suffixes):
        if file.name == RECORD:
            continue
        if file.suffix in (".json", ".txt") and file.stat().st_size > MODEL_FILE_BYTES:
            raise ModelError(
                f"{file} has more than {MODEL_FILE_BYTES:,} bytes, which no file of a tokenizer has; remove it"
            )
        digest.update(file.name.encode())
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()[:16]}"
