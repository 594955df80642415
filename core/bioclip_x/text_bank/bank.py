"""Embeds prompts once and caches them on disk: safetensors for the embeddings, Arrow for the texts, memory-mapped.

A bank's key is the hash of everything that the embeddings depend on (model, revision, the files it was loaded from, tokenizer,
precision, prompts, and the version of the code that wrote and embeds them), so a stale bank is never read. Pooling is not part
of the key, since it is applied to the embeddings. A bank whose tensors do not match the checksum written with them, or are not
unit rows of the right number and width, is made anew.

Legend: P prompts, D embedding.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open

from bioclip_x.caches import fill_cache_folder, mark_used
from bioclip_x.errors import PluginError
from bioclip_x.faults import abbreviate, naming
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.limits import NUMBER, SMALLEST_WEIGHT
from bioclip_x.records import ModelCard, Prompt, TextBank
from bioclip_x.text_bank.embed_texts import embed_texts

FORMAT: Final = 1
TOLERANCE: Final = 1e-2
"""Tolerated deviation of a stored row's length from 1: half-precision models round."""
ALIGNMENT: Final = 64
"""Bytes, as of PyTorch's own tensors."""
_CHECKSUM: Final = "crc32"


def make_bank_key(card: ModelCard, prompts: Sequence[Prompt]) -> str:
    """Hashes the model card and the prompts: SHA-256, 32 hex digits."""
    digest = hashlib.sha256()
    fields = [FORMAT, card.name, card.revision, card.tokenizer, card.precision, card.dim]
    digest.update(json.dumps(fields).encode())
    for prompt in prompts:
        digest.update(json.dumps([prompt.text, prompt.class_index, prompt.weight]).encode())
    return digest.hexdigest()[:32]


def add_code(key: str, code: str, card: ModelCard) -> str:
    """Hashes a key with the code that the embeddings depend on, and the files that their model was loaded from: 32 hex digits."""
    return hashlib.sha256(f"{key} {code} {card.files}".strip().encode()).hexdigest()[:32]


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
    key = add_code(content, code, encoder.card)
    folder = cache / key if cache else None
    stored = _read(folder, (len(prompts), encoder.card.dim)) if folder else None
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


def _read(folder: Path, shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Reads a bank of the cache: unit embeddings [P, D] and token counts [P]. None where it is missing or damaged.

    shape: P and D.
    """
    file = folder / "embeddings.safetensors"
    if not file.is_file():  # reading a pipe would wait for ever
        return None
    expected = {"embeddings": ("F32", list(shape)), "tokens": ("I32", [shape[0]])}
    try:
        with safe_open(file, "pt") as content:
            found = {name: content.get_slice(name) for name in expected}
            if {name: (one.get_dtype(), one.get_shape()) for name, one in found.items()} != expected:
                return None
            about = content.metadata() or {}
            stored = content.get_tensor("embeddings"), content.get_tensor("tokens")
    except (OSError, SafetensorError):
        return None
    if about.get(_CHECKSUM) != _compute_checksum(*stored) or not _has_unit_rows(stored[0]):
        return None
    mark_used(folder)
    return stored


def _compute_checksum(*tensors: torch.Tensor) -> str:
    """Returns the CRC-32 of the tensors' bytes, eight hex digits."""
    checksum = 0
    for tensor in tensors:
        checksum = zlib.crc32(_view_bytes(tensor), checksum)
    return f"{checksum:08x}"


def _has_unit_rows(embeddings_PD: torch.Tensor) -> bool:
    return bool(((embeddings_PD.norm(dim=1) - 1).abs() <= TOLERANCE).all())  # false for NaN


def _write(folder: Path, stored: tuple[torch.Tensor, torch.Tensor], prompts: Sequence[Prompt]) -> None:
    """Writes a bank to the cache. Does nothing if it cannot be written, since this run has the bank in memory."""
    import pyarrow as pa  # slow to import, and needed for new banks only

    with suppress(OSError), fill_cache_folder(folder) as partial:
        with (partial / "embeddings.safetensors").open("wb") as stream:
            stream.write(_make_header(*stored))
            for tensor in stored:
                stream.write(_view_bytes(tensor))
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


def _make_header(embeddings_PD: torch.Tensor, tokens_P: torch.Tensor) -> bytes:
    """Makes a safetensors header with which the embeddings begin at a multiple of `ALIGNMENT`.

    Products with a matrix that begins elsewhere, as with the library's own header, differ in the last bits, and a run that reads
    a bank is to give the same numbers as the one that made it. A header is its length, 8 bytes, and JSON that may end in spaces.
    """
    middle = embeddings_PD.nbytes
    document = {
        "__metadata__": {_CHECKSUM: _compute_checksum(embeddings_PD, tokens_P)},
        "embeddings": {"dtype": "F32", "shape": list(embeddings_PD.shape), "data_offsets": [0, middle]},
        "tokens": {"dtype": "I32", "shape": list(tokens_P.shape), "data_offsets": [middle, middle + tokens_P.nbytes]},
    }
    header = json.dumps(document).encode()
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    return len(header).to_bytes(8, "little") + header


def _view_bytes(tensor: torch.Tensor) -> memoryview:
    return tensor.contiguous().numpy().reshape(-1).view(np.uint8).data
