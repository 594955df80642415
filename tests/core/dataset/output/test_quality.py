"""Bins of quality against naive loops and scikit-learn; similarities against embeddings computed one by one."""

from __future__ import annotations

import math
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioclip_x.dataset.output.quality import assign_bins, bin_similarities, measure_similarities, prefix_caption
from bioclip_x.errors import DatasetError
from bioclip_x.hooks.components import LoadedEncoder
from bioclip_x.hooks.registry import create_registry
from bioclip_x.models import load_encoder, make_family
from bioclip_x.recipe_resolution import resolve_recipe
from bioclip_x.records import ImageFeatures, Source
from helpers import picture

similarities = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40)


def find_bin_naively(value: float, edges: list[float]) -> int:
    if not math.isfinite(value):
        return 0
    number = 1
    for edge in edges[1:-1]:
        number += value >= edge
    return number


@given(similarities, st.integers(1, 9))
def test_uniform_bins_are_those_of_a_loop(values: list[float], bins: int) -> None:
    edges, bin_n = bin_similarities(values, bins)
    low, high = min(values), max(values)
    np.testing.assert_allclose(edges, [low + (high - low) * k / bins for k in range(bins + 1)], atol=1e-12)
    assert bin_n.tolist() == [find_bin_naively(value, edges.tolist()) for value in values]
    assert bin_n[int(np.argmax(values))] == bins and (low == high or bins == 1 or bin_n[int(np.argmin(values))] == 1)


@given(similarities, st.integers(1, 9))
def test_quantile_bins_are_those_of_a_sorted_list(values: list[float], bins: int) -> None:
    edges, bin_n = bin_similarities(values, bins, "quantile")
    ordered = sorted(values)
    for k, edge in enumerate(edges):
        place = (len(values) - 1) * k / bins  # linear interpolation between order statistics
        below = math.floor(place)
        above = min(below + 1, len(values) - 1)
        assert edge == pytest.approx(ordered[below] + (ordered[above] - ordered[below]) * (place - below), abs=1e-9)
    assert bin_n.tolist() == [find_bin_naively(value, edges.tolist()) for value in values]


@pytest.mark.parametrize("spacing", ["uniform", "quantile"])
def test_they_are_the_bins_of_the_papers_code(spacing: str) -> None:
    """KBinsDiscretizer, by which the authors' preprocess/get_noc_bucket.py makes 8 uniform bins."""
    preprocessing = pytest.importorskip("sklearn.preprocessing", reason="scikit-learn is not installed")
    values = np.random.default_rng(0).normal(0.25, 0.05, 2000)
    # scikit-learn before 1.7 has numpy's linear quantiles only, and no name for them.
    has_methods = "quantile_method" in signature(preprocessing.KBinsDiscretizer).parameters
    more = {"quantile_method": "linear"} if spacing == "quantile" and has_methods else {}
    theirs = preprocessing.KBinsDiscretizer(8, encode="ordinal", strategy=spacing, subsample=None, **more)
    expected = theirs.fit_transform(values[:, None])[:, 0] + 1
    edges, bin_n = bin_similarities(values, 8, spacing)  # type: ignore[arg-type]
    np.testing.assert_allclose(edges, theirs.bin_edges_[0])
    assert (bin_n == expected).mean() > 0.999  # sums of another order at the very edges
    if spacing == "quantile":
        assert np.bincount(bin_n)[1:].tolist() == [250] * 8


def test_images_without_similarity_have_bin_0_and_move_no_edge() -> None:
    edges, bin_n = bin_similarities([0.0, math.nan, 1.0, math.inf, 0.5], 2)
    assert edges.tolist() == [0, 0.5, 1] and bin_n.tolist() == [1, 0, 2, 0, 2]


def test_edges_of_the_training_set_serve_for_others() -> None:
    assert assign_bins([-9, 0.1, 0.25, 0.9, math.nan], [0.0, 0.25, 0.5]).tolist() == [1, 1, 2, 2, 0]


def test_equal_similarities_are_all_of_the_best_bin() -> None:
    assert (
        bin_similarities([0.3, 0.3], 8)[1].tolist() == bin_similarities([0.3, 0.3], 8, "quantile")[1].tolist() == [8, 8]
    )


def test_what_cannot_be_binned() -> None:
    with pytest.raises(DatasetError, match="at least 1, got 0"):
        bin_similarities([0.1], 0)
    with pytest.raises(DatasetError, match="got none that is finite"):
        bin_similarities([math.nan], 4)


def test_prefixes() -> None:
    assert prefix_caption("A bird.", 1, 4) == "quality 1 of 4: A bird."
    assert prefix_caption("A bird.", 0) == "A bird."
    for number in (-1, 9):
        with pytest.raises(DatasetError, match="from 0 to 8"):
            prefix_caption("A bird.", number)


def load(model: str) -> LoadedEncoder:
    registry = create_registry()
    recipe = resolve_recipe(registry, flags={"model": model})
    return load_encoder(make_family(registry, recipe), recipe)


def test_similarities_are_those_of_single_embeddings(tiny_model: str, tmp_path: Path) -> None:
    encoder = load(tiny_model)
    images = [picture(number) for number in range(5)]
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    sources = [Source(str(n), image=image) for n, image in enumerate(images)]
    sources.insert(2, Source("broken", tmp_path / "broken.jpg"))
    captions = [f"a bird number {number}" for number in range(6)]
    batches = list(measure_similarities(encoder, zip(sources, captions), batch_size=4))
    assert [len(batch) for batch in batches] == [4, 2] and batches[0].dtype == np.float32
    measured = np.concatenate(batches)
    assert math.isnan(measured[2])
    for row, (source, caption) in enumerate(zip(sources, captions)):
        if source.image is None:
            continue
        image_D = encoder.encode_images(encoder.preprocess(source.image)[None]).embeddings_BD[0].double()
        text_D = encoder.encode_texts([caption])[0].double()
        expected = float(image_D @ text_D / image_D.norm() / text_D.norm())
        assert measured[row] == pytest.approx(expected, abs=1e-5)


def test_a_model_that_fails_at_one_image_measures_the_others(tiny_model: str) -> None:
    encoder = load(tiny_model)

    class Fails:
        card = encoder.card
        preprocess, encode_texts = encoder.preprocess, encoder.encode_texts

        def encode_images(self, pixels: torch.Tensor) -> ImageFeatures:
            if bool((pixels == wrong).flatten(1).all(1).any()):
                raise ValueError("no")
            return encoder.encode_images(pixels)

    wrong = encoder.preprocess(picture(1))
    pairs = [(Source(str(n), image=picture(n)), "a bird") for n in range(4)]
    [measured] = measure_similarities(Fails(), pairs)  # type: ignore[arg-type]
    assert np.isnan(measured).tolist() == [False, True, False, False]
