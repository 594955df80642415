"""The training loop: batches → towers → loss → optimiser step, with checkpoints and hooks.

Legend: B images, T distinct texts of a batch, D embedding.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's convention

from bioclip_x.errors import TrainingError
from bioclip_x.faults import naming
from bioclip_x.messages import list_some
from bioclip_x.records import LossInput
from bioclip_x.records.training import EpochEnd, StepEnd
from bioclip_x.registry import Registry
from bioclip_x.training import checkpoint
from bioclip_x.training.checkpoint import Place
from bioclip_x.training.components import fill_in_defaults, make_fingerprints, make_parts
from bioclip_x.training.config import TrainConfig
from bioclip_x.training.data.augment import View, to_input
from bioclip_x.training.data.batch import Batch
from bioclip_x.training.data.images import ImageReader
from bioclip_x.training.data.loader import MOST_TRUNCATED, ChunkMaker, Loader
from bioclip_x.training.data.order import EpochOrder, Source, make_step_seed
from bioclip_x.training.data.tokens import Tokens, text_id
from bioclip_x.training.precision import open_autocast, resolve_precision
from bioclip_x.training.schedule import compute_learning_rate, make_parameter_groups

MAX_WORKERS = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a run.

    model: folder for `--model local-dir:`. steps, epochs: completed, resumed ones included.
    notes: unreadable images, those read with a note, and truncated texts.
    """

    model: Path
    steps: int
    epochs: int
    notes: tuple[str, ...]


