"""LabelledLogits images and a classifier → what each descriptor does for them.

Only a class's own texts are compared with all images, one class at a time, and names without a descriptor follow from the
two best classes of each image: images × (classes + descriptors), never images × classes × descriptors.

Legend: N images sorted by class, K classes with images, P texts of one class, c classes of a part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import torch

from bioclip_x.array_types import Floats
from bioclip_x.capabilities import ScorerCapabilities
from bioclip_x.errors import DescriptorError
from bioclip_x.evaluation.descriptor_statistics import DIGITS, compute_area, count_changes, make_share, split_by_class
from bioclip_x.evaluation.labelled_images import LabelledImages
from bioclip_x.evaluation.leave_one_out import BestTwo, Rows, compute_leave_one_out_changes, find_changed_predictions
from bioclip_x.messages import pluralise
from bioclip_x.records import ImageFeatures, Logits, Source, TextBank
from bioclip_x.records.descriptor_usefulness import ClassUse, DescriptorUse, LeftOut, Usefulness
from bioclip_x.registry import get_capabilities
from bioclip_x.taxonomy import TAXON, Taxonomy

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

SIBLINGS: Final = ("genus", "family")
"""Ranks in which a class's siblings are looked for, the first first."""
Sharing = dict[str, set[int]]
"""Phrase → the classes that have it."""


@dataclass(frozen=True, eq=False)
class Sorted:
    """Images of listed classes, sorted by class. features_ND: float32 [N, D]. class_N: int64 [N]."""

    features_ND: torch.Tensor
    sources: tuple[Source, ...]
    class_N: Rows

    @classmethod
    def of(cls, pictures: LabelledImages, rows: Rows | None = None) -> Sorted:
        """rows: some of the images; None for all that are of a listed class."""
        rows = np.flatnonzero(pictures.class_n >= 0) if rows is None else rows
        rows = rows[np.argsort(pictures.class_n[rows], kind="stable")]
        sources = tuple(pictures.sources[row] for row in rows.tolist())
        return cls(pictures.features_nD[torch.from_numpy(rows)], sources, pictures.class_n[rows])

    @cached_property
    def classes_K(self) -> Rows:  # noqa: N802 - a shape suffix
        return np.unique(self.class_N)

    @cached_property
    def starts_K(self) -> Rows:  # noqa: N802 - a shape suffix
        return np.searchsorted(self.class_N, self.classes_K)

    def of_classes(self, start: int, stop: int) -> slice:
        """The images of the classes start … stop-1."""
        first, last = np.searchsorted(self.class_N, [start, stop]).tolist()
        return slice(first, last)

    def below(self, taxonomy: Taxonomy, node: int) -> slice:
        """The images of the classes below a node, or of the node itself."""
        return self.of_classes(int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node]))

    def classes_below(self, taxonomy: Taxonomy, node: int) -> set[int]:
        """Those of them that have images."""
        return set(self.class_N[self.below(taxonomy, node)].tolist())

    def logits(self, classifier: Classifier, bank: TextBank | None = None) -> Logits:
        """Of all images; with another bank than the classifier's own, where one is given."""
        features = ImageFeatures(self.features_ND, ("",) * len(self.sources))
        found = classifier.score(features, self.sources, bank).logits
        return replace(found, part=found.exact) if found.exact else found


@torch.inference_mode()
def measure_usefulness(
    classifier: Classifier, pictures: LabelledImages, source: str, *, notes: Sequence[str] = ()
) -> Usefulness:
    """Everything of every descriptor of the classes that have images. source: what outputs call the images.

    Raises DescriptorError where no text has a descriptor, or no image is of a listed class.
    """
    refuse_without_descriptors(classifier)
    seen = Sorted.of(pictures)
    told = [*notes, *pictures.notes]
    if not len(seen.class_N):
        raise DescriptorError(f"{source} has no usable image of a listed class. " + "; ".join(told))
    if others := int((pictures.class_n < 0).sum()):
        told.append(f"{pluralise(others, 'image')} of classes that are not listed have no part in any figure")
    classes, taxonomy = tuple(iterate_class_use(classifier, seen)), classifier.taxonomy
    without = np.setdiff1d(np.arange(taxonomy.n_classes), seen.classes_K).tolist()
    return Usefulness(
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        pictures=len(seen.class_N),
        accuracy=make_share(sum(one.right for one in classes), len(seen.class_N)),
        classes=classes,
        without=tuple(taxonomy.class_taxon(c).name for c in without),
        skipped=pictures.unreadable,
        notes=tuple(told),
        provenance=asdict(classifier.provenance),
    )


def refuse_without_descriptors(classifier: Classifier) -> None:
    """Raises DescriptorError where there are no descriptors to be told of, or scores that no text has a part in."""
    if not get_capabilities(classifier.scorer, ScorerCapabilities).pools_prompts:
        raise DescriptorError(
            f"the logits of the scorer {classifier.recipe.scorer.name!r} are not a pooling of prompt similarities, so the "
            "effect of a descriptor on them cannot be computed; take another scorer"
        )
    if not any(prompt.phrase for prompt in classifier.bank.prompts):
        texts = ", ".join(map(str, classifier.recipe.text))
        raise DescriptorError(
            f"no text chosen has descriptors ({texts}): add --plugin descriptors, or --descriptors FILE"
        )


def find_best_two(logits: Logits) -> BestTwo:
    """One pass over the classes."""
    best = BestTwo.none(logits.n_images)
    for first, logits_cN in logits.chunks():
        best = best.and_part(first, logits_cN.numpy())
    return best


