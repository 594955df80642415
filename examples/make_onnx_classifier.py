"""A classifier that is no CLIP model, as an ONNX file: `python examples/make_onnx_classifier.py [FOLDER]`.

    bioclip-x taxonomy list --output species.csv
    bioclip-x classify --model onnx:FOLDER/drawings.onnx --taxonomy species.csv --plugin rollup examples/drawings

It names a drawing by the species whose mean drawing it resembles most, at 8 x 8 pixels, or `blank`: a logit is the negative
squared distance, up to what is the same for all species. `drawings.txt`, beside the file, has the labels; an image whose best
label is `blank` is refused. For drawings, not for photographs. Needs `pip install onnx onnxruntime`.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from make_drawings import SPECIES
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from bioclip_x_field_guide.drawing import draw_species

SIDE, POOLED, DRAWINGS, SHARPNESS = 32, 8, 12, 0.1
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
"""By which `onnx:FILE` normalises images, unless told otherwise."""


def shrink(image: Image.Image) -> np.ndarray:
    """Returns what the network has after its pooling: 3 x 8 x 8 numbers."""
    colours = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 255
    blocks = ((colours - MEAN) / STD).reshape(POOLED, SIDE // POOLED, POOLED, SIDE // POOLED, 3)
    return blocks.mean((1, 3)).transpose(2, 0, 1).ravel()


def fit() -> dict[str, np.ndarray]:
    """Returns label → its mean image."""
    means = {
        name: np.mean([shrink(draw_species(name, (1, seed), 64).image) for seed in range(DRAWINGS)], axis=0)
        for name in SPECIES
    }
    return {**means, "blank": shrink(Image.new("RGB", (SIDE, SIDE), "white"))}


def make_network(means: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Writes -s·|x - m|² + s·|x|² = 2s·m·x - s·|m|² as a pooling and a linear layer."""
    mean_LD = np.stack(list(means.values()))
    weights = (2 * SHARPNESS * mean_LD, -SHARPNESS * (mean_LD**2).sum(1))
    window = [SIDE // POOLED] * 2
    graph = helper.make_graph(
        [
            helper.make_node("AveragePool", ["pixels"], ["pooled"], kernel_shape=window, strides=window),
            helper.make_node("Flatten", ["pooled"], ["x"]),
            helper.make_node("Gemm", ["x", "weight", "bias"], ["logits"], transB=1),
        ],
        "nearest-mean",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(means)])],
        [numpy_helper.from_array(w.astype(np.float32), name) for w, name in zip(weights, ("weight", "bias"))],
    )
    # Versions that onnxruntime has read for years; onnx writes its newest otherwise.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    folder.mkdir(parents=True, exist_ok=True)
    fitted = fit()
    onnx.save(make_network(fitted), folder / "drawings.onnx")
    (folder / "drawings.txt").write_text("".join(f"{label}\n" for label in fitted), "utf-8")
