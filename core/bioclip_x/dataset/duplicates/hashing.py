"""Perceptual hashes of images: 64 bits that change little when an image is encoded anew, resized or slightly brightened."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from bioclip_x.dataset.duplicates.columns import INSTALL
from bioclip_x.errors import DatasetError

Hashes = npt.NDArray[np.uint64]

FLAT: Final = 0
"""The hash of an image that shows nothing: all such images would be alike."""
FLAT_LEVELS: Final = 4
"""Greatest difference of the grey levels, of 256, of an image that shows nothing, after the reduction to 32 × 32."""
LEAST_BITS: Final = 8
"""A hash with fewer bits set is no evidence. Half of the 64 bits are set unless coefficients are equal, as of plain images."""


def perceptual_hash(image: Image.Image) -> int:
    """Returns the pHash of an image: the signs, about their median, of the 8 × 8 lowest frequencies of its 32 × 32 grey version.

    The image's shape is lost: a squeezed copy has the same hash. Turned and mirrored copies have other hashes, so give upright
    images (EXIF orientation applied, as `images.decoding` does). Transparency is ignored. Because the median divides the 64
    coefficients, 32 bits are set in nearly every hash, and distances are nearly always even. An image of one colour gives FLAT.

    Returns 64 bits, 0 to 2**64 - 1, row by row, the constant term first. Raises DatasetError where ImageHash is not installed.
    Source: Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"; `imagehash.phash`.
    """
    try:
        import imagehash
    except ImportError:
        raise DatasetError(f"perceptual hashes need ImageHash, which is not installed; {INSTALL}") from None
    grey = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    darkest, brightest = grey.getextrema()
    if int(brightest) - int(darkest) <= FLAT_LEVELS:  # type: ignore[arg-type]
        return FLAT
    return int(str(imagehash.phash(grey)), 16)


def is_uninformative(hashes_N: Hashes) -> npt.NDArray[np.bool_]:
    """Which hashes, uint64 [N], are of images that show (nearly) nothing and must not be compared."""
    return count_bits(hashes_N) < LEAST_BITS


def count_bits(values: Hashes) -> npt.NDArray[np.uint8]:
    """The number of set bits of each value, uint64 of any shape.

    >>> count_bits(np.array([0, 1, 2**64 - 1], np.uint64)).tolist()
    [0, 1, 64]
    """
    if hasattr(np, "bitwise_count"):  # numpy 2
        counts: npt.NDArray[np.uint8] = np.bitwise_count(values)
        return counts
    octets = np.ascontiguousarray(values)[..., None].view(np.uint8)
    counts = np.zeros(values.shape, np.uint8)
    return _BITS_OF_OCTET[octets].sum(-1, dtype=np.uint8, out=counts)


_BITS_OF_OCTET: Final = np.array([bin(octet).count("1") for octet in range(256)], np.uint8)
