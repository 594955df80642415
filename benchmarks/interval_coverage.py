"""How often each interval that a table prints contains the true value: simulations over realistic cases.

    python benchmarks/interval_coverage.py [--trials 2000] [--every 1]

Every case has a known truth, from which outcomes are drawn again and again: images that are right or wrong, classes of unequal
sizes and accuracies, mistakes of a few heights, seeds that differ. Coverage counts the trials in which an interval is printed.
All cases take about ten minutes; --every 5 takes every fifth. Writes benchmarks/results/interval_coverage.json, and its table
into docs/evaluating.md.

Legend: n images, m own images or mistakes, c classes, s seeds, D embedding dimension.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parent))
from machine import describe

from bioclip_x.evaluation import intervals
from bioclip_x.evaluation.descriptors.statistics import compute_area
from bioclip_x.evaluation.descriptors.swapped_classes import count_by_chance, find_side
from bioclip_x.evaluation.intervals import Interval
from bioclip_x.evaluation.metrics.risk_coverage import (
    compute_aurc_interval,
    compute_false_accept_interval,
    measure_accuracy_at,
)

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "interval_coverage.json"
PAGE = ROOT / "docs" / "evaluating.md"
BEGIN, END = "<!-- coverage: written by benchmarks/interval_coverage.py -->", "<!-- end of coverage -->"
LEAST = 0.93
"""The coverage that every printed interval must reach."""

IMAGES, CLASSES, SEEDS = (20, 60, 200, 2000), (2, 3, 5, 10, 30, 100), (2, 3, 5)
ACCURACIES = (0.05, 0.5, 0.95, 1.0)
SPREADS = (0.0, 0.2, 0.5)
"""Standard deviation over seeds, in logits: 0.5 moves an accuracy of 50% by 12 points."""
HEIGHTS = {
    "even": (1, 1, 1, 1, 1, 1, 1),
    "mostly 1": (80, 10, 4, 2, 2, 1, 1),
    "1 or 7": (95, 0, 0, 0, 0, 0, 5),
    "1 or 4": (90, 0, 0, 10, 0, 0, 0),
    "all 1": (1, 0, 0, 0, 0, 0, 0),
}
Rng = np.random.Generator
Outcome = tuple[Interval | None, float]
"""An interval and the true value."""


@dataclass(frozen=True)
class Case:
    """One truth. interval: what it is of; over: what it is over. null: nothing differs, and an interval without 0 misleads."""

    interval: str
    over: str
    name: str
    draw: Callable[[Rng], Outcome]
    null: bool = False
    cost: int = 1
    """Trials are divided by it."""


def list_cases() -> list[Case]:
    """Lists all cases."""
    return [
        *_list_image_cases(),
        *_list_class_cases(),
        *_list_severity_cases(),
        *_list_seeded_cases(),
        *_list_seeded_severity_cases(),
        *_list_ratio_cases(),
        *_list_fold_cases(),
        *_list_descriptor_cases(),
        *_list_calibration_cases(),
    ]


def _list_image_cases() -> Iterator[Case]:
    for n in IMAGES:
        for p in ACCURACIES:
            draw = lambda rng, n=n, p=p: (intervals.compute_proportion_interval(rng.random(n) < p), p)  # noqa: E731
            yield Case("accuracy (top-1, top-5, ranks)", "images", f"n={n}, accuracy {p}", draw)
        for more, fewer in (
            (0, 0),
            (0.01, 0),
            (0.05, 0),
            (0.1, 0),
            (0.3, 0),
            (0.02, 0.02),
            (0.05, 0.05),
            (0.3, 0.3),
            (0.2, 0.05),
        ):

            def draw_difference(rng: Rng, n: int = n, more: float = more, fewer: float = fewer) -> Outcome:
                more_n = rng.choice([1.0, -1.0, 0.0], n, p=[more, fewer, 1 - more - fewer])
                return intervals.compute_difference_interval(more_n), more - fewer

            name = f"n={n}, {more} gained, {fewer} lost"
            yield Case("difference of accuracies", "images", name, draw_difference, null=more == fewer)


def _draw_classes(rng: Rng, n_classes: int, mean: float, strength: float) -> np.ndarray:
    """Draws the measured accuracies of classes: true ones from a beta distribution, of 1 to 100 images each. float64 [c]."""
    true_c = np.full(n_classes, mean) if mean == 1 else rng.beta(mean * strength, (1 - mean) * strength, n_classes)
    size_c = rng.choice([1, 2, 5, 20, 100], n_classes)
    return rng.binomial(size_c, true_c) / size_c


def _list_class_cases() -> Iterator[Case]:
    for c in CLASSES:
        for p in ACCURACIES:
            for strength in (0.5, 5.0):
                name = f"{c} classes of 1 to 100 images, accuracy {p}, spread {'wide' if strength < 1 else 'narrow'}"

                def draw(rng: Rng, c: int = c, p: float = p, strength: float = strength) -> Outcome:
                    return intervals.compute_class_interval(_draw_classes(rng, c, p, strength)), p

                def draw_difference(rng: Rng, c: int = c, p: float = p, strength: float = strength) -> Outcome:
                    more_c = _draw_classes(rng, c, p, strength) - _draw_classes(rng, c, p, strength)
                    return intervals.compute_class_difference_interval(more_c), 0.0

                yield Case("mean per class", "classes", name, draw)
                yield Case("difference of means per class", "classes", name, draw_difference, null=True)


def _list_severity_cases() -> Iterator[Case]:
    for m in (2, 3, 5, 10, 30, 100, 500):
        for kind in HEIGHTS:

            def draw(rng: Rng, m: int = m, kind: str = kind) -> Outcome:
                heights, chance = np.arange(1, 8), np.array(HEIGHTS[kind]) / sum(HEIGHTS[kind])
                drawn = rng.choice(heights, m, p=chance).astype(float)
                return intervals.compute_mean_interval(drawn, 0, 7), float(heights @ chance)

            yield Case("mistake severity, mean heights", "images", f"{m} mistakes, heights {kind}", draw)


find_nodes = lru_cache(np.polynomial.hermite_e.hermegauss)
"""Nodes and weights of the Gauss-Hermite quadrature of a normal distribution."""


def compute_mean_accuracy(logit: float, spread: float) -> float:
    """Returns the mean of 1 / (1 + exp(-z)) for normal z."""
    nodes, weights = find_nodes(80)
    return float(weights @ (1 / (1 + np.exp(-(logit + spread * nodes)))) / math.sqrt(2 * math.pi))


def _draw_right(rng: Rng, image_n: np.ndarray, seeds: int, spread: float, noise: float) -> np.ndarray:
    """Draws which images are right with each seed: float64 [s, n]. image_n: logits. spread, noise: of seeds, and of both."""
    logit_sn = image_n + rng.normal(0, spread, (seeds, 1)) + rng.normal(0, noise, (seeds, len(image_n)))
    return (rng.random(logit_sn.shape) < 1 / (1 + np.exp(-logit_sn))).astype(float)


def _list_seeded_cases() -> Iterator[Case]:
    for s in SEEDS:
        for n in IMAGES:
            for logit in (-4.0, 0.0, 4.0):
                for spread in SPREADS:
                    name, cost = f"{s} seeds, n={n}, logit {logit:g}, seeds' sd {spread}", 4 if n < 2000 else 10

                    def draw(rng: Rng, s: int = s, n: int = n, logit: float = logit, spread: float = spread) -> Outcome:
                        right_sn = _draw_right(rng, rng.normal(logit, 3, n), s, spread, 1)
                        true = compute_mean_accuracy(logit, math.sqrt(9 + spread**2 + 1))
                        return intervals.compute_seeded_interval(right_sn), true

                    def draw_difference(
                        rng: Rng, s: int = s, n: int = n, logit: float = logit, spread: float = spread
                    ) -> Outcome:
                        image_n = rng.normal(logit, 3, n)
                        one_sn, other_sn = (_draw_right(rng, image_n, s, spread, 1) for _ in range(2))
                        return intervals.compute_seeded_difference_interval(one_sn - other_sn.mean(0), other_sn), 0.0

                    def draw_fixed(
                        rng: Rng, s: int = s, n: int = n, logit: float = logit, spread: float = spread
                    ) -> Outcome:
                        image_n = rng.normal(logit, 3, n)
                        fixed_n = rng.random(n) < compute_mean_accuracies(image_n, math.sqrt(spread**2 + 1))
                        right_sn = _draw_right(rng, image_n, s, spread, 1)
                        return intervals.compute_seeded_difference_interval(right_sn - fixed_n), 0.0

                    yield Case("accuracy of drawn texts", "seeds and images", name, draw, cost=cost)
                    yield Case("difference of two drawn texts", "seeds and images", name, draw_difference, True, cost)
                    yield Case("difference of drawn and fixed texts", "seeds and images", name, draw_fixed, True, cost)
        for c in CLASSES[1:]:
            for spread in SPREADS:

                def draw_classes(rng: Rng, s: int = s, c: int = c, spread: float = spread) -> Outcome:
                    size_c = rng.choice([1, 2, 5, 20], c)
                    class_n = np.repeat(np.arange(c), size_c)
                    right_sn = _draw_right(rng, rng.normal(1, 2, c)[class_n], s, spread, 1)
                    class_sc = np.array([intervals.compute_class_accuracies(one, class_n) for one in right_sn])
                    return intervals.compute_seeded_interval(class_sc), compute_mean_accuracy(
                        1, math.sqrt(5 + spread**2)
                    )

                name = f"{s} seeds, {c} classes of 1 to 20 images, seeds' sd {spread}"
                yield Case("mean per class of drawn texts", "seeds and classes", name, draw_classes, cost=4)


def compute_mean_accuracies(logit_n: np.ndarray, spread: float) -> np.ndarray:
    """As `compute_mean_accuracy`, for several logits, with fewer nodes: float64 [n]."""
    nodes, weights = find_nodes(16)
    found: np.ndarray = (1 / (1 + np.exp(-(logit_n[:, None] + spread * nodes)))) @ weights / math.sqrt(2 * math.pi)
    return found


def _list_seeded_severity_cases() -> Iterator[Case]:
    for s in SEEDS:
        for n in IMAGES:
            for logit in (0.0, 3.0):
                for kind in HEIGHTS:

                    def draw(rng: Rng, s: int = s, n: int = n, logit: float = logit, kind: str = kind) -> Outcome:
                        heights, chance = np.arange(1, 8), np.array(HEIGHTS[kind]) / sum(HEIGHTS[kind])
                        wrong_sn = 1 - _draw_right(rng, rng.normal(logit, 2, n), s, 0.2, 1)
                        own_n = rng.choice(heights, n, p=chance)  # an image is mostly mistaken in the same way
                        height_sn = np.where(rng.random((s, n)) < 0.7, own_n, rng.choice(heights, (s, n), p=chance))
                        found = intervals.compute_seeded_ratio_interval(height_sn * wrong_sn, wrong_sn, 0, 7)
                        return found, float(heights @ chance)

                    name = f"{s} seeds, n={n}, logit {logit:g}, heights {kind}"
                    yield Case("mistake severity of drawn texts", "seeds and images", name, draw, cost=4)


def _list_ratio_cases() -> Iterator[Case]:
    depths, chance = np.arange(1, 8), np.array([2, 3, 5, 10, 10, 20, 50]) / 100
    for n in IMAGES:
        for right in (0.1, 0.5, 0.9, 1.0):

            def draw(rng: Rng, n: int = n, right: float = right) -> Outcome:
                depth_n = rng.choice(depths, n, p=chance)
                common_n = np.where(rng.random(n) < right, depth_n, rng.integers(0, depth_n))
                found = intervals.compute_seeded_ratio_interval(common_n[None], depth_n[None], 0, 1, seeded=False)
                depth = float(depths @ chance)
                return found, right + (1 - right) * (depth - 1) / 2 / depth

            yield Case("hierarchical precision, recall, F", "images", f"n={n}, {right} right at their depth", draw)


def _list_fold_cases() -> Iterator[Case]:
    for folds in (1, 3, 5):
        for n in IMAGES:
            for logit in (-4.0, 0.0, 4.0):
                for spread in SPREADS if folds > 1 else (0.0,):
                    name, cost = f"{folds} folds, n={n}, logit {logit:g}, folds' sd {spread}", 4 if n < 2000 else 10

                    def draw(
                        rng: Rng, f: int = folds, n: int = n, logit: float = logit, spread: float = spread
                    ) -> Outcome:
                        right_fn = _draw_right(rng, rng.normal(logit, 3, n), f, spread, 1)
                        true = compute_mean_accuracy(logit, math.sqrt(9 + spread**2 + 1))
                        return intervals.compute_folded_interval(right_fn.T), true

                    def draw_difference(
                        rng: Rng, f: int = folds, n: int = n, logit: float = logit, spread: float = spread
                    ) -> Outcome:
                        image_n = rng.normal(logit, 3, n)
                        one_fn, other_fn = (_draw_right(rng, image_n, f, spread, 1) for _ in range(2))
                        return intervals.compute_folded_interval((one_fn - other_fn).T, -1), 0.0

                    yield Case("few-shot accuracy", "folds and images", name, draw, cost=cost)
                    yield Case("few-shot difference", "folds and images", name, draw_difference, True, cost)
            for gained in (0.01, 0.05, 0.1) if folds == 1 else ():

                def draw_gain(rng: Rng, n: int = n, gained: float = gained) -> Outcome:
                    more_nf = (rng.random((n, 1)) < gained).astype(float)
                    return intervals.compute_folded_interval(more_nf, -1), gained

                yield Case("few-shot difference", "folds and images", f"1 fold, n={n}, {gained} gained", draw_gain)


def _list_descriptor_cases() -> Iterator[Case]:
    for m, n in ((2, 20), (3, 10), (5, 5), (5, 50), (5, 1000), (10, 10), (10, 1000), (50, 200)):
        for true in (0.5, 0.7, 0.9, 0.97, 0.995):
            for spread in (0.5, 1.0, 2.0):

                def draw(rng: Rng, m: int = m, n: int = n, true: float = true, spread: float = spread) -> Outcome:
                    shift = math.hypot(1, spread) * compute_normal_quantile(true)
                    area = compute_area(rng.normal(shift, spread, m), rng.normal(0, 1, n))
                    return (
                        (area.low, area.high) if area and area.low is not None and area.high is not None else None
                    ), true

                name = f"{m} own and {n} other images, AUROC {true}, own spread {spread:g}"
                yield Case("AUROC (descriptors, none of these)", "images of both", name, draw, cost=4)
    for n_classes, per_class, groups in ((6, 4, 1), (12, 6, 1), (12, 6, 4), (30, 3, 6)):

        def draw_excess(rng: Rng, c: int = n_classes, p: int = per_class, groups: int = groups) -> Outcome:
            found = simulate_random_words(rng, c, p, groups)["above"]
            return ((found["low"], found["high"]) if found["low"] is not None else None), 0.0

        name = f"random words, {n_classes} classes in {groups} genera, {per_class} texts each"
        yield Case("descriptors above chance", "classes", name, draw_excess, True, 40)


def compute_normal_quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def simulate_random_words(
    rng: Rng, n_classes: int, per_class: int, groups: int, images: int = 8, dim: int = 24
) -> dict[str, Any]:
    """Counts descriptors of random directions on clustered images: the numbers above and below, found and expected."""
    centre_cD = rng.normal(0, 1, (n_classes, dim))
    image_nD = np.repeat(centre_cD, images, 0) + rng.normal(0, 1, (n_classes * images, dim))
    text_cPD = rng.normal(0, 1, (n_classes, per_class, dim))
    size = n_classes // groups
    splits = [
        (slice(k * images, (k + 1) * images), slice(k // size * size * images, (k // size + 1) * size * images))
        for k in range(n_classes)
    ]

    def compute_cosines(k: int) -> np.ndarray:
        cosines: np.ndarray = (text_cPD[k] @ image_nD.T).round(6)
        return cosines

    sides = [[find_side(cos_n, *splits[k]) for cos_n in compute_cosines(k)] for k in range(n_classes)]
    found = count_by_chance(splits, sides, compute_cosines, seed=int(rng.integers(1 << 30)))
    assert found is not None
    return {
        name: asdict(getattr(found, name)) | {"noise": getattr(found, name).is_by_chance} for name in ("above", "below")
    }


@lru_cache
def find_aurc(sharp: float) -> float:
    """Returns the area under the risk-coverage curve of calibrated shares drawn from beta(sharp, 1)."""

    def find_risk(coverage: float) -> float:
        return 1 - sharp / (sharp + 1) * (1 - (1 - coverage) ** ((sharp + 1) / sharp)) / coverage

    return float(quad(find_risk, 0, 1)[0])


def _list_calibration_cases() -> Iterator[Case]:
    for n in (50, 200, 1000):
        for kept in (1.0, 0.95, 0.8, 0.5):
            for sharp in (1.0, 6.0):

                def draw(rng: Rng, n: int = n, kept: float = kept, sharp: float = sharp) -> Outcome:
                    probability_n = rng.beta(sharp, 1, n)  # calibrated
                    found = measure_accuracy_at(kept, probability_n, rng.random(n) < probability_n)
                    cut = (1 - kept) ** (1 / sharp)
                    true = sharp / (sharp + 1) * (1 - cut ** (sharp + 1)) / (1 - cut**sharp)
                    return found.interval, true

                name = f"{n} held-out images, coverage {kept:g}, probabilities beta({sharp:g}, 1)"
                yield Case("accuracy at a coverage", "images", name, draw)
        for kind, sharp in (("calibrated", 1.0), ("calibrated", 6.0), ("by chance", 1.0), ("by chance", 19.0)):

            def draw_area(rng: Rng, n: int = n, kind: str = kind, sharp: float = sharp) -> Outcome:
                share_n = rng.beta(sharp, 1, n)
                right_n = rng.random(n) < (share_n if kind == "calibrated" else sharp / (sharp + 1))
                true = find_aurc(sharp) if kind == "calibrated" else 1 / (sharp + 1)
                return compute_aurc_interval(share_n, right_n), true

            yield Case("AURC", "images", f"{n} images, shares beta({sharp:g}, 1), right {kind}", draw_area)
        for m in (20, 100, 1000):
            for accept in (0.99, 0.95, 0.8):
                for apart in (0.0, 1.0, 3.0):

                    def draw_accepted(
                        rng: Rng, n: int = n, m: int = m, accept: float = accept, apart: float = apart
                    ) -> Outcome:
                        listed_n, other_m = rng.normal(apart, 1, n), rng.normal(0, 1, m)
                        true = float(norm.sf(apart + norm.ppf(1 - accept)))
                        return compute_false_accept_interval(listed_n, other_m, accept), true

                    name = f"{n} listed and {m} other images, {accept:.0%} accepted, {apart:g} sd apart"
                    yield Case("false acceptances", "images", name, draw_accepted)
        for shape in (0.3, 1.0, 3.0):

            def draw_loss(rng: Rng, n: int = n, shape: float = shape) -> Outcome:
                return intervals.compute_mean_interval(rng.gamma(shape, 1, n)), shape

            yield Case("negative log-likelihood", "images", f"{n} held-out images, gamma({shape:g})", draw_loss)


def simulate(case: Case, trials: int) -> dict[str, Any]:
    """Returns the coverage of one case. The seed follows from its name.

    A slow case has fewer trials; if its coverage is below 95%, it is drawn anew with all of them.
    """
    rng = np.random.default_rng(zlib.crc32(f"{case.interval}: {case.name}".encode()))
    row = _count(case, rng, max(20, trials // case.cost))
    return _count(case, rng, trials) if case.cost > 1 and row.get("coverage", 1) < 0.95 else row


def _count(case: Case, rng: Rng, trials: int) -> dict[str, Any]:
    outcomes = [case.draw(rng) for _ in range(trials)]
    printed = [(*found, true) for found, true in outcomes if found is not None]
    row: dict[str, Any] = {"interval": case.interval, "over": case.over, "case": case.name, "trials": trials}
    row["printed"] = len(printed)
    if printed:
        low, high, true = np.array(printed).T
        row["coverage"] = round(float(((low - 1e-9 <= true) & (true <= high + 1e-9)).mean()), 4)
        row["width"] = round(float((high - low).mean()), 4)
        if case.null:
            row["flagged"] = round(float(((low > 0) | (high < 0)).mean()), 4)
    return row


def measure_chance(trials: int) -> list[dict[str, Any]]:
    """Compares the number of random words above 0.5 with the number by chance, and with one in 40."""
    rows = []
    for n_classes, per_class, groups in ((12, 6, 1), (12, 6, 4), (30, 3, 6)):
        rng = np.random.default_rng(n_classes + groups)
        found = [simulate_random_words(rng, n_classes, per_class, groups)["above"] for _ in range(trials)]
        rows.append(
            {
                "case": f"{n_classes} classes, {n_classes // groups} to a genus, {n_classes * per_class} random texts",
                "trials": trials,
                "found": round(float(np.mean([one["found"] for one in found])), 3),
                "by_chance": round(float(np.mean([one["expected"] for one in found])), 3),
                "one_in_40": n_classes * per_class / 40,
                "called_noise": round(float(np.mean([one["noise"] for one in found])), 4),
            }
        )
    return rows


def render(results: dict[str, Any]) -> str:
    """Renders a row for each interval, and the numbers by chance, as Markdown."""
    lines = [
        "| interval | over | cases | coverage: least | mean | nulls called different: most | no interval in |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name in dict.fromkeys(row["interval"] for row in results["cases"]):
        rows = [row for row in results["cases"] if row["interval"] == name]
        held = [row["coverage"] for row in rows if "coverage" in row]
        flagged = [row["flagged"] for row in rows if "flagged" in row]
        silent = sum(row["printed"] == 0 for row in rows)
        cells = [name, rows[0]["over"], str(len(rows)), f"{min(held):.1%}", f"{np.mean(held):.1%}"]
        cells += [f"{max(flagged):.1%}" if flagged else "", f"{silent} cases" if silent else ""]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| random words | entirely above 0.5 | by chance, classes swapped | one in 40 | called noise |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in results["chance"]:
        lines.append(
            f"| {row['case']} | {row['found']:.2f} | {row['by_chance']:.2f} | {row['one_in_40']:.2f} | "
            f"{row['called_noise']:.0%} |"
        )
    return "\n".join(
        [*lines, "", f"{results['trials']:,} trials of a case, fewer of slow ones; `{results['command']}`."]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--every", type=int, default=1, metavar="K", help="simulate every K-th case")
    options = parser.parse_args()
    trials, every = options.trials, options.every
    results = {
        "about": "coverage of 95% intervals where the truth is known",
        "command": f"python benchmarks/interval_coverage.py --trials {trials}"
        + (f" --every {every}" if every > 1 else ""),
        "least": LEAST,
        "trials": trials,
        "machine": describe(),
        "cases": [simulate(case, trials) for case in list_cases()[::every]],
        "chance": measure_chance(max(10, trials // 10)),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{render(results)}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(render(results))
    for row in results["cases"]:
        if row.get("coverage", 1) < LEAST:
            print("below", LEAST, row)


if __name__ == "__main__":
    main()