class Trainer:
    """One training run. The constructor reads the data and loads the model; `run` trains.

    Raises BioclipXError for an invalid request.

    resume: continue from the output folder's newest checkpoint; without it, a folder with checkpoints is refused.
    notes: what is missing or doubtful in taxonomy, texts and data. precision: with "auto" resolved.
    steps_per_epoch, total_steps: the length of the run. place: its progress.
    """

    def __init__(self, config: TrainConfig, registry: Registry, *, resume: bool = False) -> None:
        config = fill_in_defaults(config, registry)
        self.config, self.registry = config, registry
        self.folder = config.path(config.output)
        checkpoint.check_writable(self.folder)
        if not resume and checkpoint.list_checkpoints(self.folder):
            raise TrainingError(f"{self.folder} contains checkpoints: add --resume, or name another output folder")
        if config.threads:
            torch.set_num_threads(config.threads)
        self.parts = make_parts(config, registry)
        self.encoder, self.notes = self.parts.encoder, self.parts.notes
        self.precision = resolve_precision(config.precision, self.encoder.device)
        self.lengths = [len(dataset) for dataset in self.parts.datasets]
        self.steps_per_epoch = sum(self.lengths) // config.batch_size
        if not self.steps_per_epoch:
            raise TrainingError(f"batch_size: {config.batch_size} is more than all {sum(self.lengths)} images")
        self.total_steps = self.steps_per_epoch * config.epochs
        self._make_state()
        self.place = self._resume() if resume else Place()

    def run(self) -> Outcome:
        """Trains to the end, or until a plugin stops it after an epoch, and saves the model."""
        stopped = False
        while self.place.epoch < self.config.epochs and not stopped:
            stopped = self._run_epoch()
        return Outcome(self._save_model(), self.place.step, self.place.epoch, self._make_notes())

    def _make_state(self) -> None:
        config = self.config
        loss = self.parts.loss
        modules = [self.encoder.module, *([loss] if isinstance(loss, torch.nn.Module) else [])]
        groups = make_parameter_groups(modules, config.weight_decay)
        self._parameters = [parameter for group in groups for parameter in group["params"]]
        self._optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, betas=config.betas, eps=1e-6, fused=self.encoder.device.type != "mps"
        )
        self._scaler = torch.amp.GradScaler("cuda", enabled=self.precision == "fp16")
        make = ChunkMaker(
            ImageReader(self.parts.datasets, self.parts.files),
            self.parts.texts,
            Tokens(self.encoder),
            View(self.encoder.image_size, self.encoder.resize_mode, self.encoder.interpolation),
            augments=(config.augment,),
            prefixes=("",) * len(self.lengths),
            texts_per_image=config.texts_per_picture,
            seed=config.seed,
        )
        shares = config.shares or (None,) * len(self.lengths)
        sources = tuple(Source(length, share) for length, share in zip(self.lengths, shares))
        workers = min(os.cpu_count() or 1, MAX_WORKERS) if config.workers is None else config.workers
        self._loader = Loader(make, EpochOrder(sources, config.seed), config.batch_size, workers)

    def _run_epoch(self) -> bool:
        """Completes the epoch of `place`. Returns whether a plugin requested to stop."""
        config, epoch = self.config, self.place.epoch
        self.encoder.module.train()
        began = time.perf_counter()
        for batch in self._loader.batches(epoch + 1, epoch, self.place.epoch_step):
            rate = compute_learning_rate(
                self.place.step, base=config.learning_rate, warmup=config.warmup_steps, total=self.total_steps
            )
            loss = self._step(batch, rate)
            place = self.place
            self.place = Place(place.step + 1, epoch, place.epoch_step + 1, place.epoch_loss + loss)
            now = time.perf_counter()
            speed, began = config.batch_size / (now - began), now
            scale = float(self.encoder.logit_scale.detach())
            event = StepEnd(self.place.step, epoch + 1, loss, rate, scale, speed, self.folder)
            self.registry.notify("training_step_ended", event=event)
            every = config.checkpoint_every
            if every and self.place.step % every == 0 and self.place.epoch_step < self.steps_per_epoch:
                self._save()
        mean_loss = self.place.epoch_loss / self.steps_per_epoch
        self.place = Place(self.place.step, epoch + 1)
        self._save()
        answers = self.registry.notify("epoch_ended", event=EpochEnd(epoch + 1, mean_loss, self.folder))
        return any(answer is True for answer in answers)

    def _step(self, batch: Batch, rate: float) -> float:
        """Takes one optimiser step and returns the batch's loss."""
        torch.manual_seed(make_step_seed(self.config.seed, self.place.step))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self._compute_loss(batch)
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        norm = torch.zeros(())
        if self.config.grad_clip:
            self._scaler.unscale_(self._optimizer)
            norm = torch.nn.utils.clip_grad_norm_(self._parameters, self.config.grad_clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.encoder.clamp_logit_scale(self.config.max_logit_scale)
        # Checked last, to synchronise with the GPU only once per step; nothing is saved in between.
        value = float(loss.detach())
        if not math.isfinite(value) or not (math.isfinite(float(norm)) or self._scaler.is_enabled()):
            raise TrainingError(
                f"the loss is {value}, its gradient's norm {float(norm)} at step {self.place.step + 1}: lower "
                f"learning_rate, raise warmup_steps, or choose another precision than {self.precision}; earlier checkpoints "
                "are intact"
            )
        return value

    def _compute_loss(self, batch: Batch) -> torch.Tensor:
        encoder, device = self.encoder, self.encoder.device
        pixels_B3HW = to_input(
            batch.pixels_BHW3.to(device, non_blocking=True), batch.factors_B3, encoder.mean, encoder.std
        )
        with open_autocast(self.precision, device), naming(encoder, "forward", f"step {self.place.step + 1}"):
            image_BD = encoder.forward_image(pixels_B3HW)
            text_TD = encoder.forward_text(batch.tokens_TL.to(device))
        # The rest in float32, since logits reach 100, where bf16 has a resolution of 0.5.
        image_BD = F.normalize(image_BD.float(), dim=-1)
        text_TD = F.normalize(text_TD.float(), dim=-1)
        given = LossInput(
            image_BD=image_BD,
            text_TD=text_TD,
            text_BK=batch.text_BK.to(device),
            right_BT=self._match_texts(batch).to(device),
            aspect_T=batch.aspect_T.to(device),
            logit_scale=encoder.logit_scale,
            logit_bias=encoder.logit_bias,
            taxon_B=batch.node_B.to(device),
            taxonomy=self.parts.taxonomy,
            gather=_gather_single_process,
        )
        with naming(self.parts.loss, "__call__", f"step {self.place.step + 1}"):
            return self.parts.loss(given)

    def _match_texts(self, batch: Batch) -> torch.Tensor:
        """Returns bool [B, T]: which of the batch's distinct texts apply to each image."""
        of_class = {
            c: [text_id(text) for text in self.parts.texts.find_applicable(c, ())]
            for c in set(batch.node_B.tolist())
            if c >= 0
        }
        rows = [
            torch.isin(batch.text_id_T, torch.tensor([*of_class.get(c, []), *own], dtype=torch.int64))
            for c, own in zip(batch.node_B.tolist(), batch.own_id_BO.tolist())
        ]
        return torch.stack(rows)

    def _get_stateful_parts(self) -> dict[str, Any]:
        """Returns the objects whose state is saved in checkpoints and restored by a resumed run."""
        parts = {"model": self.encoder.module, "optimizer": self._optimizer, "scaler": self._scaler}
        loss = self.parts.loss
        return parts | ({"loss": loss} if isinstance(loss, torch.nn.Module) else {})

    def _save(self) -> None:
        checkpoint.save(
            self.folder,
            self.place,
            {name: part.state_dict() for name, part in self._get_stateful_parts().items()},
            fingerprints=make_fingerprints(self.config, self.parts, self.precision),
            epochs=self.config.epochs,
            keep=self.config.keep,
        )

    def _resume(self) -> Place:
        place, states = checkpoint.load_newest(
            self.folder,
            fingerprints=make_fingerprints(self.config, self.parts, self.precision),
            epochs=self.config.epochs,
        )
        parts = self._get_stateful_parts()
        if states.keys() != parts.keys():
            raise TrainingError(
                f"{self.folder}: its newest checkpoint has the state of {', '.join(states)}, but this run has that of "
                f"{', '.join(parts)}: the loss has changed; start a new run in another output folder"
            )
        for name, part in parts.items():
            part.load_state_dict(states[name])
        return place

    def _save_model(self) -> Path:
        folder = self.folder / "model"
        try:
            self.encoder.save(folder, self.config.card)
        except OSError as problem:
            raise TrainingError(
                f"{folder}: the model cannot be written: {problem.strerror or problem}; the checkpoints in {self.folder} "
                "are intact, and the same command with --resume writes it from them"
            ) from problem
        return folder

    def _make_notes(self) -> tuple[str, ...]:
        notes = []
        incidents = self._loader.incidents
        if incidents.replaced:
            reasons = list(incidents.replaced.values())
            more = f" … ({len(reasons) - 5} more)" if len(reasons) > 5 else ""
            notes.append(f"{len(reasons)} images cannot be read and were replaced: {'; '.join(reasons[:5])}{more}")
        if incidents.noted:
            notes.append(
                f"{len(incidents.noted)} images were read with a note: {list_some(list(incidents.noted.values()))}"
            )
        if incidents.truncated:
            limit = self.encoder.context_length
            least = "at least " if len(incidents.truncated) >= MOST_TRUNCATED else ""
            notes.append(
                f"{least}{len(incidents.truncated)} texts are longer than the model's {limit} tokens and were truncated"
            )
        return tuple(notes)


def _gather_single_process(tensor: torch.Tensor) -> torch.Tensor:
    """Implements `LossInput.gather` for a single process."""
    return tensor
