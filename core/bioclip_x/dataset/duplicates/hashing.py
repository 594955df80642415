"""Hashes of what an image shows."""

from __future__ import annotations

from PIL import Image

from bioclip_x.errors import DatasetError


def perceptual_hash(image: Image.Image) -> int:
    """Returns 64 bits of an RGB image."""
    try:
        import imagehash
    except ImportError:
        raise DatasetError("perceptual hashes need imagehash: pip install 'bioclip-x[dataset]'") from None
    return int(str(imagehash.phash(image)), 16)
