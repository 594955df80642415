"""Validates a model in training: classifies labelled images by the texts of all classes, as `classify` does.

Every process classifies its part of the images and embeds its part of the texts, in equally many forward passes, since those
of sharded models are made together. The metrics are the same on all of them.

Legend: B images of a batch, n images, P prompts, T distinct texts, L tokens, D embedding, C classes, r rows of a linear head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention
from torch import nn

from bioclip_x.array_types import Ints
from bioclip_x.errors import ComponentError, ImageError, TrainingError
from bioclip_x.evaluation.correctness import compare_with_truth
from bioclip_x.evaluation.predictions import ImagePredictions, read_predictions
from bioclip_x.evaluation.rank_metrics import (
    compute_metrics,
    find_rows,
    is_smaller_better,
    list_metrics,
    stack,
    unstack,
)
from bioclip_x.faults import guarded, log_row, naming
from bioclip_x.hooks.capabilities import LossCapabilities, get_capabilities
from bioclip_x.hooks.components import Dataset, LinearHead, Loss, Scorer, TrainableEncoder
from bioclip_x.hooks.registry import Registry
from bioclip_x.hooks.returned import check_heads, get_image, get_name
from bioclip_x.images.files import ImageFiles, make_file_source
from bioclip_x.images.loading import load_batches
from bioclip_x.images.memory import make_memory_source
from bioclip_x.messages import list_some
from bioclip_x.progress import report_progress
from bioclip_x.recipe_resolution import find_pooling
from bioclip_x.records import ImageFeatures, Logits, ModelCard, Prompt, Source, TextBank
from bioclip_x.taxonomy import Taxonomy
from bioclip_x.taxonomy.scoring.rollup import roll_up
from bioclip_x.text_bank.class_prompts import write_prompts
from bioclip_x.training.checkpointing import checkpoints
from bioclip_x.training.checkpointing.checkpoints import Place
from bioclip_x.training.components import Parts, make_datasets, make_text_builders, make_text_request
from bioclip_x.training.compute.precision import Precision, open_autocast
from bioclip_x.training.compute.world import World
from bioclip_x.training.config import TrainConfig, Validation
from bioclip_x.training.data.dataset_checks import list_nodes

BATCH: Final = 64
"""Images, or texts, of one forward pass."""


def is_due(settings: Validation | None, place: Place, epochs: int) -> bool:
    """Whether to validate after a step, or after an epoch if `place` is at the beginning of one."""
    if settings is None:
        return False
    if settings.every_steps and place.step % settings.every_steps == 0:
        return True
    ended = place.epoch if place.epoch_step == 0 else 0
    return ended > 0 and (ended == epochs or bool(settings.every_epochs and ended % settings.every_epochs == 0))


def is_best(folder: Path, metric: str, value: float) -> bool:
    """Whether a value of the metric is better than that of the run's best checkpoint so far."""
    best = checkpoints.read_best(folder)
    if best is None or best.metric != metric:
        return True
    return value < best.value if is_smaller_better(metric) else value > best.value


def choose_metric(settings: Validation, names: Sequence[str]) -> str:
    """Returns the metric by which the best checkpoint is chosen. Raises TrainingError for one that is not computed."""
    metric = settings.metric or names[0]
    if metric not in names:
        raise TrainingError(
            f"validation: metric: {metric!r} is not computed from these images; known: {', '.join(names)}"
        )
    return metric


@dataclass(frozen=True, eq=False)
class LabelledData:
    """The images to validate with. node_n: int64 [n], their labels. places: (data set, index) of each."""

    datasets: tuple[Dataset, ...]
    files: ImageFiles
    places: tuple[tuple[int, int], ...]
    node_n: Ints

    def make_source(self, row: int) -> Source:
        """Makes the source of an image; one with an error if the data set cannot give it."""
        number, index = self.places[row]
        dataset = self.datasets[number]
        name = get_name(dataset, index)
        try:
            image = get_image(dataset, index, name)
        except (ImageError, ComponentError) as problem:
            log_row(problem)
            return Source(name, error=str(problem))
        if isinstance(image, bytes):
            return Source(name, data=image)
        is_file = not isinstance(image, np.ndarray) and not hasattr(image, "getbands")
        return make_file_source(str(image)) if is_file else make_memory_source(name, image)


