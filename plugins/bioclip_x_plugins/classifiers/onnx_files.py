"""Classifiers in ONNX files, by onnxruntime: what PyTorch, TensorFlow, scikit-learn and others export.

Legend: B images, L labels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps

from bioclip_x.plugin import ImageClassifierCapabilities, ModelError
from bioclip_x_plugins.classifiers.labels import REFUSED, check_number, check_refused, read_label_file

Colour = tuple[float, float, float]


class OnnxClassifier:
    """An ONNX file with one input, images [B, 3, H, W] or [B, H, W, 3] of floating point, of which the first output is used.

    file: of the model. labels: of one label per line; by default the file of the model's name with the suffix .txt. outputs: what
    the model computes. mean, std: of each channel, for colours in [0, 1]; ImageNet's by default. size: side of the
    images, where the model leaves it open. resize: the short side, then the middle is cropped, or both sides. refuse: labels that
    refuse an image; by default background and blank.
    """

    def __init__(
        self,
        file: Path,
        *,
        labels: Path | None = None,
        outputs: Literal["logits", "probabilities"] = "logits",
        mean: Colour = (0.485, 0.456, 0.406),
        std: Colour = (0.229, 0.224, 0.225),
        size: int = 224,
        resize: Literal["shortest", "squash"] = "shortest",
        refuse: tuple[str, ...] | None = None,
    ) -> None:
        self._file, self._labels = file, labels or file.with_suffix(".txt")
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        self._size, self._resize, self._refuse, self._outputs = size, resize, refuse, outputs
        self.capabilities = ImageClassifierCapabilities(outputs, REFUSED if refuse is None else refuse)
        self._session: Any = None

    @property
    def revision(self) -> str:
        """A hash of the file, its labels and how images are prepared."""
        how = repr((self.labels(), self._mean.tolist(), self._std.tolist(), self._size, self._resize, self._outputs))
        return f"sha256:{hashlib.sha256(self._file.read_bytes() + how.encode()).hexdigest()[:16]}"

    def labels(self) -> tuple[str, ...]:
        """Reads the labels. Raises ModelError, also if there is no model."""
        if not self._file.is_file():
            raise ModelError(f"{self._file}: no such file; expected a model in an ONNX file")
        labels = read_label_file(self._labels)
        check_refused(self._refuse, labels, str(self._file))
        return labels

    def load(self, device: str) -> None:
        """Opens the file. Raises ModelError if that is not possible, or if it takes no images."""
        try:
            import onnxruntime
        except ImportError:
            raise ModelError("ONNX files are read by onnxruntime: pip install 'bioclip-x[onnx]'") from None
        try:
            self._session = onnxruntime.InferenceSession(self._file, providers=_choose_providers(device))
        except Exception as problem:  # onnxruntime has a class for each reason
            raise ModelError(f"{self._file} cannot be opened: {str(problem).splitlines()[0]}") from problem
        inputs, [output, *_] = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or inputs[0].type not in _TYPES or len(shape) != 4 or 3 not in (shape[1], shape[3]):
            found = "; ".join(f"{one.type} {one.shape}" for one in inputs)
            raise ModelError(
                f"{self._file}: expected one input of images, floating point [B, 3, H, W] or [B, H, W, 3], got {found}"
            )
        self._name, self._type = inputs[0].name, _TYPES[inputs[0].type]
        self._is_channels_first = shape[1] == 3
        self._height, self._width = (
            side if isinstance(side, int) else self._size
            for side in (shape[2:] if self._is_channels_first else shape[1:3])
        )
        self._at_once = shape[0] if isinstance(shape[0], int) else 0
        if isinstance(output.shape[-1], int):
            check_number(output.shape[-1], self.labels(), str(self._file))

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """Resizes an image to the model's input, and normalises it."""
        size, bicubic = (self._width, self._height), Image.Resampling.BICUBIC
        resized = ImageOps.fit(image, size, bicubic) if self._resize == "shortest" else image.resize(size, bicubic)
        colours = np.asarray(resized.convert("RGB"), np.float32) / 255
        return torch.from_numpy((colours - self._mean) / self._std).permute(2, 0, 1).contiguous()

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Returns the first output, [B, L]."""
        batch = pixels_B3HW.numpy().astype(self._type, copy=False)
        batch = batch if self._is_channels_first else np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
        step = self._at_once or len(batch)
        values_BL = torch.cat([self._run(batch[start : start + step], step) for start in range(0, len(batch), step)])
        if self._outputs == "logits" and _sum_to_one(values_BL):
            raise ModelError(
                f"{self._file}: each image's scores sum to 1: they are probabilities; add outputs=probabilities"
            )
        return values_BL

    probabilities = logits

    def _run(self, batch: np.ndarray, step: int) -> torch.Tensor:
        """Computes a batch. A model of batches of a fixed size gets it filled up with empty images."""
        rows = len(batch)
        if rows < step:
            batch = np.concatenate([batch, np.zeros((step - rows, *batch.shape[1:]), batch.dtype)])
        [found, *_] = self._session.run(None, {self._name: batch})
        return torch.from_numpy(np.asarray(found)[:rows]).flatten(1)


_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def _sum_to_one(values_BL: torch.Tensor) -> bool:
    return values_BL.shape[1] > 1 and bool((values_BL >= 0).all() and ((values_BL.sum(1) - 1).abs() < 1e-3).all())


def _choose_providers(device: str) -> list[Any]:
    """Returns what computes on a device, as onnxruntime names it. Raises ModelError for one that it does not have."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device == "auto":
        device = "cuda" if "CUDAExecutionProvider" in available else "cpu"
    kind, _, index = device.partition(":")
    wanted = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}.get(kind)
    if wanted is None:
        return ["CPUExecutionProvider"]
    if wanted not in available:
        raise ModelError(f"onnxruntime has no {wanted} here; choose --device cpu, or install onnxruntime-gpu for CUDA")
    return [(wanted, {"device_id": int(index or 0)} if kind == "cuda" else {}), "CPUExecutionProvider"]
