"""Measures what each descriptor contributes on labelled images: how well it separates its class, and its effect on accuracy.

Each text is compared with all images once, and predictions without a descriptor follow from the two best classes of each
image: the cost is images × (classes + descriptors), never images × classes × descriptors.

Legend: N images sorted by class, K classes with images, P texts of one class, c classes of a chunk, D embedding dimension.
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
from bioclip_x.errors import DescriptorError
from bioclip_x.evaluation.descriptors.leave_one_out import (
    BestTwo,
    Rows,
    compute_leave_one_out_changes,
    find_changed_predictions,
)
from bioclip_x.evaluation.descriptors.statistics import DIGITS, compute_area, count_changes, make_share, split_by_class
from bioclip_x.evaluation.descriptors.swapped_classes import Split, count_by_chance
from bioclip_x.evaluation.labelled_images import (
    LabelledImages,
    describe_inner_labels,
    describe_ties,
    find_unlisted,
)
from bioclip_x.hooks.capabilities import ScorerCapabilities, get_capabilities
from bioclip_x.messages import pluralise
from bioclip_x.records import ImageFeatures, Logits, Source, TextBank
from bioclip_x.records.evaluation.descriptor_usefulness import ByChance, ClassUse, DescriptorUse, LeftOut, Usefulness
from bioclip_x.taxonomy import TAXON, Taxonomy

if TYPE_CHECKING:
    from bioclip_x.inference.classifier import Classifier

SIBLINGS: Final = ("genus", "family")
"""Ranks at which siblings of a class are looked for, in this order."""
ClassesByPhrase = dict[str, set[int]]
"""Phrase → the classes that have it among their texts."""


@dataclass(frozen=True, eq=False)
class SortedImages:
    """Images of listed classes, sorted by class. features_ND: float32 [N, D]. class_N: int64 [N]."""

    features_ND: torch.Tensor
    sources: tuple[Source, ...]
    class_N: Rows

    @classmethod
    def of(cls, images: LabelledImages, rows: Rows | None = None) -> SortedImages:
        """rows: a subset of the images; None for all images of listed classes."""
        rows = np.flatnonzero(images.class_n >= 0) if rows is None else rows
        rows = rows[np.argsort(images.class_n[rows], kind="stable")]
        sources = tuple(images.sources[row] for row in rows.tolist())
        return cls(images.features_nD[torch.from_numpy(rows)], sources, images.class_n[rows])

    @cached_property
    def classes_K(self) -> Rows:  # noqa: N802 - a shape suffix
        return np.unique(self.class_N)

    @cached_property
    def starts_K(self) -> Rows:  # noqa: N802 - a shape suffix
        return np.searchsorted(self.class_N, self.classes_K)

    def of_classes(self, start: int, stop: int) -> slice:
        """Returns the images of the classes start … stop-1."""
        first, last = np.searchsorted(self.class_N, [start, stop]).tolist()
        return slice(first, last)

    def below(self, taxonomy: Taxonomy, node: int) -> slice:
        """Returns the images of the classes at or below a node."""
        return self.of_classes(int(taxonomy.leaf_start_N[node]), int(taxonomy.leaf_stop_N[node]))

    def classes_below(self, taxonomy: Taxonomy, node: int) -> set[int]:
        """Returns the classes at or below a node that have images."""
        return set(self.class_N[self.below(taxonomy, node)].tolist())

    def logits(self, classifier: Classifier, bank: TextBank | None = None) -> Logits:
        """Returns the logits of all images, exact where the scorer has exact ones. bank: None for the classifier's own."""
        features = ImageFeatures(self.features_ND, ("",) * len(self.sources))
        logits = classifier.score(features, self.sources, bank).logits.cpu()
        return replace(logits, part=logits.exact) if logits.exact else logits