def collect_labelled(datasets: Sequence[Dataset], files: ImageFiles) -> LabelledData:
    """Collects the images of prepared data sets that have a label in the tree. Raises TrainingError if there are none."""
    nodes = [list_nodes(dataset) for dataset in datasets]
    places = [(number, index) for number, node_n in enumerate(nodes) for index in np.flatnonzero(node_n >= 0).tolist()]
    if not places:
        raise TrainingError("validation: none of the images has a label in the taxonomy")
    node_n = np.concatenate(nodes)
    return LabelledData(tuple(datasets), files, tuple(places), node_n[node_n >= 0])


@dataclass(frozen=True, eq=False)
class ClassTexts:
    """The texts of all classes. prompts: sorted by class. pooling: of a class's prompts. scorer: compares images with them."""

    prompts: tuple[Prompt, ...]
    pooling: str
    scorer: Scorer


@dataclass(frozen=True, eq=False)
class Validator:
    """Validates the models of one run.

    texts: None for a run whose losses need no texts. losses: label → loss, of which those with linear heads are validated by
    their heads as well. metric: the one by which the best checkpoint is chosen. unreadable: image → what is wrong with it,
    for those found so far by this process.
    """

    taxonomy: Taxonomy
    data: LabelledData
    texts: ClassTexts | None
    losses: Mapping[str, Loss]
    metric: str
    workers: int | None
    world: World
    unreadable: dict[str, str] = field(default_factory=dict)

    def list_metrics(self) -> list[str]:
        """Lists the names of the metrics, the one that matters most first."""
        names = list_metrics(self.data.node_n, self.taxonomy)
        by_head = [
            f"{prefix}_{name}"
            for prefix, head in self._list_heads()
            for name in (names if covers_classes(head, self.taxonomy) else ["top1"])
        ]
        return list(dict.fromkeys([*(names if self.texts else []), *by_head]))

    def validate(
        self, encoder: TrainableEncoder, towers: nn.Module, precision: Precision
    ) -> tuple[dict[str, float], int]:
        """Returns the metrics of the model as it is, name → value, and the number of images that could be read.

        It leaves no trace in the model or in the random state. Called by all processes, with the same result.
        """
        with _looking_at([towers, *self.losses.values()]), _keep_random_state(encoder.device), torch.no_grad():
            run = _Pass(encoder, towers, precision)
            bank = self._embed_texts(run) if self.texts else None
            heads = self._list_heads()
            outcomes = [self._classify(raw_BD, rows, bank, heads, run) for rows, raw_BD in self._embed_images(run)]
        metrics, n_images = self._summarise(outcomes, heads)
        if self.metric not in metrics:
            raise TrainingError(
                f"validation: no image that counts for {self.metric} can be read; {list_some(list(self.unreadable.values()))}"
            )
        return metrics, n_images

    def _list_heads(self) -> list[tuple[str, LinearHead]]:
        """Lists the linear heads of the losses, each with the first part of its metrics' names.

        A loss's head for the classes comes first, so that a head for a rank replaces what that one gives there in sums.
        """
        found = []
        for label, loss in self.losses.items():
            if get_capabilities(loss, LossCapabilities).exports_heads:
                with naming(loss, "export_heads"):
                    heads = check_heads(loss, loss.export_heads())
                whole = {name: head for name, head in heads.items() if covers_classes(head, self.taxonomy)}
                found += [(label, head) for head in whole.values()]
                found += [(f"{label}_{name}", head) for name, head in heads.items() if name not in whole]
        return found

    def _embed_texts(self, run: _Pass) -> TextBank:
        assert self.texts
        prompts = self.texts.prompts
        row_of = {text: row for row, text in enumerate(dict.fromkeys(prompt.text for prompt in prompts))}
        own = list(row_of)[self.world.rank :: self.world.size]
        passes = -(-len(row_of) // (self.world.size * BATCH))
        parts = [run.embed_texts(own[i * BATCH : (i + 1) * BATCH]) for i in range(passes)]
        joined_TD = self.world.gather_ragged(torch.cat(parts))
        order = [row for rank in range(self.world.size) for row in range(rank, len(row_of), self.world.size)]
        embeddings_TD = torch.empty_like(joined_TD)
        embeddings_TD[torch.tensor(order)] = joined_TD
        return TextBank(
            prompts=prompts,
            embeddings_PD=embeddings_TD[[row_of[prompt.text] for prompt in prompts]],
            owner_P=np.array([prompt.class_index for prompt in prompts], np.int64),
            weight_P=np.array([prompt.weight for prompt in prompts], np.float32),
            n_classes=self.taxonomy.n_classes,
            pooling=self.texts.pooling,
            key="",
        )

    def _embed_images(self, run: _Pass) -> Iterator[tuple[Ints, torch.Tensor]]:
        """Yields the rows and the embeddings, not normalised, of this process's readable images, in batches."""
        own = range(self.world.rank, len(self.data.node_n), self.world.size)
        passes = -(-len(self.data.node_n) // (self.world.size * BATCH))
        batches = load_batches(
            (self.data.make_source(row) for row in own),
            guarded(run.encoder, "preprocess", run.encoder.preprocess),
            batch_size=BATCH,
            workers=self.workers,
            files=self.data.files,
        )
        for number in range(passes):
            decoded = next(batches, [])
            self.unreadable.update({one.source.name: f"{one.source.name}: {one.error}" for one in decoded if one.error})
            read = [(own[number * BATCH + i], one.pixels) for i, one in enumerate(decoded) if one.pixels is not None]
            # A process without an image takes part in the pass nevertheless.
            pixels = [pixels for _, pixels in read] or [torch.zeros(3, *run.encoder.image_size)]
            raw_BD = run.embed_images(torch.stack(pixels))
            yield np.array([row for row, _ in read], np.int64), raw_BD[: len(read)]
            report_progress("validating", min((number + 1) * BATCH, len(own)), len(own))

    def _classify(
        self,
        raw_BD: torch.Tensor,
        rows: Ints,
        bank: TextBank | None,
        heads: Sequence[tuple[str, LinearHead]],
        run: _Pass,
    ) -> list[Ints]:
        """Returns what became of a batch's images, by the texts and by each head: int64 [B, …] each; see `_summarise`."""
        if not len(rows):
            whole = 3 + len(self.taxonomy.rank_tables)
            widths = [whole if covers_classes(head, self.taxonomy) else 1 for _, head in heads]
            return [np.empty((0, width), np.int64) for width in ([whole, *widths] if bank else widths)]
        node_B = self.data.node_n[rows]
        found = []
        if bank and self.texts:
            features = ImageFeatures(F.normalize(raw_BD, dim=-1), ("",) * len(raw_BD))
            with naming(self.texts.scorer, "logits"):
                logits = self.texts.scorer.logits(features, bank, run.card, self.taxonomy)
                found.append(self._compare(logits, node_B))
        for _, head in heads:
            logits_Br = apply_head(head, raw_BD)
            if covers_classes(head, self.taxonomy):
                found.append(self._compare(Logits.of(logits_Br[:, find_class_rows(head, self.taxonomy)]), node_B))
            else:
                row_B = find_rows(node_B, head.nodes_C, self.taxonomy)
                right_B = logits_Br.argmax(1).numpy() == row_B
                found.append(np.where(row_B >= 0, right_B, -1)[:, None])
        return found

    def _compare(self, logits: Logits, node_B: Ints) -> Ints:
        predictions: ImagePredictions = read_predictions(roll_up(logits, self.taxonomy), self.taxonomy)
        return stack(compare_with_truth(predictions, node_B, self.taxonomy))

    def _summarise(
        self, outcomes: Sequence[Sequence[Ints]], heads: Sequence[tuple[str, LinearHead]]
    ) -> tuple[dict[str, float], int]:
        """Computes the metrics from what became of every image of all processes; and counts these images."""
        metrics: dict[str, float] = {}
        n_images = 0
        prefixes = [*([""] if self.texts else []), *(f"{prefix}_" for prefix, _ in heads)]
        for prefix, parts in zip(prefixes, zip(*outcomes)):
            columns = self.world.gather_ragged(torch.from_numpy(np.concatenate(parts))).numpy()
            n_images = len(columns)
            if columns.shape[1] > 1:
                found = compute_metrics(unstack(columns, self.taxonomy.rank_tables), self.taxonomy)
                metrics |= {f"{prefix}{name}": value for name, value in found.items()}
            elif (counts_n := columns[:, 0] >= 0).any():
                metrics[f"{prefix}top1"] = float(columns[counts_n, 0].mean())
        return metrics, n_images


@dataclass(frozen=True, eq=False)
class _Pass:
    """The forward passes of one validation. Embeddings are float32 on the CPU."""

    encoder: TrainableEncoder
    towers: nn.Module
    precision: Precision

    @property
    def card(self) -> ModelCard:
        bias = self.encoder.logit_bias
        return ModelCard(
            name="",
            revision="",
            tokenizer="",
            precision=self.precision,
            dim=self.encoder.embed_dim,
            logit_scale=float(self.encoder.logit_scale),
            logit_bias=0.0 if bias is None else float(bias),
            context_length=self.encoder.context_length,
        )

    def embed_images(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Returns float32 [B, D], not normalised, by the model's first projection."""
        with open_autocast(self.precision, self.encoder.device), naming(self.encoder, "forward_image"):
            image_BD: torch.Tensor = self.towers(pixels_B3HW.to(self.encoder.device), None).image_BD
        return image_BD[:, : self.encoder.embed_dim].float().cpu()

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Returns unit rows, float32 [len(texts), D]; takes part in the pass even if there are none."""
        tokens_TL = self.encoder.tokenize(texts or [""])
        with open_autocast(self.precision, self.encoder.device), naming(self.encoder, "forward_text"):
            text_TD: torch.Tensor = self.towers(None, tokens_TL.to(self.encoder.device)).text_TD
        return F.normalize(text_TD[: len(texts)].float(), dim=-1).cpu()


def make_validator(
    config: TrainConfig, registry: Registry, parts: Parts, world: World
) -> tuple[Validator | None, tuple[str, ...]]:
    """Makes the validator of a run, None without validation, and notes on its images and texts.

    The classes are told apart as `classify` does by default: by the default scorer, the prompts of a class pooled as they
    were published.
    """
    settings = config.validation
    if settings is None:
        return None, ()
    taxonomy = parts.taxonomy
    datasets, notes = make_datasets(settings.data, config, registry, taxonomy, parts.files, "validation: data")
    texts = None
    if parts.loss.needs_texts:
        builders = make_text_builders(settings.text or config.text, config, registry)
        written = write_prompts(builders, make_text_request(config, taxonomy))
        notes.extend(note for note in written.notes if note not in parts.notes)
        texts = ClassTexts(
            written.prompts,
            find_pooling(builders),
            registry.make("scorers", registry.required_default("scorers")),
        )
    validator = Validator(
        taxonomy=taxonomy,
        data=collect_labelled(datasets, parts.files),
        texts=texts,
        losses={term.name: term.loss for term in parts.loss.terms},
        metric="",
        workers=config.workers,
        world=world,
    )
    validator = replace(validator, metric=choose_metric(settings, validator.list_metrics()))
    return validator, tuple(f"validation: {note}" for note in notes)


@contextmanager
def _looking_at(parts: Sequence[object]) -> Iterator[None]:
    """Puts modules into evaluation mode, and each of their own modules back into its former mode in the end."""
    modules = [module for part in parts if isinstance(part, nn.Module) for module in part.modules()]
    training = [module for module in modules if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _keep_random_state(device: torch.device) -> Iterator[None]:
    """Restores torch's random state in the end."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else [], device_type="cuda"):
        yield


def use_module(encoder: TrainableEncoder, module: nn.Module | None) -> TrainableEncoder:
    """Returns the encoder with another module of the same kind, such as an average of its weights; None: as it is."""
    if module is None:
        return encoder
    other = copy(encoder)
    other.module = module
    return other


def apply_head(head: LinearHead, raw_BD: torch.Tensor) -> torch.Tensor:
    """Computes a head's logits, float32 [B, r]. raw_BD: embeddings, not normalised."""
    given_BD = F.normalize(raw_BD, dim=-1) if head.normalised else raw_BD
    logits_Br: torch.Tensor = given_BD @ head.weight_CD.float().cpu().T + head.bias_C.float().cpu()
    return logits_Br


def covers_classes(head: LinearHead, taxonomy: Taxonomy) -> bool:
    """Whether the rows of a head are the classes, each once."""
    class_r = taxonomy.class_of_N[taxonomy.owner_N[head.nodes_C]]
    return Counter(class_r.tolist()) == Counter(range(taxonomy.n_classes))


def find_class_rows(head: LinearHead, taxonomy: Taxonomy) -> torch.Tensor:
    """Returns the row of each class in a head that covers the classes: int64 [C]."""
    return torch.from_numpy(np.argsort(taxonomy.class_of_N[taxonomy.owner_N[head.nodes_C]]))
