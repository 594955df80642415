from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bioclip_x.errors import ModelError
from bioclip_x_plugins.encoders.gate import STATISTICS, Gate, compute_features, compute_statistics, fit


def seen(rgb_B3HW: torch.Tensor) -> torch.Tensor:
    """Features of images, with their mean colours for an embedding."""
    return compute_features(rgb_B3HW, rgb_B3HW.mean((2, 3)))


def smooth(seed: int, n: int) -> torch.Tensor:
    """Features of soft blobs of colour."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0.2, 0.8, (n, 3, 4, 4)).astype(np.float32))
    fine = torch.nn.functional.interpolate(coarse, (32, 32), mode="bicubic").clamp(0, 1)
    return seen((fine + torch.from_numpy(rng.normal(0, 0.01, fine.shape).astype(np.float32))).clamp(0, 1))


def noise(seed: int, n: int) -> torch.Tensor:
    return seen(torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, (n, 3, 32, 32)).astype(np.float32)))


def test_in_domain_images_are_accepted_and_others_refused() -> None:
    gate = fit(smooth(0, 400), smooth(1, 200), "not a blob", quantile=0.99, slack=1.1)
    fresh = gate.find_refusals(gate.compute_distance(smooth(2, 200)))
    assert fresh.count("") >= 190
    assert set(gate.find_refusals(gate.compute_distance(noise(3, 50)))) == {"not a blob"}


def test_the_distance_is_mahalanobis() -> None:
    fitted = smooth(0, 400)
    gate = fit(fitted, smooth(1, 50), "no", quantile=1.0, slack=1.0)
    stats = fitted.double()
    z = (stats - stats.mean(0)) / stats.std(0).clamp_min(1e-3)
    covariance = np.cov(z.numpy().T) + 1e-3 * np.eye(z.shape[1])
    x = ((smooth(5, 1).double()[0] - stats.mean(0)) / stats.std(0).clamp_min(1e-3)).numpy()
    expected = float(np.sqrt(x @ np.linalg.solve(covariance, x)))
    assert float(gate.compute_distance(smooth(5, 1))) == pytest.approx(expected, rel=1e-3)


def test_a_saved_gate_is_loaded_unchanged(tmp_path: Path) -> None:
    gate = fit(smooth(0, 200), smooth(1, 50), "no", quantile=0.99, slack=1.0)
    gate.save(tmp_path / "gate.safetensors")
    again = Gate.load(tmp_path, {"file": "gate.safetensors", "refusal": "no"}, gate.mean_F.numel() - STATISTICS)
    torch.testing.assert_close(again.compute_distance(noise(1, 3)), gate.compute_distance(noise(1, 3)))
    assert again.threshold == pytest.approx(gate.threshold)
    with pytest.raises(ModelError, match=r"gone\.safetensors: expected a file of tensors"):
        Gate.load(tmp_path, {"file": "gone.safetensors", "refusal": "no"}, 8)


def test_an_image_of_one_colour_has_finite_statistics() -> None:
    assert torch.isfinite(compute_statistics(torch.full((2, 3, 32, 32), 0.5))).all()
