"""Classifiers of the library timm: any of its architectures, with its published weights or with those of a file.

Legend: B images, L labels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import timm
import timm.data
import torch
from PIL.Image import Image

from bioclip_x.plugin import ImageClassifierCapabilities, ModelError
from bioclip_x_plugins.classifiers.labels import REFUSED, check_number, check_refused, read_label_file

_data: Final[Any] = timm.data
"""Untyped: timm's own names are not exported as type checkers require it."""


class TimmClassifier:
    """A model by its name in timm ("resnet50.a1_in1k", "hf-hub:ORG/NAME", "local-dir:PATH").

    model: the name, and after an "@" the file of labels. labels: that file, if it is not in the name. weights: a checkpoint in
    place of the published weights. refuse: labels that refuse an image; by default background and blank.
    """

    def __init__(
        self,
        model: str,
        *,
        labels: Path | None = None,
        weights: Path | None = None,
        refuse: tuple[str, ...] | None = None,
    ) -> None:
        name, at, file = model.rpartition("@")
        self._name = model if labels or not at else name
        self._file = labels or (Path(file) if at else None)
        self._weights, self._refuse = weights, refuse
        self.capabilities = ImageClassifierCapabilities(refuses=REFUSED if refuse is None else refuse)
        self._model: Any = None
        self._transform: Callable[[Image], torch.Tensor] | None = None

    @property
    def revision(self) -> str:
        """A hash of the loaded weights and the labels."""
        digest = hashlib.sha256("\n".join(self.labels()).encode())
        for name, tensor in self._model.state_dict().items():
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
        return f"sha256:{digest.hexdigest()[:16]}"

    def labels(self) -> tuple[str, ...]:
        """Reads the file of labels; without one, the model's configuration has them. Raises ModelError."""
        labels = read_label_file(self._file) if self._file else self._read_own_labels()
        check_refused(self._refuse, labels, self._name)
        return labels

    def _read_own_labels(self) -> tuple[str, ...]:
        with torch.device("meta"):  # its configuration, without weights
            own = self._create(pretrained=False).pretrained_cfg.get("label_names")
        if not own:
            raise ModelError(f"timm's {self._name} names no labels; give a file of them, timm:{self._name}@labels.txt")
        return tuple(own)

    def load(self, device: str) -> None:
        """Loads the weights. Raises ModelError if there are none, and for another number of labels than the model has."""
        options = {"checkpoint_path": self._weights, "num_classes": len(self.labels())} if self._weights else {}
        self._model = _move(self._create(pretrained=not self._weights, **options).eval(), device)
        check_number(self._model.num_classes, self.labels(), self._name)
        self._transform = _data.create_transform(**_data.resolve_model_data_config(self._model))

    def _create(self, **options: Any) -> Any:
        try:
            return timm.create_model(self._name, **options)
        except Exception as problem:  # timm and the hub raise RuntimeError, OSError, KeyError, …
            raise ModelError(f"timm cannot load {self._name}: {problem}") from problem

    def preprocess(self, image: Image) -> torch.Tensor:
        """Resizes, crops and normalises as the model's configuration says."""
        assert self._transform is not None
        return self._transform(image)

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Returns the model's logits [B, L]."""
        device = next(self._model.parameters()).device
        logits_BL: torch.Tensor = self._model(pixels_B3HW.to(device))
        return logits_BL


def _move(model: Any, device: str) -> Any:
    """Moves a model to a device. Raises ModelError if there is no such device."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return model.to(device)
    except Exception as problem:  # torch raises RuntimeError, AssertionError, …
        raise ModelError(f"--device {device}: not available on this machine: {str(problem).splitlines()[0]}") from None
