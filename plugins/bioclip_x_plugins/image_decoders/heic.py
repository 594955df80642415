"""HEIC and HEIF, by pillow-heif, which is not registered with Pillow: that would change it for the whole process."""

from __future__ import annotations

from typing import IO, Final

from bioclip_x.plugin import ImageDecoderCapabilities, ImageError, OpenedImage, list_brands

BRANDS: Final = frozenset(("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1"))


class HeicDecoder:
    """The main image of a file, turned upright by libheif; ten bits are reduced to eight."""

    capabilities = ImageDecoderCapabilities(suffixes=(".heic", ".heif", ".heics", ".heifs", ".hif"))

    def recognises(self, head: bytes, suffix: str) -> bool:
        return bool(list_brands(head) & BRANDS)

    def decode(self, stream: IO[bytes]) -> OpenedImage:
        """Raises ImageError if pillow-heif is missing, or cannot read the file."""
        try:
            import pillow_heif
        except ImportError:
            raise ImageError("HEIC images need pillow-heif: pip install 'bioclip-x[images]'") from None
        try:
            file = pillow_heif.open_heif(stream, convert_hdr_to_8bit=True)
            image = file.to_pillow()
        except (ValueError, RuntimeError, EOFError, SyntaxError) as problem:
            raise ImageError(f"the HEIC image cannot be read: {problem}") from None
        notes = (f"the main one of {len(file)} images",) if len(file) > 1 else ()
        return OpenedImage(image, notes)
