"""A model's name → a folder with its configuration and weights, or a name that open_clip knows."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bioclip_x.plugin import ModelError
from bioclip_x_plugins.encoders.aliases import read_aliases
from bioclip_x_plugins.encoders.hub import CONFIG, PICKLE, SAFETENSORS, fetch_model_folder

RECORD = "training.json"
"""Beside a model's weights, optional: how it came about. No part of what it does."""
CARD = "bioclip_x.json"
"""Beside a model's weights, optional: what bioclip-x must know of it (demo, taxonomy, descriptors, gate)."""


@dataclass(frozen=True, slots=True)
class Located:
    """folder: for hf-hub:, local-dir: and embedded models. architecture, tag: for open_clip's own names."""

    name: str
    revision: str
    folder: Path | None = None
    architecture: str = ""
    tag: str = ""


def locate(model: str, name: str = "") -> Located:
    """Finds (and for hf-hub: fetches) a model. Raises ModelError saying what to do where it is not to be had."""
    scheme, rest = split_source(model)
    name = name or model
    if scheme == "hf-hub":
        repository, _, wanted = rest.partition("@")
        folder = fetch_model_folder(repository, wanted or None)
        return Located(name, f"{repository}@{folder.name}", _checked(folder, name))
    if scheme:
        folder = find_local_folder(name, scheme, rest)
        return Located(name, _content_hash(folder), folder)
    architecture, _, tag = rest.partition("/")
    return Located(name, tag, architecture=architecture, tag=tag)


def split_source(model: str) -> tuple[str, str]:
    """("hf-hub", "ORG/NAME[@REVISION]"), ("local-dir", path), ("package", name) or ("", "ARCHITECTURE/TAG").

    Raises ModelError listing the forms that a name can have.
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
            f"no model is called {model!r}; expected one of {known} or another that `bioclip-x models` lists, an "
            "open_clip name with its weights (ViT-B-16/openai), hf-hub:ORG/NAME[@REVISION] or local-dir:PATH"
        )
    return "", model


def find_local_folder(model: str, scheme: str, rest: str) -> Path:
    """The folder of a local-dir: or package: model. Raises ModelError where it is none."""
    if scheme == "local-dir":
        return _checked(Path(rest).expanduser(), model)
    package, _, inside = rest.partition("/")
    spec = None
    with suppress(ImportError, ValueError):  # of a parent that is not there, and of what is no name
        spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"{model}: the package {package} is not installed")
    return _checked(Path(spec.submodule_search_locations[0], inside), model)


def read_card(folder: Path | None) -> dict[str, Any]:
    """What bioclip_x.json in a model's folder says, {} where there is none. Raises ModelError for a broken one."""
    if folder is None or not (folder / CARD).is_file():
        return {}
    try:
        card = json.loads((folder / CARD).read_text("utf-8"))
    except ValueError as problem:
        raise ModelError(f"{folder / CARD} is not valid JSON: {problem}") from None
    gate = card.get("gate", {"file": "", "refusal": ""}) if isinstance(card, dict) else None
    if not isinstance(gate, dict) or not gate.keys() >= {"file", "refusal"}:
        raise ModelError(f"{folder / CARD}: expected a mapping, its 'gate' (if any) with 'file' and 'refusal'")
    for name in ("demo", "taxonomy", "descriptors"):
        if not isinstance(card.get(name, ""), str):
            raise ModelError(f"{folder / CARD}: {name}: expected text, got {card[name]!r}")
    return dict(card)


def _checked(folder: Path, model: str) -> Path:
    """Refuses a folder without configuration: open_clip would guess a preprocessing, and be wrong without a word."""
    if not folder.is_dir():
        raise ModelError(f"{model}: the folder {folder} does not exist")
    if not (folder / CONFIG).is_file() and (folder / "model" / CONFIG).is_file():
        raise ModelError(
            f"{model}: {folder} is the folder of a training run; its model is local-dir:{folder / 'model'}"
        )
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{model}: {folder} holds no {CONFIG}; without it the preprocessing would be a guess")
    if not any((folder / name).is_file() for name in (SAFETENSORS, PICKLE)):
        raise ModelError(f"{model}: {folder} holds no {SAFETENSORS}")
    return folder


def _content_hash(folder: Path) -> str:
    """Of all that decides what the model makes of an image or a text: weights, configurations, tokenizer, gate."""
    digest = hashlib.sha256()
    suffixes = (".json", ".safetensors", ".bin", ".txt", ".model")
    for file in sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in suffixes):
        if file.name == RECORD:
            continue
        digest.update(file.name.encode())
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return f"sha256:{digest.hexdigest()[:16]}"
