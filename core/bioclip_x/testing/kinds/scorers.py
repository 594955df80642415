"""Checks of scorers. One that reads a file needs it as an option, with scores or weights of some of the example's classes.

Legend: B images, C classes, P prompts, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention

from bioclip_x.errors import BioclipXError
from bioclip_x.hooks.capabilities import ScorerCapabilities, get_capabilities
from bioclip_x.records import ImageFeatures, Logits, ModelCard, NearestImage, SupportImages
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.testing.checks import NotApplicable, Subject
from bioclip_x.testing.examples import D, make_bank, make_card, make_support, make_taxonomy

IMAGES = 3


@dataclass(frozen=True)
class Ready:
    """A scorer that has read what it needs; the tree and the images to score; what it noted."""

    scorer: Any
    capabilities: ScorerCapabilities
    taxonomy: Taxonomy
    features: ImageFeatures
    notes: Sequence[str] = ()

    @property
    def is_of_texts(self) -> bool:
        """Whether it scores by texts alone."""
        needs = self.capabilities
        return needs.needs_embeddings and needs.needs_texts and not needs.support_option

    def compute(
        self, features: ImageFeatures | None = None, card: ModelCard | None = None, pooling: str = "mean"
    ) -> Logits:
        logits = self.scorer.logits(features or self.features, make_bank(pooling), card or make_card(), self.taxonomy)
        assert isinstance(logits, Logits), f"expected Logits, got {type(logits).__name__}; Logits.of(tensor) makes them"
        return logits


def make_features(images: int = IMAGES) -> ImageFeatures:
    embeddings_BD = F.normalize(torch.randn(images, D, generator=torch.Generator().manual_seed(1)), dim=1)
    return ImageFeatures(embeddings_BD, ("",) * images, tuple(f"{i}.jpg" for i in range(images)))


def make_ready(subject: Subject, support: SupportImages | None = None) -> Ready:
    """Makes a scorer, and has it read what it needs. Raises NotApplicable if it is not of the example's classes."""
    scorer, taxonomy = subject.make(), make_taxonomy()
    needs = get_capabilities(scorer, ScorerCapabilities)
    try:
        if not needs.needs_embeddings:
            taxonomy = scorer.extend(taxonomy, taxonomy)
            notes = scorer.prepare(taxonomy)
            names = tuple(name for name in scorer.image_names() if not scorer.problem(name))[:IMAGES]
            return Ready(
                scorer, needs, taxonomy, ImageFeatures(torch.empty(len(names), 0), ("",) * len(names), names), notes
            )
        if needs.support_option:
            return Ready(
                scorer, needs, taxonomy, make_features(), scorer.prepare_support(support or make_support(), taxonomy)
            )
        if not needs.needs_texts:
            return Ready(scorer, needs, taxonomy, make_features(), scorer.prepare(taxonomy))
    except BioclipXError as problem:  # its file has other classes
        raise NotApplicable(str(problem)) from problem
    return Ready(scorer, needs, taxonomy, make_features())


def check_logits_are_of_images_and_classes(subject: Subject) -> None:
    """Logits are float32, of every image and class, and finite; -inf excludes a class that it knows nothing of."""
    ready = make_ready(subject)
    logits_BC = ready.compute().logits_BC
    shape = (len(ready.features.names), ready.taxonomy.n_classes)
    assert tuple(logits_BC.shape) == shape, f"expected {shape}, got {tuple(logits_BC.shape)}"
    assert logits_BC.dtype == torch.float32, f"expected float32, got {logits_BC.dtype}"
    may_exclude = not ready.is_of_texts
    is_right = logits_BC.isfinite() | (logits_BC.isneginf() & may_exclude)
    assert is_right.all(), f"expected finite logits, got {float(logits_BC[~is_right][0])}"


def check_parts_are_of_the_whole(subject: Subject) -> None:
    """Any range of classes has the logits that it has among all."""
    logits = make_ready(subject).compute()
    for start, stop in ((0, 1), (2, 5), (6, 7)):
        part, expected = logits.part(start, stop), logits.logits_BC[:, start:stop].T
        assert tuple(part.shape) == tuple(expected.shape), (
            f"expected classes {start} to {stop - 1} to be {tuple(expected.shape)}, got {tuple(part.shape)}"
        )
        assert torch.allclose(part, expected, atol=1e-5), (
            f"expected classes {start} to {stop - 1} as among all, got others"
        )


def check_images_do_not_affect_each_other(subject: Subject) -> None:
    """An image's logits are the same alone and in a batch."""
    ready = make_ready(subject)
    together, features = ready.compute().logits_BC, ready.features
    for row, name in enumerate(features.names):
        one = ImageFeatures(features.embeddings_BD[row : row + 1], ("",), (name,))
        alone = ready.compute(one).logits_BC
        assert torch.allclose(alone, together[row : row + 1], atol=1e-5), (
            f"expected the same logits of {name} alone and in a batch, got others"
        )


