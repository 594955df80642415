from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bioclip_x.errors import ModelError, PluginError
from bioclip_x.records import ImageFeatures, OwnClasses, TextBank
from bioclip_x.taxonomy.names.lineage_text import format_taxonomic_name
from bioclip_x.text_bank import published
from bioclip_x.text_bank.published import PublishedPrompts, load_published_bank
from bioclip_x_plugins.encoders.open_clip import OpenClip
from bioclip_x_plugins.readers.tables.tree_of_life import TreeOfLifeReader
from bioclip_x_plugins.scorers.text import TextScorer
from tree_of_life import Entry, embeddings, names, text


@pytest.fixture
def encoder(tiny_model: str) -> Any:
    return OpenClip().load(tiny_model, device="cpu")


class Laid:
    """Names and embeddings in a folder, and the bank made of them."""

    def __init__(self, folder: Path, encoder: Any, rows: list[Entry]) -> None:
        self.names, self.columns, self.cache = folder / "names.json", folder / "columns.npy", folder / "banks"
        self.encoder, self.rows = encoder, rows
        self.names.write_text(json.dumps(rows), "utf-8")
        self.tree = TreeOfLifeReader().read(self.names)
        self.own = OwnClasses(
            self.names, "here@1", None, self.columns, "an image of {lineage}.", "an image of {lineage} with common name {common}."
        )  # fmt: skip

    def bank(self, columns_DR: Any = None, pooling: str = "mean") -> tuple[TextBank, tuple[str, ...]]:
        if columns_DR is not None:
            np.save(self.columns, columns_DR)
        return load_published_bank(self.encoder, self.own, self.tree, pooling=pooling, cache=self.cache)


def images(n: int = 4) -> ImageFeatures:
    units_BD = torch.nn.functional.normalize(torch.randn(n, 32, generator=torch.Generator().manual_seed(0)), dim=1)
    return ImageFeatures(units_BD, ("",) * n)


def naive(features: ImageFeatures, columns_DR: np.ndarray, laid: Laid, logit_scale: float) -> np.ndarray:
    """Class scores [B, C] one image, row and dimension at a time: the mean over a class's columns."""
    assert laid.tree.class_of_row is not None
    scores = np.zeros((len(features.embeddings_BD), laid.tree.n_classes))
    counts = np.bincount(laid.tree.class_of_row)
    for b, image_D in enumerate(features.embeddings_BD.double().numpy()):
        for row, class_index in enumerate(laid.tree.class_of_row):
            cosine = sum(x * y for x, y in zip(image_D, columns_DR[:, row].astype(np.float64)))
            scores[b, class_index] += logit_scale * cosine / counts[class_index]
    return scores


def test_scores_equal_a_naive_loop_over_the_file(tmp_path: Path, encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "CHUNK", 64)
    laid = Laid(tmp_path, encoder, names(200))
    columns_DR = embeddings(encoder, laid.rows)
    bank, notes = laid.bank(columns_DR)
    assert (len(bank.prompts), bank.n_classes) == (200, 200) and bank.owner_P.tolist() == list(range(200))
    logits_BC = TextScorer().logits(images(), bank, encoder.card, laid.tree).logits_BC
    np.testing.assert_allclose(logits_BC, naive(images(), columns_DR, laid, encoder.card.logit_scale), atol=1e-4)
    assert len(notes) == 1 and "published with here@1" in notes[0] and "mean cosine of 1.000" in notes[0]


@pytest.mark.parametrize("pooling", ["mean", "ensemble", "max"])
def test_a_lineage_with_two_columns(tmp_path: Path, encoder: Any, pooling: str) -> None:
    rows = [*names(40), [names(40)[7][0], "another name"]]
    laid = Laid(tmp_path, encoder, rows)
    columns_DR = embeddings(encoder, rows)
    bank, _ = laid.bank(columns_DR, pooling)
    assert laid.tree.class_of_row is not None
    twice = laid.tree.class_of_row[7]
    assert (len(bank.owner_P), bank.n_classes) == (41, 40) and bank.of_class(twice).stop - bank.of_class(
        twice
    ).start == 2
    logits_BC = TextScorer().logits(images(), bank, encoder.card, laid.tree).logits_BC
    pair_B2 = images().embeddings_BD.double() @ torch.from_numpy(columns_DR[:, [7, 40]]).double()
    mean_D = columns_DR[:, [7, 40]].astype(np.float64).mean(1)
    expected = {
        "mean": pair_B2.mean(1), "ensemble": pair_B2.mean(1) / np.sqrt((mean_D**2).sum()), "max": pair_B2.max(1).values,
    }[pooling]  # fmt: skip
    torch.testing.assert_close(logits_BC[:, twice].double() / encoder.card.logit_scale, expected, atol=1e-5, rtol=0)
    others = [c for c in range(40) if c != twice]
    np.testing.assert_allclose(
        logits_BC[:, others], naive(images(), columns_DR, laid, encoder.card.logit_scale)[:, others], atol=1e-4
    )


def test_prompts_have_the_texts_of_their_columns(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(100))
    bank, _ = laid.bank(embeddings(encoder, laid.rows))
    assert laid.tree.class_of_row is not None
    for row, class_index in zip(laid.rows, laid.tree.class_of_row):
        [prompt] = bank.prompts[bank.of_class(class_index)]
        assert (prompt.text, prompt.class_index, prompt.source) == (text(row), class_index, "here@1")
    assert bank.prompts[-1] == bank.prompts[99] and len(bank.prompts[10:20]) == 10


