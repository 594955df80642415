"""The image decoder `my-component`: asked for every image file that is read."""

from typing import IO

from bioclip_x.plugin import ComponentSpec, ImageDecoderCapabilities, ImageError, OpenedImage, hookimpl
from PIL import Image

MAGIC = b"RAW8"

bioclip_x_api = 1


@hookimpl
def image_decoders() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "raw RGB bytes after a short header", f"{__name__}:MyComponent")]


class MyComponent:
    """Files of MAGIC, two bytes of width, two of height (little endian), then RGB bytes."""

    capabilities = ImageDecoderCapabilities(suffixes=(".raw8",))

    def recognises(self, head: bytes, suffix: str) -> bool:
        return head.startswith(MAGIC)

    def decode(self, stream: IO[bytes]) -> OpenedImage:
        header = stream.read(8)
        width, height = (int.from_bytes(header[i : i + 2], "little") for i in (4, 6))
        pixels = stream.read(3 * width * height)
        if not width or not height or len(pixels) < 3 * width * height:
            raise ImageError("the file ends before its last pixel")
        return OpenedImage(Image.frombytes("RGB", (width, height), pixels))
