"""Image decoders, each with one fault."""

from pathlib import Path
from typing import IO, Any

from PIL import Image

from bioclip_x.plugin import ImageDecoderCapabilities, ImageError, OpenedImage

KIND = "image_decoders"
MAGIC = b"GREY"


class Right:
    """a size and grey pixels"""

    capabilities = ImageDecoderCapabilities(suffixes=(".grey",))

    def recognises(self, head: bytes, suffix: str) -> bool:
        return head.startswith(MAGIC)

    def decode(self, stream: IO[bytes]) -> Any:
        size = stream.read(5)[-1]
        pixels = stream.read()
        if len(pixels) < size * size or not size:
            raise ImageError("the file ends early")
        return OpenedImage(Image.frombytes("L", (size, size), pixels[: size * size]))


class Failing(Right):
    """looks at the first byte of an empty file"""

    def recognises(self, head: bytes, suffix: str) -> bool:
        return head[0] == MAGIC[0]


class Greedy(Right):
    """recognises every file"""

    def recognises(self, head: bytes, suffix: str) -> bool:
        return True


class Loud(Right):
    """a suffix in capitals"""

    capabilities = ImageDecoderCapabilities(suffixes=("GREY",))


class Bare(Right):
    """an image without its record"""

    def decode(self, stream: IO[bytes]) -> Any:
        return super().decode(stream).image


class Shared(Right):
    """pixels that depend on how often it was asked"""

    def __init__(self) -> None:
        self.calls = 0

    def decode(self, stream: IO[bytes]) -> Any:
        self.calls += 1
        return OpenedImage(super().decode(stream).image.point([self.calls] * 256))


class Trusting(Right):
    """a file that ends early is a ValueError of Pillow's"""

    def decode(self, stream: IO[bytes]) -> Any:
        size = stream.read(5)[-1]
        return OpenedImage(Image.frombytes("L", (size, size), stream.read()))


def make_given(folder: Path, target: type) -> dict[str, Any]:
    (folder / "a.grey").write_bytes(MAGIC + bytes([10]) + bytes(range(100)))
    return {"examples": {"file": folder / "a.grey"}}


class Demanding(Right):
    """an option without a default"""

    def __init__(self, *, level: int) -> None:
        self.level = level


RIGHT = (Right,)
FAULTY = {
    "options_have_defaults": Demanding,
    "it_never_fails_to_tell": Failing,
    "it_leaves_other_formats_alone": Greedy,
    "suffixes_are_lower_case": Loud,
    "it_reads_its_format": Bare,
    "it_reads_in_threads": Shared,
    "damaged_files_are_told": Trusting,
}