@torch.inference_mode()
def measure_usefulness(
    classifier: Classifier, labelled: LabelledImages, source: str, *, notes: Sequence[str] = ()
) -> Usefulness:
    """Measures every descriptor of the classes that have images. source: what outputs call the data set.

    Raises DescriptorError where no text has a descriptor, or no image is of a listed class.
    """
    check_has_descriptors(classifier)
    images = SortedImages.of(labelled)
    all_notes = [*notes, *labelled.notes, *describe_inner_labels(labelled, classifier.taxonomy, "ignored")]
    if not len(images.class_N):
        raise DescriptorError("; ".join([f"{source} has no usable image of a listed class", *all_notes]))
    if unlisted := len(find_unlisted(labelled)):
        all_notes.append(f"{pluralise(unlisted, 'image')} of unlisted classes ignored")
    best, taxonomy = find_best_two(images.logits(classifier)), classifier.taxonomy
    all_notes += describe_ties(best.n_tied, len(images.class_N))
    classes = tuple(iterate_class_use(classifier, images, best))
    without = np.setdiff1d(np.arange(taxonomy.n_classes), images.classes_K).tolist()
    return Usefulness(
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        pictures=len(images.class_N),
        accuracy=make_share(sum(one.right for one in classes), len(images.class_N)),
        classes=classes,
        without=tuple(taxonomy.class_taxon(c).name for c in without),
        skipped=labelled.unreadable,
        notes=tuple(all_notes),
        provenance=asdict(classifier.provenance),
        by_chance=_count_by_chance(classifier, images, classes),
    )


def _count_by_chance(classifier: Classifier, images: SortedImages, classes: Sequence[ClassUse]) -> ByChance | None:
    """Counts what the same descriptors would show on other classes."""
    bank, taxonomy = classifier.bank, classifier.taxonomy
    described = [one for one in classes if one.descriptors]

    def compute_cosines(k: int) -> Floats:
        rows = bank.of_class(described[k].class_index)
        has_phrase = [bool(prompt.phrase) for prompt in bank.prompts[rows]]
        cos_PN: Floats = (bank.embeddings_PD[rows][has_phrase] @ images.features_ND.T).double().numpy().round(DIGITS)
        return cos_PN

    def split(c: int) -> Split:
        return images.of_classes(c, c + 1), images.below(taxonomy, _find_sibling_node(taxonomy, images, c))

    sides = [
        [use.from_siblings.side if use.from_siblings else "around" for use in one.descriptors] for one in described
    ]
    return count_by_chance([split(one.class_index) for one in described], sides, compute_cosines)


def check_has_descriptors(classifier: Classifier) -> None:
    """Raises DescriptorError where there are no descriptors, or where the scorer does not pool prompt similarities."""
    if not get_capabilities(classifier.scorer, ScorerCapabilities).pools_prompts:
        raise DescriptorError(
            f"the scorer {classifier.scorer_name!r} does not pool prompt similarities into logits, so the effect of "
            "a descriptor on them cannot be computed; choose another scorer"
        )
    if not any(prompt.phrase for prompt in classifier.bank.prompts):
        texts = ", ".join(map(str, classifier.recipe.text))
        raise DescriptorError(
            f"none of the chosen texts has descriptors ({texts}); add --plugin descriptors, or --descriptors FILE"
        )


def find_best_two(logits: Logits) -> BestTwo:
    """Finds the two best classes of each image, in one pass over the classes."""
    best = BestTwo.none(logits.n_images)
    for first, logits_cN in logits.chunks():
        best = best.and_part(first, logits_cN.numpy())
    return best


def iterate_class_use(classifier: Classifier, images: SortedImages, best: BestTwo | None = None) -> Iterator[ClassUse]:
    """Yields the measurements of each class that has images, in class order. best: of the images, if they are known."""
    logits, classes_by_phrase = images.logits(classifier), _index_phrases(classifier.bank)
    best = best or find_best_two(logits)
    for first, logits_cN in logits.chunks():
        part = logits_cN.double().numpy()
        inside = (images.classes_K >= first) & (images.classes_K < first + len(part))
        for c in images.classes_K[inside].tolist():
            yield _make_class_use(classifier, images, best, c, part[c - first], classes_by_phrase)


def _make_class_use(
    classifier: Classifier,
    images: SortedImages,
    best: BestTwo,
    c: int,
    logit_N: Floats,
    classes_by_phrase: ClassesByPhrase,
) -> ClassUse:
    """Measures class `c`. logit_N: its logits."""
    taxonomy, own = classifier.taxonomy, images.of_classes(c, c + 1)
    node = _find_sibling_node(taxonomy, images, c)
    family = images.below(taxonomy, node)
    first_k, last_k = np.searchsorted(images.classes_K, images.class_N[family][[0, -1]])
    taxon = taxonomy.class_taxon(c)
    return ClassUse(
        class_index=c,
        name=taxon.name,
        common_name=taxon.common_name(classifier.recipe.language),
        pictures=own.stop - own.start,
        right=int((best.best_N[own] == c).sum()),
        sibling_rank=taxonomy.rank(node) if node else "",
        sibling_taxon=taxonomy.names[node] if node else "",
        siblings=int(last_k - first_k),
        sibling_pictures=(family.stop - family.start) - (own.stop - own.start),
        descriptors=tuple(_iterate_descriptor_use(classifier, images, best, c, logit_N, node, classes_by_phrase)),
    )


