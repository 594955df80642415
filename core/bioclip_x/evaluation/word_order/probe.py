"""Probes a model on a labelled data set: right texts against altered ones.

Legend: n images, c classes with images, d draws of the alterations, P prompts of a class, D embedding.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

import numpy as np
import torch

from bioclip_x import __version__
from bioclip_x.array_types import Floats, Ints
from bioclip_x.errors import EvaluationError
from bioclip_x.evaluation.few_shot.summary import measure_accuracy
from bioclip_x.evaluation.labelled_images import LabelledImages, embed_labelled_images
from bioclip_x.evaluation.word_order.scores import CHANCE, compare, compute_winoground_scores, pool_similarities
from bioclip_x.evaluation.word_order.texts import draw_partners, lend_descriptors, shuffle_ranks
from bioclip_x.faults import naming
from bioclip_x.hooks.components import Dataset
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import prepare_dataset
from bioclip_x.inference.classifier import Classifier
from bioclip_x.messages import pluralise
from bioclip_x.recipe import Recipe
from bioclip_x.records import Alteration, Measure, Prompt, WordOrderProbe

Progress = Callable[[int, int], None]

DRAWS: Final = 5
NOTICED: Final = "right text preferred"
TEXTS_AT_A_TIME: Final = 1024
EXAMPLES: Final = 3


def probe_word_order(
    registry: Registry,
    recipe: Recipe,
    dataset: Dataset,
    source: str,
    *,
    draws: int = DRAWS,
    texts: Progress = lambda done, total: None,
    labelled: Progress = lambda done, total: None,
) -> WordOrderProbe:
    """Probes the recipe's model on a data set.

    draws: of each alteration, seeded 0 … draws - 1. texts, labelled: progress of embedding texts and images.

    Raises EvaluationError where no image is of a listed class, or no text can be altered.
    """
    classifier = Classifier(registry=registry, recipe=recipe, progress=texts)
    if classifier.labelled_scorer:
        raise EvaluationError(
            f"the probe compares images with texts; the scorer {classifier.scorer_name!r} has no texts"
        )
    classifier.files.serve(dataset)
    notes = tuple(prepare_dataset(dataset, classifier.taxonomy))
    images = embed_labelled_images(classifier, dataset, labelled)
    notes += images.notes
    if left_out := int((images.class_n < 0).sum()):
        notes += (f"{pluralise(left_out, 'image')} whose label is no class of the list skipped",)
    probe = _Probe(classifier, images, np.unique(images.class_n[images.class_n >= 0]).tolist())
    found = [probe.shuffle(draws), probe.exchange(draws)]
    if found[0] is None:
        notes += ("no class has names at two ranks: no rank was shuffled",)
    if found[1] is None:
        notes += (
            "fewer than two classes differ in descriptors: none were exchanged (--descriptors FILE --text descriptors)",
        )
    if not any(found):
        raise EvaluationError("; ".join([f"{source}: there is no text to alter", *notes]))
    provenance = classifier.provenance
    return WordOrderProbe(
        source=source,
        date=datetime.now(timezone.utc).date().isoformat(),
        version=__version__,
        model=provenance.model,
        revision=provenance.revision,
        demo=provenance.demo,
        taxonomy=provenance.taxonomy,
        text=", ".join(map(str, recipe.text)),
        draws=draws,
        alterations=tuple(filter(None, found)),
        notes=notes,
        recipe=recipe.dump(),
    )


@dataclass(frozen=True, eq=False)
class _Probe:
    """classes: those with images, ascending."""

    classifier: Classifier
    images: LabelledImages
    classes: Sequence[int]

    def shuffle(self, draws: int) -> Alteration | None:
        """Compares captions of lineages with the same in another order; None where no class has one."""
        pairs: dict[tuple[int, int], tuple[str, str]] = {}
        for draw in range(draws):
            generator = random.Random(draw)
            for c in self.classes:
                if pair := shuffle_ranks(self.classifier.taxonomy.class_taxon(c), generator):
                    pairs[c, draw] = pair
        if not pairs:
            return None
        embedded = self._embed(text for pair in pairs.values() for text in pair)
        means: dict[tuple[int, int], float] = {}
        for (c, draw), (right, altered) in pairs.items():
            images_nD = self._select(c)
            scores = [np.asarray(images_nD.double() @ embedded[text].double()) for text in (right, altered)]
            means[c, draw] = float(compare(*scores).mean())
        counted = [c for c, _ in dict.fromkeys((c, 0) for c, _ in pairs)]
        measures = self._measure({NOTICED: means}, counted, draws)
        return Alteration("ranks shuffled", measures, {NOTICED: 0.5}, self._count(counted), _take(pairs.values()))

    def exchange(self, draws: int) -> Alteration | None:
        """Compares texts of classes with the same name and another class's descriptors; None for fewer than two such classes."""
        prompts = {c: self._find_descriptors(c) for c in self.classes}
        described = [c for c, own in prompts.items() if own]
        traits = {c: frozenset(prompt.phrase.casefold() for prompt in prompts[c]) for c in described}
        lent: dict[tuple[int, int], tuple[int, tuple[Prompt, ...]]] = {}
        taxon, language = self.classifier.taxonomy.class_taxon, self.classifier.recipe.language
        for draw in range(draws):
            for c, other in draw_partners(described, traits, random.Random(draw)).items():
                lent[c, draw] = other, lend_descriptors(prompts[other], taxon(other), taxon(c), prompts[c], language)
        if not lent:
            return None
        texts = [prompt.text for own in prompts.values() for prompt in own]
        embedded = self._embed([*texts, *(prompt.text for _, altered in lent.values() for prompt in altered)])

        def score(c: int, texts_of: Sequence[Prompt]) -> Floats:
            rows_PD = torch.stack([embedded[prompt.text] for prompt in texts_of])
            weight_P = torch.tensor([prompt.weight for prompt in texts_of])
            return pool_similarities(self._select(c), rows_PD, weight_P, self.classifier.bank.pooling)

        means: dict[str, dict[tuple[int, int], float]] = {name: {} for name in (NOTICED, *CHANCE)}
        for (c, draw), (other, altered) in lent.items():
            right_n, altered_n = score(c, prompts[c]), score(c, altered)
            means[NOTICED][c, draw] = float(compare(right_n, altered_n).mean())
            right_m, altered_m = score(other, prompts[c]), score(other, altered)
            pairs = min(len(right_n), len(right_m))
            own, others = ([right_n[:pairs], altered_n[:pairs]], [right_m[:pairs], altered_m[:pairs]])
            score_n22 = np.stack([np.stack(own, 1), np.stack(others, 1)], 2)
            for name, value_n in compute_winoground_scores(score_n22).items():
                means[name][c, draw] = float(value_n.mean())
        counted = sorted({c for c, _ in lent})
        examples = [(prompts[c][0].text, altered[0].text) for (c, _), (_, altered) in lent.items()]
        measures = self._measure(means, counted, draws)
        return Alteration(
            "descriptors exchanged", measures, {NOTICED: 0.5, **CHANCE}, self._count(counted), _take(examples)
        )

    def _measure(
        self, means: dict[str, dict[tuple[int, int], float]], classes: Sequence[int], draws: int
    ) -> dict[str, Measure]:
        """Averages over classes and draws. means: measure → (class, draw) → mean over the class's images."""
        measures = {}
        for name, of in means.items():
            mean_cd = np.array([[of.get((c, draw), np.nan) for draw in range(draws)] for c in classes])
            measures[name] = measure_accuracy(mean_cd)
        return measures

    def _find_descriptors(self, class_index: int) -> tuple[Prompt, ...]:
        prompts = self.classifier.bank.prompts[self.classifier.bank.of_class(class_index)]
        return tuple(prompt for prompt in prompts if prompt.phrase)

    def _select(self, class_index: int) -> torch.Tensor:
        return self.images.features_nD[torch.from_numpy(np.flatnonzero(self.images.class_n == class_index))]

    def _count(self, classes: Sequence[int]) -> int:
        counted: Ints = np.isin(self.images.class_n, np.array(classes)).astype(np.int64)
        return int(counted.sum())

    @torch.inference_mode()
    def _embed(self, texts: Iterable[str]) -> dict[str, torch.Tensor]:
        """Embeds each text once: text → float32 [D]."""
        distinct = list(dict.fromkeys(texts))
        embedded: dict[str, torch.Tensor] = {}
        for start in range(0, len(distinct), TEXTS_AT_A_TIME):
            chunk = distinct[start : start + TEXTS_AT_A_TIME]
            with naming(self.classifier.encoder, "encode_texts", f"the texts from {chunk[0]!r}"):
                embedded |= zip(chunk, self.classifier.encoder.encode_texts(chunk))
        return embedded


def _take(examples: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys(examples))[:EXAMPLES]
