from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x.records import Prompt, TextBank
from bioclip_x.text_bank.half_precision import CHUNK, add_half_precision


def bank(n: int = 5) -> TextBank:
    rows_PD = torch.nn.functional.normalize(torch.randn(n, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    prompts = [Prompt(f"text {p}", p, "name") for p in range(n)]
    return TextBank(prompts, rows_PD, np.arange(n), np.ones(n, np.float32), n, "mean", "key")


@pytest.mark.parametrize("n", [5, CHUNK + 3])
def test_the_copy_is_the_rounded_bank_in_memory_and_on_disk(tmp_path: Path, n: int) -> None:
    whole = bank(n)
    for cache in (None, tmp_path):
        made = add_half_precision(whole, cache)
        assert made.half_PD is not None and made.half_PD.dtype == torch.float16
        assert torch.equal(made.half_PD, whole.embeddings_PD.half())
        assert made.embeddings_PD is whole.embeddings_PD
    assert np.array_equal(np.load(tmp_path / "key" / "half.npy"), whole.embeddings_PD.half().numpy())


def test_a_stored_copy_is_read_again(tmp_path: Path) -> None:
    add_half_precision(bank(), tmp_path)
    file = tmp_path / "key" / "half.npy"
    written = file.stat().st_mtime_ns
    assert torch.equal(add_half_precision(bank(), tmp_path).half_PD, bank().embeddings_PD.half())  # type: ignore[arg-type]
    assert file.stat().st_mtime_ns == written


def test_a_damaged_or_mismatched_file_is_rewritten(tmp_path: Path) -> None:
    file = tmp_path / "key" / "half.npy"
    file.parent.mkdir()
    file.write_bytes(b"broken")
    assert torch.equal(add_half_precision(bank(), tmp_path).half_PD, bank().embeddings_PD.half())  # type: ignore[arg-type]
    assert torch.equal(add_half_precision(bank(4), tmp_path).half_PD, bank(4).embeddings_PD.half())  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_written_leaves_the_copy_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    made = add_half_precision(replace(bank(), key="k"), tmp_path / "file")
    assert torch.equal(made.half_PD, bank().embeddings_PD.half())  # type: ignore[arg-type]