def _iterate_descriptor_use(
    classifier: Classifier,
    images: SortedImages,
    best: BestTwo,
    c: int,
    logit_N: Floats,
    node: int,
    classes_by_phrase: ClassesByPhrase,
) -> Iterator[DescriptorUse]:
    """Yields the measurements of each descriptor of class `c`. node: what it has in common with its siblings."""
    bank, own, family = classifier.bank, images.of_classes(c, c + 1), images.below(classifier.taxonomy, node)
    rows = bank.of_class(c)
    texts_PD = bank.embeddings_PD[rows]
    exact_PN = (texts_PD @ images.features_ND.T).double().numpy()
    without = _measure_left_out(classifier, images, best, c, logit_N, exact_PN)
    cos_PN = exact_PN.round(DIGITS)
    spread_P, between_P = split_by_class(cos_PN, images.starts_K)
    for p, prompt in enumerate(bank.prompts[rows]):
        if not prompt.phrase:
            continue
        cos_N = cos_PN[p]
        own_cos, other_cos = cos_N[own], _exclude(cos_N, own)
        sibling_cos = _exclude(cos_N[family], _shift_slice(own, -family.start))
        from_all = compute_area(own_cos, other_cos)
        yield DescriptorUse(
            phrase=prompt.phrase,
            text=prompt.text,
            kind=prompt.kind,
            weight=prompt.weight,
            taxon=prompt.taxon,
            rank=prompt.rank,
            shared_by=len(classes_by_phrase[prompt.phrase]),
            with_siblings=len(images.classes_below(classifier.taxonomy, node) & classes_by_phrase[prompt.phrase]) - 1,
            own=float(own_cos.mean()),
            siblings=float(sibling_cos.mean()) if len(sibling_cos) else None,
            others=float(other_cos.mean()) if len(other_cos) else None,
            from_siblings=from_all if len(sibling_cos) == len(other_cos) else compute_area(own_cos, sibling_cos),
            from_all=from_all,
            between=None if np.isnan(between_P[p]) else float(between_P[p]),
            spread=float(spread_P[p]),
            left_out=without[p] if without else None,
        )


def _measure_left_out(
    classifier: Classifier, images: SortedImages, best: BestTwo, c: int, logit_N: Floats, cos_PN: Floats
) -> list[LeftOut]:
    """Computes how predictions change without each text of class `c`; empty where it has only one."""
    if len(cos_PN) < 2:
        return []
    bank, right_N = classifier.bank, best.best_N == images.class_N
    texts_PD = bank.embeddings_PD[bank.of_class(c)].double()
    weight_P = bank.weight_P[bank.of_class(c)].astype(np.float64)
    change_PN = compute_leave_one_out_changes(cos_PN, weight_P, (texts_PD @ texts_PD.T).numpy(), bank.pooling)
    predicted_PN = find_changed_predictions(best, c, logit_N, classifier.encoder.card.logit_scale * change_PN)
    right_PN = predicted_PN == images.class_N
    fixed_P, broken_P = (right_PN & ~right_N).sum(1), (~right_PN & right_N).sum(1)
    return [count_changes(int(fixed), int(broken), len(right_N)) for fixed, broken in zip(fixed_P, broken_P)]


def _find_sibling_node(taxonomy: Taxonomy, images: SortedImages, c: int) -> int:
    """Returns the node whose other classes are the siblings of class `c`.

    The genus if another class of it has images, else the family, else the root (0), that is, all classes.
    """
    path = taxonomy.path(int(taxonomy.leaf_node_C[c]))
    for rank in SIBLINGS:
        for node in reversed(path):
            is_of_rank = taxonomy.kind_N[node] == TAXON and taxonomy.rank(node) == rank
            if is_of_rank and images.below(taxonomy, node) != images.of_classes(c, c + 1):
                return node
    return 0


def _exclude(values: npt.NDArray[np.float64], part: slice) -> Floats:
    return np.concatenate([values[: part.start], values[part.stop :]])


def _shift_slice(part: slice, offset: int) -> slice:
    return slice(part.start + offset, part.stop + offset)


def _index_phrases(bank: TextBank) -> ClassesByPhrase:
    classes: ClassesByPhrase = defaultdict(set)
    for prompt in bank.prompts:
        classes[prompt.phrase].add(prompt.class_index)
    return classes
