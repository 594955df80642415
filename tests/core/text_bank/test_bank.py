from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, save

from bioclip_x.errors import PluginError
from bioclip_x.records import ModelCard, Prompt
from bioclip_x.text_bank.bank import ALIGNMENT, build_bank, make_bank_key


class Encoder:
    """Embeds a text as its length, and records the texts."""

    def __init__(self, revision: str = "1", precision: str = "fp32") -> None:
        self.card = ModelCard("m", revision, "t", precision, 2, 1.0, 0.0, context_length=5)
        self.asked: list[str] = []
        self.scale = 1.0

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        self.asked += texts
        rows = torch.tensor([[np.cos(len(t)), np.sin(len(t))] for t in texts], dtype=torch.float32)
        return rows if self.scale == 1 else rows * self.scale

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(t) for t in texts]


PROMPTS = (
    Prompt("aa", 0, "common"),
    Prompt("bbb", 0, "common"),
    Prompt("aa", 1, "common"),
    Prompt("cccccc", 2, "common"),
)


def test_the_second_run_does_not_encode(tmp_path: Path) -> None:
    first, second = Encoder(), Encoder()
    one = build_bank(first, PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
    two = build_bank(second, PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
    assert first.asked == ["aa", "bbb", "cccccc"], "each distinct text once"
    assert second.asked == []
    torch.testing.assert_close(one.embeddings_PD, two.embeddings_PD, atol=0, rtol=0)
    assert one.owner_P.tolist() == [0, 0, 1, 2] and one.of_class(0) == slice(0, 2) and one.of_class(2) == slice(3, 4)
    assert one.truncated == two.truncated == 1
    torch.testing.assert_close(one.embeddings_PD[0], one.embeddings_PD[2])


def test_the_texts_on_disk_can_be_read(tmp_path: Path) -> None:
    bank = build_bank(Encoder(), PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
    with pa.memory_map(str(tmp_path / bank.key / "prompts.arrow")) as source:
        assert pa.ipc.open_file(source).read_all()["text"].to_pylist() == ["aa", "bbb", "aa", "cccccc"]


@pytest.mark.parametrize(
    ("encoder", "prompts"),
    [
        (Encoder(revision="2"), PROMPTS),
        (Encoder(precision="fp16"), PROMPTS),
        (Encoder(), (Prompt("aa", 0, "common"), *PROMPTS[2:])),
        (Encoder(), (*PROMPTS[:3], Prompt("cccccc", 2, "common", weight=2.0))),
    ],
)
def test_the_key_covers_everything_that_embeddings_depend_on(encoder: Encoder, prompts: tuple[Prompt, ...]) -> None:
    assert make_bank_key(encoder.card, prompts) != make_bank_key(Encoder().card, PROMPTS)


def test_a_damaged_bank_is_rebuilt(tmp_path: Path) -> None:
    key = build_bank(Encoder(), PROMPTS, 3, cache=tmp_path).key  # type: ignore[arg-type]
    file = tmp_path / key / "embeddings.safetensors"
    file.write_bytes(file.read_bytes()[:40])
    again = Encoder()
    build_bank(again, PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
    assert again.asked
    mended = Encoder()
    build_bank(mended, PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
    assert mended.asked == []


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    bank = build_bank(Encoder(), PROMPTS, 3, cache=blocked)  # type: ignore[arg-type]
    assert bank.embeddings_PD.shape == (4, 2)
    assert build_bank(Encoder(), PROMPTS, 3).key == bank.key  # type: ignore[arg-type]


def test_changed_tensors_are_not_believed(tmp_path: Path) -> None:
    expected = build_bank(Encoder(), PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
    file = tmp_path / expected.key / "embeddings.safetensors"
    whole = file.read_bytes()
    tensors = load(whole)
    rows, tokens = tensors["embeddings"], tensors["tokens"]
    with safe_open(file, "pt") as stored:
        about = stored.metadata()
    changed = [
        ({"embeddings": rows.flip(0).contiguous(), "tokens": tokens}, about),
        ({"embeddings": rows * 2, "tokens": tokens}, about),
        ({"embeddings": rows, "tokens": tokens - 9}, about),
        ({"embeddings": rows, "tokens": tokens}, None),
        ({"embeddings": rows[:-1].contiguous(), "tokens": tokens[:-1].contiguous()}, about),
        ({"embeddings": rows.double(), "tokens": tokens}, about),
    ]
    for content, metadata in changed:
        file.write_bytes(save(content, metadata))
        bank = build_bank(Encoder(), PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
        torch.testing.assert_close(bank.embeddings_PD, expected.embeddings_PD, atol=0, rtol=0)
        assert bank.truncated == 1 and file.read_bytes() == whole


def test_rows_that_are_no_directions_are_not_believed(tmp_path: Path) -> None:
    """Even with the right checksum, as an encoder at fault would have them written."""
    for value in (0.0, 3.0):  # others are refused when they are embedded
        encoder = Encoder()
        encoder.scale = value
        key = build_bank(encoder, PROMPTS, 3, cache=tmp_path).key  # type: ignore[arg-type]
        assert (tmp_path / key).is_dir()
        again = Encoder()
        bank = build_bank(again, PROMPTS, 3, cache=tmp_path)  # type: ignore[arg-type]
        assert again.asked and bool((bank.embeddings_PD.norm(dim=1) - 1).abs().max() < 1e-6)
        shutil.rmtree(tmp_path / key)


def test_a_bank_that_is_read_is_aligned_as_one_that_was_made(tmp_path: Path) -> None:
    """Products with it then have the same last bits."""
    prompts = [Prompt("a" * n, n, "common") for n in range(1, 12)]
    for count in range(1, len(prompts)):
        build_bank(Encoder(), prompts[:count], 12, cache=tmp_path)  # type: ignore[arg-type]
        again = Encoder()
        bank = build_bank(again, prompts[:count], 12, cache=tmp_path)  # type: ignore[arg-type]
        assert not again.asked and bank.embeddings_PD.data_ptr() % ALIGNMENT == 0


def test_the_key_covers_the_files_of_the_model(tmp_path: Path) -> None:
    one, other = Encoder(), Encoder()
    other.card = replace(other.card, files="changed in place")
    first, second = (build_bank(encoder, PROMPTS, 3, cache=tmp_path) for encoder in (one, other))  # type: ignore[arg-type]
    assert other.asked and first.key != second.key
    assert first.content == second.content, "what a calibration is valid for is the same on every machine"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((1e40, 1), "has the weight 1e"),
        ((float("nan"), 1), "has the weight nan"),
        ((-1, 1), "has the weight -1"),
        ((1e-46, 1e-31), "weights below 1e-30"),
    ],
)
def test_weights_that_float32_does_not_hold(weights: tuple[float, float], message: str) -> None:
    prompts = [Prompt(text, 0, "common", weight=weight) for text, weight in zip("ab", weights)]
    with pytest.raises(PluginError, match=message):
        build_bank(Encoder(), prompts, 1)  # type: ignore[arg-type]
    kept = [Prompt("a", 0, "common", weight=1e-46), Prompt("b", 0, "common", weight=1e30)]
    assert build_bank(Encoder(), kept, 1).weight_P.tolist() == [0, np.float32(1e30)]  # type: ignore[arg-type]
