"""Images per second and memory from files to names, compared with pybioclip, with open_clip and with the encoder alone.

All load the same ViT-B-32 with random weights, and name the same JPEGs of 0.3, 2 and 12 megapixels by five labels, 32 at a time.
Each sample is a process of its own; the first batch, with which threads and memory are warmed, is not counted. open_clip reads
images by torch's DataLoader, as its own evaluation does, with a worker per core. "The encoder alone" gets pixels that are ready,
in the same batches. Decoding is measured without a model, by as many threads; "decoding, then the encoder" is the sum of
both: about what the cores need in all, if neither leaves them idle.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from peers.figures import Captions, Figure, Limit, Target, measure_alternately
from peers.text_bank import write_model
from PIL import Image, ImageFilter

ROUNDS = 3
SIZES = {"0.3 MP": (640, 480), "2 MP": (1632, 1224), "12 MP": (4000, 3000)}
BATCH, BATCHES = 32, 6
LABELS = ("great tit", "Parus major", "Eurasian blue tit", "common blackbird", "oak")
END_TO_END = {"0.3 MP": 1.0, "2 MP": 1.0, "12 MP": 2.5}
"""Least ratio to pybioclip."""
ENCODER = 1 / 0.95
"""Largest ratio to the encoder alone, and to all that the cores need: 95% of its rate."""
CHILD = """
import json, resource, sys, time
from pathlib import Path
kind, model, folder, labels, batch = sys.argv[1], sys.argv[2], Path(sys.argv[3]), json.loads(sys.argv[4]), int(sys.argv[5])
paths = [str(path) for path in sorted(folder.glob("*.jpg"))]
first, rest = paths[:batch], paths[batch:]
if kind in ("project", "whole"):
    from bioclip_x import Classifier
    classifier = Classifier(model, labels=labels, batch_size=batch, full_decoding=kind == "whole")
    def name(paths): return sum(1 for _ in classifier.classify(paths))
elif kind == "pybioclip":
    from bioclip import CustomLabelsClassifier
    classifier = CustomLabelsClassifier(labels, model_str=model, device="cpu")
    def name(paths): return len(classifier.predict(paths, batch_size=batch)) // len(labels)
elif kind == "open_clip":
    import os
    import open_clip, torch
    from PIL import Image
    network, _, preprocess = open_clip.create_model_and_transforms(model)
    network.eval()
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(model)([f"a photo of {label}." for label in labels])
        texts = network.encode_text(tokens, normalize=True)
    class Files(torch.utils.data.Dataset):
        def __init__(self, paths): self.paths = paths
        def __len__(self): return len(self.paths)
        def __getitem__(self, index): return preprocess(Image.open(self.paths[index]).convert("RGB"))
    def name(paths):
        loader = torch.utils.data.DataLoader(Files(paths), batch, num_workers=os.cpu_count())
        with torch.inference_mode():
            scores = [network.logit_scale.exp() * network.encode_image(pixels, normalize=True) @ texts.T for pixels in loader]
        return len(torch.cat(scores).softmax(dim=-1))
elif kind == "encoder":
    import torch
    from bioclip_x_plugins.encoders.open_clip import OpenClip
    encoder, pixels = OpenClip().load(model, device="cpu"), torch.rand(batch, 3, 224, 224)
    def name(paths):
        for start in range(0, len(paths), batch):
            encoder.encode_images(pixels[: len(paths[start : start + batch])])
        return len(paths)
else:  # decoding and preprocessing, by as many threads as classify has
    from bioclip_x.images.files import ImageFiles, make_file_source
    from bioclip_x.images.loading import load_batches
    from bioclip_x_plugins.encoders.open_clip import OpenClip
    encoder = OpenClip().load(model, device="cpu")
    files = ImageFiles().shrinking(224) if kind == "decode" else ImageFiles()
    def name(paths):
        return sum(len(b) for b in load_batches(map(make_file_source, paths), encoder.preprocess, batch_size=batch, files=files))
assert name(first) == len(first)
began = time.perf_counter()
assert name(rest) == len(rest)
seconds = (time.perf_counter() - began) / len(rest)
status = Path("/proc/self/status")
if status.exists():
    [peak] = [int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")]
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print(json.dumps([seconds, peak / 1024]))
"""


def measure(rounds: int) -> dict[str, Figure | Limit]:
    figures: dict[str, Figure | Limit] = {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = f"local-dir:{write_model(folder / 'model')}"
        for size, pixels in SIZES.items():
            write_images(folder / size, pixels)
            figures |= _measure_size(model, folder / size, size, rounds)
        run = partial(_run, model, folder / "12 MP")
        decoded = measure_alternately(lambda: run("decode")[0], lambda: run("decode whole")[0], rounds)
        captions = Captions("reduced", "whole", "s")
        figures["decoding and resizing, 12 MP"] = Figure(captions, Target("at least", 3), decoded)
    return figures


def _measure_size(model: str, folder: Path, size: str, rounds: int) -> dict[str, Figure | Limit]:
    run = partial(_run, model, folder)
    kinds = ("project", "pybioclip", "open_clip", "encoder", "decode")
    samples = [tuple(map(run, kinds)) for _ in range(rounds)]
    seconds = [tuple(one[0] for one in sample) for sample in samples]
    peaks = [(project[1], peer[1]) for project, peer, *_ in samples]
    return {
        f"named, {size}": Figure(
            Captions("bioclip-x, per image", "pybioclip, per image", "s"),
            Target("at least", END_TO_END[size]),
            tuple((project, peer) for project, peer, *_ in seconds),
        ),
        f"named, {size}, beside open_clip": Figure(
            Captions("bioclip-x, per image", "open_clip, per image", "s"),
            Target("at least", 1.0),
            tuple((project, peer) for project, _, peer, *_ in seconds),
        ),
        f"named, {size}, beside the encoder": Figure(
            Captions("bioclip-x, per image", "the encoder alone, per image", "s"),
            Target("at most", round(ENCODER, 3)),
            tuple((project, encoder) for project, *_, encoder, _ in seconds),
        ),
        f"named, {size}, beside all that the cores need": Figure(
            Captions("bioclip-x, per image", "decoding, then the encoder, per image", "s"),
            Target("at most", round(ENCODER, 3)),
            tuple((project, encoder + decode) for project, *_, encoder, decode in seconds),
        ),
        f"memory, {size}": Figure(Captions("bioclip-x", "pybioclip", "MiB"), Target("at most", 1), tuple(peaks)),
    }


def _run(model: str, folder: Path, kind: str) -> tuple[float, float]:
    """Returns seconds per image and the peak resident memory in MiB of a process that names the images of a folder."""
    command = [sys.executable, "-c", CHILD, kind, model, str(folder), json.dumps(LABELS), str(BATCH)]
    env = {**os.environ, "BIOCLIP_X_CACHE": str(folder.parent / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{kind} ended with {done.returncode}: {done.stderr[-3000:]}")
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def write_images(folder: Path, size: tuple[int, int]) -> None:
    """Writes JPEGs with the detail of photographs: coarse shapes and blurred noise. Four pictures, in as many files as needed."""
    folder.mkdir()
    for i in range(4):
        rng = np.random.default_rng(i)
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        noise = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        Image.blend(coarse, noise.filter(ImageFilter.BoxBlur(2)), 0.3).save(folder / f"{i:04}.jpg", quality=90)
    for i in range(4, BATCH * (1 + BATCHES)):
        (folder / f"{i:04}.jpg").hardlink_to(folder / f"{i % 4:04}.jpg")