def test_empty_columns_are_embedded_and_long_ones_rescaled(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(100))
    whole_DR = embeddings(encoder, laid.rows)
    odd_DR = whole_DR.copy()
    odd_DR[:, 90:] = 0
    odd_DR[:, :5] *= 3
    bank, notes = laid.bank(odd_DR)
    again, notes_again = laid.bank()
    expected, _ = Laid(tmp_path, encoder, laid.rows).bank(whole_DR)
    torch.testing.assert_close(bank.embeddings_PD, expected.embeddings_PD, atol=1e-5, rtol=0)
    assert notes[1:] == (
        "10 of 100 published embeddings are empty (zeros); they were recomputed",
        "5 of 100 published embeddings were not of length 1 and were rescaled",
    )
    assert notes_again == notes and torch.equal(again.embeddings_PD, bank.embeddings_PD)


def test_the_second_run_reads_the_cached_bank(tmp_path: Path, encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    laid = Laid(tmp_path, encoder, names(50))
    first, _ = laid.bank(embeddings(encoder, laid.rows))
    monkeypatch.setattr(published, "_copy_rows", None)
    second, _ = laid.bank()
    assert torch.equal(first.embeddings_PD, second.embeddings_PD) and first.key == second.key
    assert [path.name for path in laid.cache.iterdir()] == [first.key], "no temporary files are left"


def test_a_damaged_bank_is_rebuilt_and_an_unwritable_cache_is_no_error(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(50))
    first, _ = laid.bank(embeddings(encoder, laid.rows))
    file = laid.cache / first.key / "embeddings.npy"
    kept = first.embeddings_PD.clone()
    whole = file.read_bytes()
    for damaged in (whole[:200], b"", b"PK\x03\x04 no zip"):
        file.write_bytes(damaged)
        assert torch.equal(laid.bank()[0].embeddings_PD, kept)
        assert file.read_bytes() == whole
    laid.cache = tmp_path / "a file"
    laid.cache.write_text("in the way")
    assert torch.equal(laid.bank()[0].embeddings_PD, kept)


def test_embeddings_of_another_model_are_refused(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(200))
    random_DR = np.random.default_rng(0).standard_normal((32, 200)).astype(np.float32)
    with pytest.raises(
        ModelError, match=r"embeddings published with here@1 are not of local-dir:.* nearest to their own column"
    ):
        laid.bank(random_DR / np.linalg.norm(random_DR, axis=0))


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (
            lambda e: np.ascontiguousarray(e.T),
            r"expected floating point \[32, 60\] .*got \[60, 32\]; it is transposed",
        ),
        (lambda e: e[:, :-1], r"got \[32, 59\]$"),
        (lambda e: e[:16], r"got \[16, 60\]$"),
        (lambda e: np.where(np.arange(60) == 33, np.nan, e), "column 33 has values that are not finite"),
        (lambda e: (e * 100).astype(np.int32), "expected floating point .*got int32"),
        (lambda e: np.array([{"a": 1}], object), "not embeddings in NumPy's format"),
    ],
)
def test_files_that_do_not_match(tmp_path: Path, encoder: Any, spoilt: Any, message: str) -> None:
    laid = Laid(tmp_path, encoder, names(60))
    with pytest.raises(ModelError, match=message):
        laid.bank(spoilt(embeddings(encoder, laid.rows)))
    assert not list(laid.cache.glob("*/*"))


@pytest.mark.parametrize(
    "content", [b"", b"not an array", b"PK\x03\x04 no zip", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'"]
)
def test_files_that_are_not_arrays(tmp_path: Path, encoder: Any, content: bytes) -> None:
    laid = Laid(tmp_path, encoder, names(60))
    np.save(laid.columns, embeddings(encoder, laid.rows))
    laid.columns.write_bytes(content or laid.columns.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"columns.npy: not embeddings in NumPy's format \(.npy\), or truncated"):
        laid.bank()


def test_half_precision_files_are_read(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(60))
    columns_DR = embeddings(encoder, laid.rows)
    bank, _ = laid.bank(columns_DR.astype(np.float16))
    assert bank.embeddings_PD.dtype == torch.float32
    assert laid.tree.class_of_row is not None
    torch.testing.assert_close(
        bank.embeddings_PD[laid.tree.class_of_row.astype(np.int64)],
        torch.from_numpy(columns_DR.T.copy()),
        atol=1e-3,
        rtol=0,
    )


def test_another_revision_of_the_model_or_the_file_is_another_bank(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(60))
    key = laid.bank(embeddings(encoder, laid.rows))[0].key
    laid.own = replace(laid.own, source="here@2")
    assert laid.bank()[0].key != key


def test_another_file_under_the_same_name_is_another_bank(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(60))
    columns_DR = embeddings(encoder, laid.rows)
    tripled_DR = columns_DR.copy()
    tripled_DR[:, 0] *= 3
    laid.bank(columns_DR)
    _, notes = laid.bank(tripled_DR)
    assert "1 of 60 published embeddings were not of length 1" in notes[-1]


def test_a_reader_without_class_of_row_is_named(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(60))
    laid.tree = replace(laid.tree, class_of_row=None)
    with pytest.raises(PluginError, match="the reader of here@1 keeps no class_of_row"):
        laid.bank(embeddings(encoder, laid.rows))


def test_one_text_for_all_names_is_enough(tmp_path: Path, encoder: Any) -> None:
    laid = Laid(tmp_path, encoder, names(60))
    own = replace(laid.own, text="{lineage}", text_with_common="")
    for prompt in PublishedPrompts(laid.tree, own, np.arange(60)):
        assert prompt.text == format_taxonomic_name(laid.tree.class_taxon(prompt.class_index))