def iterate_class_use(classifier: Classifier, seen: Sorted) -> Iterator[ClassUse]:
    """Each class that has images, in class order. Two passes over all classes."""
    logits, sharing = seen.logits(classifier), _sharing(classifier.bank)
    best = find_best_two(logits)
    for first, logits_cN in logits.chunks():
        part = logits_cN.double().numpy()
        inside = (seen.classes_K >= first) & (seen.classes_K < first + len(part))
        for c in seen.classes_K[inside].tolist():
            yield _class_use(classifier, seen, best, c, part[c - first], sharing)


def _class_use(
    classifier: Classifier, seen: Sorted, best: BestTwo, c: int, logit_N: Floats, sharing: Sharing
) -> ClassUse:
    taxonomy, own = classifier.taxonomy, seen.of_classes(c, c + 1)
    node = _kin(taxonomy, seen, c)
    kin = seen.below(taxonomy, node)
    in_kin = np.searchsorted(seen.classes_K, seen.class_N[kin][[0, -1]])
    taxon = taxonomy.class_taxon(c)
    return ClassUse(
        class_index=c,
        name=taxon.name,
        common_name=taxon.common_name(classifier.recipe.language),
        pictures=own.stop - own.start,
        right=int((best.best_N[own] == c).sum()),
        sibling_rank=taxonomy.rank(node) if node else "",
        sibling_taxon=taxonomy.names[node] if node else "",
        siblings=int(in_kin[1] - in_kin[0]),
        sibling_pictures=(kin.stop - kin.start) - (own.stop - own.start),
        descriptors=tuple(_uses(classifier, seen, best, c, logit_N, node, sharing)),
    )


def _uses(
    classifier: Classifier, seen: Sorted, best: BestTwo, c: int, logit_N: Floats, node: int, sharing: Sharing
) -> Iterator[DescriptorUse]:
    bank, own, kin = classifier.bank, seen.of_classes(c, c + 1), seen.below(classifier.taxonomy, node)
    rows = bank.of_class(c)
    texts_PD = bank.embeddings_PD[rows]
    exact_PN = (texts_PD @ seen.features_ND.T).double().numpy()
    without = _left_out(classifier, seen, best, c, logit_N, exact_PN)
    cos_PN = exact_PN.round(DIGITS)
    spread_P, between_P = split_by_class(cos_PN, seen.starts_K)
    for p, prompt in enumerate(bank.prompts[rows]):
        if not prompt.phrase:
            continue
        cos_N = cos_PN[p]
        of_own, of_others, of_kin = cos_N[own], _beside(cos_N, own), _beside(cos_N[kin], _within(own, kin))
        from_all = compute_area(of_own, of_others)
        yield DescriptorUse(
            phrase=prompt.phrase,
            text=prompt.text,
            kind=prompt.kind,
            weight=prompt.weight,
            taxon=prompt.taxon,
            rank=prompt.rank,
            shared_by=len(sharing[prompt.phrase]),
            with_siblings=len(seen.classes_below(classifier.taxonomy, node) & sharing[prompt.phrase]) - 1,
            own=float(of_own.mean()),
            siblings=float(of_kin.mean()) if len(of_kin) else None,
            others=float(of_others.mean()) if len(of_others) else None,
            from_siblings=from_all if len(of_kin) == len(of_others) else compute_area(of_own, of_kin),
            from_all=from_all,
            between=None if np.isnan(between_P[p]) else float(between_P[p]),
            spread=float(spread_P[p]),
            left_out=without[p] if without else None,
        )


def _left_out(
    classifier: Classifier, seen: Sorted, best: BestTwo, c: int, logit_N: Floats, cos_PN: Floats
) -> list[LeftOut]:
    """What becomes of the names without each text of a class; empty where it has but one."""
    if len(cos_PN) < 2:
        return []
    bank, right_N = classifier.bank, best.best_N == seen.class_N
    texts_PD = bank.embeddings_PD[bank.of_class(c)].double()
    weight_P = bank.weight_P[bank.of_class(c)].astype(np.float64)
    change_PN = compute_leave_one_out_changes(cos_PN, weight_P, (texts_PD @ texts_PD.T).numpy(), bank.pooling)
    named_PN = find_changed_predictions(best, c, logit_N, classifier.encoder.card.logit_scale * change_PN)
    right_PN = named_PN == seen.class_N
    fixed_P, broken_P = (right_PN & ~right_N).sum(1), (~right_PN & right_N).sum(1)
    return [count_changes(int(fixed), int(broken), len(right_N)) for fixed, broken in zip(fixed_P, broken_P)]


def _kin(taxonomy: Taxonomy, seen: Sorted, c: int) -> int:
    """The node that a class has in common with its siblings.

    The genus, if another class of it has images, else the family, else the root (0), that is, all classes.
    """
    path = taxonomy.path(int(taxonomy.leaf_node_C[c]))
    for rank in SIBLINGS:
        for node in reversed(path):
            is_of_rank = taxonomy.kind_N[node] == TAXON and taxonomy.rank(node) == rank
            if is_of_rank and seen.below(taxonomy, node) != seen.of_classes(c, c + 1):
                return node
    return 0


def _beside(values: npt.NDArray[np.float64], own: slice) -> Floats:
    return np.concatenate([values[: own.start], values[own.stop :]])


def _within(own: slice, kin: slice) -> slice:
    return slice(own.start - kin.start, own.stop - kin.start)


def _sharing(bank: TextBank) -> Sharing:
    classes: Sharing = defaultdict(set)
    for prompt in bank.prompts:
        classes[prompt.phrase].add(prompt.class_index)
    return classes
