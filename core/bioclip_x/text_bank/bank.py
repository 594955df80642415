"""Embeds prompts once and caches them on disk: safetensors for the embeddings, Arrow for the texts, memory-mapped.

A bank's key is the hash of everything that the embeddings depend on (model, revision, tokenizer, precision, prompts, and the
version of the code that wrote and embeds them), so a stale bank is never read. Pooling is not part of the key, since it is
applied to the embeddings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bioclip_x.caches import fill_cache_folder, mark_used
from bioclip_x.errors import PluginError
from bioclip_x.faults import abbreviate, naming
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.limits import NUMBER, SMALLEST_WEIGHT
from bioclip_x.records import ModelCard, Prompt, TextBank
from bioclip_x.text_bank.embed_texts import embed_texts

FORMAT: Final = 1


def make_bank_key(card: ModelCard, prompts: Sequence[Prompt]) -> str:
    """Hashes the model card and the prompts: SHA-256, 32 hex digits."""
    digest = hashlib.sha256()
    fields = [FORMAT, card.name, card.revision, card.tokenizer, card.precision, card.dim]
    digest.update(json.dumps(fields).encode())
    for prompt in prompts:
        digest.update(json.dumps([prompt.text, prompt.class_index, prompt.weight]).encode())
    return digest.hexdigest()[:32]


def add_code(key: str, code: str) -> str:
    """Hashes a key with the identity of the code that the embeddings depend on: 32 hex digits."""
    return hashlib.sha256(f"{key} {code}".encode()).hexdigest()[:32]


def build_bank(
    encoder: LoadedEncoder,
    prompts: Sequence[Prompt],
    n_classes: int,
    *,
    pooling: str = "mean",
    cache: Path | None = None,
    code: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TextBank:
    """Reads the bank of these prompts from `cache`, or embeds them (each distinct text once) and caches the bank.

    prompts: sorted by class, at least one per class. code: identifies the code of encoder and text builders.
    progress: called with (texts embedded, total texts). If the cache cannot be written, the bank is kept in memory only. An
    interrupted run continues from what it has cached.
    """
    content = make_bank_key(encoder.card, prompts)
    key = add_code(content, code)
    folder = cache / key if cache else None
    stored = _read(folder) if folder else None
    if stored is None:
        journal = cache / f"{key}.partial" if cache else None
        stored = _embed(encoder, [prompt.text for prompt in prompts], journal, progress)
        if folder:
            _write(folder, stored, prompts)
    embeddings_PD, tokens_P = stored
    return TextBank(
        prompts=tuple(prompts),
        embeddings_PD=embeddings_PD,
        owner_P=np.array([prompt.class_index for prompt in prompts], np.int64),
        weight_P=_collect_weights(prompts),
        n_classes=n_classes,
        pooling=pooling,
        key=key,
        content=content,
        truncated=int((tokens_P > encoder.card.context_length).sum()),
    )


def _collect_weights(prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
    """Returns weights, float32 [P]. Raises PluginError for weights whose sum float32 does not hold, or is 0 in a class."""
    weight_P = np.array([prompt.weight for prompt in prompts], np.float64)
    owner_P = np.array([prompt.class_index for prompt in prompts], np.int64)
    if (wrong_P := ~((weight_P >= 0) & (weight_P <= NUMBER))).any():
        one = prompts[int(wrong_P.argmax())]
        raise PluginError(f"{abbreviate(one.text)} has the weight {one.weight}; expected a number from 0 to {NUMBER:g}")
    start_C = np.flatnonzero(np.diff(owner_P, prepend=-1))
    largest_C = np.maximum.reduceat(weight_P, start_C) if len(start_C) else np.ones(1)
    if largest_C.min() < SMALLEST_WEIGHT:
        one = prompts[int(start_C[largest_C.argmin()])]
        raise PluginError(
            f"all texts of a class, {abbreviate(one.text)} among them, have weights below {SMALLEST_WEIGHT:g}"
        )
    return weight_P.astype(np.float32)


def _embed(
    encoder: LoadedEncoder, texts: Sequence[str], journal: Path | None, progress: Callable[[int, int], None]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns unit embeddings [P, D] and token counts [P]. Repeated texts are embedded once."""
    distinct = list(dict.fromkeys(texts))
    with naming(encoder, "count_tokens"):
        tokens = torch.tensor(encoder.count_tokens(distinct), dtype=torch.int32)
    embeddings = embed_texts(encoder, distinct, journal, progress)
    place = {text: i for i, text in enumerate(distinct)}
    rows = torch.tensor([place[text] for text in texts])
    return embeddings[rows].contiguous(), tokens[rows].contiguous()


def _read(folder: Path) -> tuple[torch.Tensor, torch.Tensor] | None:
    try:
        tensors = load_file(folder / "embeddings.safetensors")
        stored = tensors["embeddings"], tensors["tokens"]
    except (OSError, SafetensorError, KeyError):
        return None
    mark_used(folder)
    return stored


def _write(folder: Path, stored: tuple[torch.Tensor, torch.Tensor], prompts: Sequence[Prompt]) -> None:
    """Writes a bank to the cache. Does nothing if it cannot be written, since this run has the bank in memory."""
    import pyarrow as pa  # slow to import, and needed for new banks only

    # safetensors raises an error of its own on a full disk.
    with suppress(OSError, SafetensorError), fill_cache_folder(folder) as partial:
        save_file({"embeddings": stored[0], "tokens": stored[1]}, partial / "embeddings.safetensors")
        table = pa.table(
            {
                "class_index": [p.class_index for p in prompts],
                "kind": [p.kind for p in prompts],
                "text": [p.text for p in prompts],
                "source": [p.source for p in prompts],
                "weight": [p.weight for p in prompts],
            }
        )
        with pa.OSFile(str(partial / "prompts.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
