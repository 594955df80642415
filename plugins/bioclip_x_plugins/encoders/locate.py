"""A model's name → a folder with its configuration and weights, or a name that open_clip knows."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from bioclip_x.errors import ModelError

CONFIG = "open_clip_config.json"
SAFETENSORS = "open_clip_model.safetensors"
PICKLE = "open_clip_pytorch_model.bin"
RECORD = "training.json"
"""Beside a model's weights, optional: how it came about. No part of what it does."""
CARD = "bioclip_x.json"
"""Beside a model's weights, optional: what bioclip-x must know of it (demo, taxonomy, descriptors, gate)."""
_TOKENIZER_FILES = ["tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "*.model", "config.json"]


@dataclass(frozen=True, slots=True)
class Located:
    """folder: for hf-hub:, local-dir: and embedded models. architecture, tag: for open_clip's own names."""

    name: str
    revision: str
    folder: Path | None = None
    architecture: str = ""
    tag: str = ""


@cache
def aliases() -> dict[str, dict[str, str]]:
    """Alias → its source and one-line summary."""
    loaded: dict[str, dict[str, str]] = yaml.safe_load(files(__package__).joinpath("models.yaml").read_text("utf-8"))
    return loaded


def locate(model: str, cache_dir: Path | None = None) -> Located:
    """Finds (and for hf-hub: fetches) a model. Raises ModelError saying what to do where it is not to be had."""
    alias, _, revision = model.partition("@") if ":" not in model else (model, "", "")
    source = aliases()[alias]["source"] + (f"@{revision}" if revision else "") if alias in aliases() else model
    scheme, _, rest = source.partition(":")
    if scheme == "hf-hub":
        repository, _, wanted = rest.partition("@")
        folder = _snapshot(repository, wanted or None, cache_dir)
        return Located(model, f"{repository}@{folder.name}", _checked(folder, model))
    if scheme == "local-dir":
        folder = _checked(Path(rest).expanduser(), model)
        return Located(model, _content_hash(folder), folder)
    if scheme == "package":
        package, _, inside = rest.partition("/")
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(f"{model}: the package {package} is not installed")
        folder = _checked(Path(spec.submodule_search_locations[0], inside), model)
        return Located(model, _content_hash(folder), folder)
    if Path(model).is_dir():
        raise ModelError(f"{model} is a folder; say local-dir:{model}")
    architecture, slash, tag = model.partition("/")
    if not slash:
        known = ", ".join(aliases())
        raise ModelError(
            f"no model is called {model!r}; expected one of {known}, an open_clip name with its weights "
            "(ViT-B-16/openai), hf-hub:ORG/NAME[@REVISION] or local-dir:PATH"
        )
    return Located(model, tag, architecture=architecture, tag=tag)


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


def _snapshot(repository: str, revision: str | None, cache_dir: Path | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def fetch(weights: str, here: bool = False) -> Path:
        wanted = [CONFIG, weights, *_TOKENIZER_FILES]
        return Path(
            snapshot_download(
                repository, revision=revision, cache_dir=cache_dir, allow_patterns=wanted, local_files_only=here
            )
        )

    if revision and re.fullmatch("[0-9a-f]{40}", revision):
        # A commit never changes: where it is in the cache, there is nothing to ask the hub.
        with contextlib.suppress(LocalEntryNotFoundError):
            folder = fetch(SAFETENSORS, here=True)
            if (folder / CONFIG).exists() and any((folder / name).exists() for name in (SAFETENSORS, PICKLE)):
                return folder
    at = f" --revision {revision}" if revision else ""
    try:
        folder = fetch(SAFETENSORS)
        return folder if (folder / SAFETENSORS).exists() else fetch(PICKLE)
    except HFValidationError as problem:
        raise ModelError(f"hf-hub:{repository}: not a repository's name: {problem}") from None
    except LocalEntryNotFoundError:
        raise ModelError(
            f"hf-hub:{repository}: not in this machine's hub cache, and the hub cannot be reached. On a machine with a "
            f"network run `hf download {repository}{at}` and copy its cache (~/.cache/huggingface) here, or set HF_HOME "
            "to where it lies"
        ) from None
    except (HfHubHTTPError, OSError) as problem:
        raise ModelError(f"hf-hub:{repository}: cannot be fetched: {problem}") from problem


def _content_hash(folder: Path) -> str:
    """Of all that decides what the model makes of a picture or a text: weights, configurations, tokenizer, gate."""
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
