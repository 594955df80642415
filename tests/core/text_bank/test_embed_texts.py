"""Embedding many texts survives interrupts, and needs no cache."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x.io.storage.journal import Journal, read_header
from bioclip_x.records import ModelCard, Prompt
from bioclip_x.text_bank import embed_texts as module
from bioclip_x.text_bank.bank import build_bank
from bioclip_x.text_bank.embed_texts import embed_texts

TEXTS = [f"text {number}" for number in range(10)]


class Encoder:
    """Embeds a text as its sum of characters, and is interrupted after `n_calls` calls."""

    def __init__(self, n_calls: int = 100) -> None:
        self.card = ModelCard("m", "1", "t", "fp32", 2, 1.0, 0.0, context_length=5)
        self.left, self.asked = n_calls, 0

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.asked += len(texts)
        sums = [sum(map(ord, text)) for text in texts]
        return torch.tensor([[np.cos(value), np.sin(value)] for value in sums], dtype=torch.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1] * len(texts)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)


def embed(encoder: Encoder, journal: Path | None, texts: Sequence[str] = TEXTS) -> torch.Tensor:
    return embed_texts(encoder, texts, journal, lambda done, total: None)  # type: ignore[arg-type]


def test_an_interrupted_run_continues(tmp_path: Path) -> None:
    journal = tmp_path / "key.partial"
    with pytest.raises(KeyboardInterrupt):
        embed(Encoder(n_calls=2), journal)
    journal.write_bytes(journal.read_bytes()[:-1])  # the second part is torn
    encoder = Encoder()
    assert torch.equal(embed(encoder, journal), embed(Encoder(), None))
    assert encoder.asked == 7 and not journal.exists()


def test_parts_of_other_texts_are_not_used(tmp_path: Path) -> None:
    journal = tmp_path / "key.partial"
    with pytest.raises(KeyboardInterrupt):
        embed(Encoder(n_calls=2), journal)
    encoder = Encoder()
    embed(encoder, journal, TEXTS[::-1])
    assert encoder.asked == 10


def test_a_bank_has_the_bytes_of_an_unbroken_run(tmp_path: Path) -> None:
    prompts = [Prompt(text, number, "common") for number, text in enumerate(TEXTS)]

    def build(encoder: Encoder, cache: Path) -> dict[str, bytes]:
        build_bank(encoder, prompts, 10, cache=cache)  # type: ignore[arg-type]
        return {str(file.relative_to(cache)): file.read_bytes() for file in cache.rglob("*") if file.is_file()}

    whole = build(Encoder(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        build(Encoder(n_calls=2), tmp_path / "broken")
    assert [file.suffix for file in (tmp_path / "broken").iterdir()] == [".partial"]
    assert build(Encoder(), tmp_path / "broken") == whole
    assert len(whole) == 2


@pytest.mark.parametrize("place", ["file/key.partial", "locked"])
def test_no_cache_is_needed(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    other, _ = Journal.open(tmp_path / "locked", {})
    with other:
        assert torch.equal(embed(Encoder(), tmp_path / place), embed(Encoder(), None))


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []

    def fail_at_third(handle: object, raw: bytes) -> None:
        writes.append(raw)
        if len(writes) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("bioclip_x.io.storage.journal.write_all", fail_at_third)
    assert torch.equal(embed(Encoder(), tmp_path / "key.partial"), embed(Encoder(), None))
    assert len(writes) == 3 and not (tmp_path / "key.partial").exists()


def test_what_is_no_journal_of_these_texts_is_replaced(tmp_path: Path) -> None:
    """A part of another size, one that is not finite, too many parts, another file, a folder, a pipe."""
    expected = embed(Encoder(), None)
    path = tmp_path / "key.partial"
    with pytest.raises(KeyboardInterrupt):
        embed(Encoder(n_calls=1), path)
    begun = path.read_bytes()

    def add(*records: bytes) -> None:
        path.write_bytes(begun)
        header = read_header(path)
        with Journal.open(path, header)[0] as journal:
            for record in records:
                journal.append(record)

    for records in (
        [bytes(4)],
        [bytes(4 * 2 * 2)],
        [np.full(6, np.nan, "<f4").tobytes()],
        [expected[3:6].numpy().tobytes(), expected[6:9].numpy().tobytes(), expected[9:].numpy().tobytes(), bytes(8)],
    ):
        add(*records)
        encoder = Encoder()
        assert torch.equal(embed(encoder, path), expected)
        assert encoder.asked == (7 if len(records) == 1 else 0) and not path.exists()
    for make in (Path.mkdir, os.mkfifo, lambda path: path.write_bytes(b"{}\n" * 9), lambda path: path.symlink_to(path)):
        make(path)
        with pytest.raises(KeyboardInterrupt):
            embed(Encoder(n_calls=2), path)
        encoder = Encoder()
        assert torch.equal(embed(encoder, path), expected)
        assert encoder.asked == 4 and not path.exists()
