from pathlib import Path

import torch

folder = Path()
images, held_out_images = torch.rand(2, 40, 3, 64, 64)
embeddings, held_out_embeddings = torch.randn(2, 40, 16)
# [start:the-gate]
from bioclip_x_plugins.encoders.gate import compute_features, fit

# images: float32 [B, 3, H, W], colours in [0, 1], resized as by the model's preprocessing
# embeddings: float32 [B, D], not normalised
features = compute_features(images, embeddings)
held_out_features = compute_features(held_out_images, held_out_embeddings)
gate = fit(features, held_out_features, refusal="not a drawing", quantile=0.995, slack=1.0)
gate.save(folder / "gate.safetensors")
# [end:the-gate]
