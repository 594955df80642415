"""AVIF, by Pillow, which can read it since version 11.3."""

from __future__ import annotations

from typing import IO

from PIL import Image, features

from bioclip_x.plugin import ImageDecoderCapabilities, ImageError, OpenedImage, list_brands


class AvifDecoder:
    """Images and sequences, of which the first frame is read."""

    capabilities = ImageDecoderCapabilities(suffixes=(".avif", ".avifs"))

    def recognises(self, head: bytes, suffix: str) -> bool:
        return bool(list_brands(head) & {"avif", "avis"})

    def decode(self, stream: IO[bytes]) -> OpenedImage:
        """Raises ImageError if this Pillow was built without AVIF."""
        if not features.check("avif"):
            raise ImageError("AVIF images need Pillow 11.3 or later: pip install 'bioclip-x[images]'")
        return OpenedImage(Image.open(stream, formats=("AVIF",)))
