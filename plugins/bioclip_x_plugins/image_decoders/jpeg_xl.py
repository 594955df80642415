"""JPEG XL, by pillow-jxl-plugin."""

from __future__ import annotations

from typing import IO

from bioclip_x.plugin import ImageDecoderCapabilities, ImageError, OpenedImage


class JpegXlDecoder:
    """Images, and the first frame of animations."""

    capabilities = ImageDecoderCapabilities(suffixes=(".jxl",))

    def recognises(self, head: bytes, suffix: str) -> bool:
        return head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"))

    def decode(self, stream: IO[bytes]) -> OpenedImage:
        """Raises ImageError if pillow-jxl-plugin is missing, or cannot read the file.

        Its import adds JPEG XL to the formats that Pillow opens in this process, which cannot be avoided; it changes nothing
        else.
        """
        try:
            from pillow_jxl.JpegXLImagePlugin import JXLImageFile
        except ImportError:
            raise ImageError("JPEG XL images need pillow-jxl-plugin: pip install 'bioclip-x[images]'") from None
        try:
            image = JXLImageFile(stream)
            image.load()  # type: ignore[no-untyped-call]
        except (ValueError, RuntimeError, SyntaxError) as problem:
            raise ImageError(f"the JPEG XL image cannot be read: {' '.join(str(problem).split())}") from None
        return OpenedImage(image)
