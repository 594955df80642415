"""Cameras' RAW images, by rawpy (LibRaw): developed at full size, never the preview inside the file."""

from __future__ import annotations

import struct
from typing import IO, BinaryIO, Final, cast

from PIL import Image

from bioclip_x.plugin import ImageDecoderCapabilities, ImageError, OpenedImage, list_brands

TIFF_SUFFIXES: Final = (
    *(".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".nef", ".nrw"),
    *(".pef", ".raw", ".rwl", ".sr2", ".srf", ".srw"),
)
"""Suffixes of formats that begin as a TIFF."""
OTHER_SUFFIXES: Final = (".cr3", ".crw", ".mrw", ".orf", ".raf", ".rw2", ".x3f")
MAGIC: Final = (
    b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"II\x1a\0\0\0HEAPCCDR",
)  # fmt: skip
_TIFF: Final = {b"II*\0": "<", b"MM\0*": ">"}
_SUBFILE_TYPE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 330, 50706


class RawDecoder:
    """The full image, with the camera's white balance."""

    capabilities = ImageDecoderCapabilities(suffixes=(*TIFF_SUFFIXES, *OTHER_SUFFIXES))

    def recognises(self, head: bytes, suffix: str) -> bool:
        if head.startswith(tuple(_TIFF)):
            return suffix in TIFF_SUFFIXES or head[8:10] == b"CR" or is_raw_tiff(head)
        return head.startswith(MAGIC) or "crx" in list_brands(head)

    def decode(self, stream: IO[bytes]) -> OpenedImage:
        """Raises ImageError if rawpy is missing, or cannot develop the file."""
        try:
            import rawpy
        except ImportError:
            raise ImageError("RAW images need rawpy: pip install 'bioclip-x[images]'") from None
        try:
            with rawpy.imread(cast(BinaryIO, stream)) as raw:
                return OpenedImage(Image.fromarray(raw.postprocess(use_camera_wb=True)))
        except rawpy.LibRawError as problem:
            message = problem.args[0] if problem.args else problem
            reason = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
            raise ImageError(f"the RAW image cannot be developed: {reason}; develop it to JPEG or TIFF") from None


def is_raw_tiff(head: bytes) -> bool:
    """Whether a TIFF is a DNG, or its first image is a preview beside others, as in NEF and ARW."""
    tags = _read_tags(head, _TIFF[head[:4]])
    is_preview = tags.get(_SUBFILE_TYPE, 0) & 1 == 1
    return _DNG_VERSION in tags or (is_preview and _SUB_DIRECTORIES in tags)


def _read_tags(head: bytes, order: str) -> dict[int, int]:
    """Reads the first directory of a TIFF, as far as it is in the head: tag → the value that stands in its entry."""
    (start,) = struct.unpack_from(f"{order}I", head, 4) if len(head) >= 8 else (len(head),)
    if start + 2 > len(head):
        return {}
    (count,) = struct.unpack_from(f"{order}H", head, start)
    ends = range(start + 14, min(len(head), start + 2 + 12 * count) + 1, 12)
    entries = (struct.unpack_from(f"{order}HHII", head, end - 12) for end in ends)
    return {tag: value for tag, _, _, value in entries}
