"""The Hugging Face hub: models' folders and published files, fetched once and found again without a network."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from bioclip_x.plugin import ModelError

CONFIG = "open_clip_config.json"
SAFETENSORS = "open_clip_model.safetensors"
PICKLE = "open_clip_pytorch_model.bin"
_TOKENIZER_FILES = ["tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "*.model", "config.json"]


def fetch_model_folder(repository: str, revision: str | None) -> Path:
    """The snapshot of a model. Raises ModelError saying what to run where it is not to be had."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fetch(weights: str, here: bool = False) -> Path:
        wanted = [CONFIG, weights, *_TOKENIZER_FILES]
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted, local_files_only=here))

    if revision and re.fullmatch("[0-9a-f]{40}", revision):
        # A commit never changes: where it is in the cache, there is nothing to ask the hub.
        with contextlib.suppress(LocalEntryNotFoundError):
            folder = fetch(SAFETENSORS, here=True)
            if (folder / CONFIG).exists() and any((folder / name).exists() for name in (SAFETENSORS, PICKLE)):
                return folder
    at = f" --revision {revision}" if revision else ""
    with _told(f"hf-hub:{repository}", f"hf download {repository}{at}"):
        folder = fetch(SAFETENSORS)
        return folder if (folder / SAFETENSORS).exists() else fetch(PICKLE)


def fetch_dataset_file(
    repository: str,
    file: str,
    revision: str,
    *,
    or_main: bool = False,
    together: Sequence[str] = (),
) -> Path:
    """One file of a data set at a commit.

    Raises ModelError saying what to run where it is not to be had.

    or_main: without a network, that of the cached main branch if there is no other.
    together: the files to be named in what an error says.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    files = " ".join(together or [file])
    with _told(f"{repository}, {file}", f"hf download --repo-type dataset --revision {revision} {repository} {files}"):
        for wanted, here in ((revision, True), (revision, False), *([("main", True)] if or_main else [])):
            with contextlib.suppress(LocalEntryNotFoundError):
                found = hf_hub_download(repository, file, repo_type="dataset", revision=wanted, local_files_only=here)
                return Path(found)
        raise LocalEntryNotFoundError(file)


def is_model_cached(repository: str) -> bool:
    """Whether configuration and weights of the main branch lie on this machine. Asks no network."""
    return is_cached(repository, CONFIG, "main", "model") and any(
        is_cached(repository, file, "main", "model") for file in (SAFETENSORS, PICKLE)
    )


def is_cached(repository: str, file: str, revision: str, kind: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file, revision=revision, repo_type=kind)
    return isinstance(found, str)


def read_commit(file: Path) -> str:
    """The commit in the path of a cached file, …/snapshots/COMMIT/…; "" where there is none."""
    nearest = ((below.name, above.name) for below, above in pairwise(file.parents))
    return next((commit for commit, above in nearest if above == "snapshots"), "")


@contextlib.contextmanager
def _told(what: str, command: str) -> Iterator[None]:
    """The hub's errors as ModelErrors that say what to do."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        yield
    except HFValidationError as problem:
        raise ModelError(f"{what}: not a repository's name: {problem}") from None
    except LocalEntryNotFoundError:
        raise ModelError(
            f"{what}: not in this machine's hub cache, and the hub cannot be reached. On a machine with a network run "
            f"`{command}` and copy its cache (~/.cache/huggingface) here, or set HF_HOME to where it lies"
        ) from None
    except (HfHubHTTPError, OSError) as problem:
        raise ModelError(f"{what}: cannot be fetched: {problem}") from problem