def check_logit_scale_is_applied(subject: Subject) -> None:
    """Twice the model's logit scale gives twice the logits, without a bias, if it scores by texts."""
    ready = make_ready(subject)
    if not ready.is_of_texts:
        raise NotApplicable("it does not score by texts")
    once, twice = (ready.compute(card=make_card(scale)).logits_BC for scale in (10.0, 20.0))
    factor = float((twice / once).nanmean())
    assert torch.allclose(2 * once, twice, atol=1e-4), (
        f"expected logits in proportion to card.logit_scale, got {factor:.3g} times for twice the scale"
    )


def check_coefficients_are_of_prompts(subject: Subject) -> None:
    """A scorer that reads texts has a coefficient of each prompt of a class: float32, for explanations."""
    ready, bank = make_ready(subject), make_bank()
    if not (ready.capabilities.needs_embeddings and ready.capabilities.needs_texts):
        raise NotApplicable("it reads no texts")
    for c in (0, 3):
        coefficients = ready.scorer.coefficients(ready.features.embeddings_BD[0], bank, c)
        assert isinstance(coefficients, np.ndarray) and coefficients.dtype == np.float32, (
            f"expected an array of float32, got {getattr(coefficients, 'dtype', type(coefficients).__name__)}"
        )
        count = bank.of_class(c).stop - bank.of_class(c).start
        assert coefficients.shape == (count,), (
            f"expected a coefficient of each of {count} prompts, got {coefficients.shape}"
        )


def check_coefficients_explain_logits(subject: Subject) -> None:
    """A scorer that declares pools_prompts has class logits of exactly scale · Σ a_p · cos_p + bias."""
    ready = make_ready(subject)
    if not ready.capabilities.pools_prompts:
        raise NotApplicable("it does not declare pools_prompts")
    for pooling in ("mean", "ensemble", "max"):
        bank, card = make_bank(pooling), make_card()
        logits_BC = ready.compute(pooling=pooling).logits_BC
        for row, x_D in enumerate(ready.features.embeddings_BD):
            for c in range(bank.n_classes):
                coefficients = ready.scorer.coefficients(x_D, bank, c)
                cosines = (bank.embeddings_PD[bank.of_class(c)] @ x_D).numpy()
                expected = card.logit_scale * float(np.dot(coefficients, cosines)) + card.logit_bias
                found = float(logits_BC[row, c])
                assert abs(found - expected) < 1e-3, (
                    f"expected the logit {expected:.4g} from the coefficients, got {found:.4g} (pooling {pooling})"
                )


def check_input_is_left_alone(subject: Subject) -> None:
    """It does not change the embeddings that it is given."""
    ready = make_ready(subject)
    before = ready.features.embeddings_BD.clone()
    ready.compute().part(0, 3)
    assert torch.equal(ready.features.embeddings_BD, before), (
        "expected the embeddings to be left as they are, got others"
    )


def check_notes_are_lines(subject: Subject) -> None:
    """What it notes of its file or examples are lines of text."""
    ready = make_ready(subject)
    if ready.is_of_texts:
        raise NotApplicable("it reads neither a file nor examples")
    notes = ready.notes
    assert not isinstance(notes, str) and all(isinstance(note, str) and note.strip() for note in notes), (
        f"expected notes, lines of text, got {notes!r}"
    )


def check_revision_tells_it_apart(subject: Subject) -> None:
    """Its revision is a text, the same for equal files or examples; other examples have another."""
    ready = make_ready(subject)
    if ready.is_of_texts:
        raise NotApplicable("it reads neither a file nor examples")
    first, again = ready.scorer.revision, make_ready(subject).scorer.revision
    assert isinstance(first, str) and first == again, f"expected the same revision twice, got {first!r} and {again!r}"
    if ready.capabilities.support_option:
        other = make_ready(subject, make_support(seed=1)).scorer.revision
        assert first and other != first, f"expected another revision for other examples, got {other!r} again"


def check_nearest_examples_come_first(subject: Subject) -> None:
    """A scorer by examples names the nearest examples of a class, the nearest first, with their similarity."""
    ready = make_ready(subject)
    if not ready.capabilities.support_option:
        raise NotApplicable("it does not declare support_option")
    support, x_D = make_support(), ready.features.embeddings_BD[0]
    for c in (0, 3):
        found = ready.scorer.nearest(x_D, c)
        assert all(isinstance(one, NearestImage) for one in found), f"expected NearestImages, got {found!r}"
        of_class = {support.names[row] for row in np.flatnonzero(support.class_n == c)}
        names = [one.name for one in found]
        assert names and set(names) <= of_class, f"expected examples of the class, {sorted(of_class)}, got {names}"
        values = [one.cosine for one in found]
        assert values == sorted(values, reverse=True), f"expected the nearest first, got cosines {values}"


def check_images_without_scores_are_told(subject: Subject) -> None:
    """A scorer of precomputed scores names its images, and says why another has none."""
    ready = make_ready(subject)
    if ready.capabilities.needs_embeddings:
        raise NotApplicable("it does not declare needs_embeddings=False")
    names = list(ready.scorer.image_names())
    assert names and all(isinstance(name, str) and name for name in names), (
        f"expected names of images, got {names[:3]!r}"
    )
    assert ready.scorer.model, "expected the name of the classifier as its model, got none"
    unknown = "there is no such image.jpg"
    reason = ready.scorer.problem(unknown)
    assert isinstance(reason, str) and reason, f"expected a reason why {unknown!r} has no scores, got {reason!r}"
