"""Fetches model folders and published files from the Hugging Face hub, and finds cached ones without a network."""

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
    """Fetches the snapshot of a model. Raises ModelError, with the command to run, if it cannot."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fetch(weights: str, local_only: bool = False) -> Path:
        patterns = [CONFIG, weights, *_TOKENIZER_FILES]
        return Path(
            snapshot_download(repository, revision=revision, allow_patterns=patterns, local_files_only=local_only)
        )

    if revision and re.fullmatch("[0-9a-f]{40}", revision):
        # A commit never changes, so a cached one needs no request to the hub.
        with contextlib.suppress(LocalEntryNotFoundError):
            folder = fetch(SAFETENSORS, local_only=True)
            if (folder / CONFIG).exists() and any((folder / name).exists() for name in (SAFETENSORS, PICKLE)):
                return folder
    at = f" --revision {revision}" if revision else ""
    with _explain_errors(f"hf-hub:{repository}", f"hf download {repository}{at}"):
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
    """Fetches one file of a data set at a commit.

    or_main: without a network, fall back to the cached main branch.
    together: all files that the command in an error downloads.

    Raises ModelError, with the command to run, if it cannot.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    files = " ".join(together or [file])
    with _explain_errors(
        f"{repository}, {file}", f"hf download --repo-type dataset --revision {revision} {repository} {files}"
    ):
        for commit, local_only in ((revision, True), (revision, False), *([("main", True)] if or_main else [])):
            with contextlib.suppress(LocalEntryNotFoundError):
                path = hf_hub_download(
                    repository, file, repo_type="dataset", revision=commit, local_files_only=local_only
                )
                return Path(path)
        raise LocalEntryNotFoundError(file)


def is_model_cached(repository: str) -> bool:
    """Returns whether configuration and weights of the main branch are cached. Uses no network."""
    return is_cached(repository, CONFIG, "main", "model") and any(
        is_cached(repository, file, "main", "model") for file in (SAFETENSORS, PICKLE)
    )


def is_cached(repository: str, file: str, revision: str, kind: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repository, file, revision=revision, repo_type=kind)
    return isinstance(path, str)


def read_commit(file: Path) -> str:
    """Returns the commit in the path of a cached file, …/snapshots/COMMIT/…; "" if there is none."""
    nearest = ((below.name, above.name) for below, above in pairwise(file.parents))
    return next((commit for commit, above in nearest if above == "snapshots"), "")


@contextlib.contextmanager
def _explain_errors(what: str, command: str) -> Iterator[None]:
    """Turns the hub's errors into ModelErrors with a remedy."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        yield
    except HFValidationError as problem:
        raise ModelError(f"{what}: not a valid repository name: {problem}") from None
    except LocalEntryNotFoundError:
        raise ModelError(
            f"{what}: not in this machine's hub cache, and the hub cannot be reached. On a machine with network access run "
            f"`{command}` and copy its cache (~/.cache/huggingface) here, or set HF_HOME to its location"
        ) from None
    except (HfHubHTTPError, OSError) as problem:
        raise ModelError(f"{what}: cannot be fetched: {problem}") from problem
