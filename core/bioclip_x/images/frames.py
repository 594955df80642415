"""Chooses the frame of a file that holds several, and says so."""

from __future__ import annotations

from typing import Final

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from bioclip_x.errors import ImageError
from bioclip_x.limits import TIFF_PAGES

_SUBFILE_TYPE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 330, 50706
_PREVIEWS: Final = ("MPO", "ICO")
"""Formats whose further frames are the same image, smaller, or data about it (gain maps, depth)."""


def select_first_frame(image: Image.Image) -> tuple[str, ...]:
    """Selects the first frame of an image that is not loaded yet; returns a note if there are others.

    Pages of a TIFF that are reduced copies of another page are not counted, nor selected. Raises ImageError for a RAW image
    that no decoder has recognised: Pillow would read the preview in it.
    """
    if isinstance(image, TiffImageFile):
        if _DNG_VERSION in image.tag_v2 or (_is_reduced(image) and _SUB_DIRECTORIES in image.tag_v2):
            raise ImageError("a camera's RAW image under another name; give it its suffix back (.dng, .nef, …)")
        pages = _list_full_pages(image)
        image.seek(pages[0] if pages else 0)
        count = len(pages)
        if count > TIFF_PAGES:
            return (f"first of more than {TIFF_PAGES:,} frames",)
    else:
        count = 1 if image.format in _PREVIEWS else _count_frames(image)
    return (f"first of {count} frames",) if count > 1 else ()


def _list_full_pages(image: TiffImageFile) -> list[int]:
    """Lists the pages at full resolution, as far as the file's directories can be read, and one beyond TIFF_PAGES."""
    pages: list[int] = []
    try:
        for number in range(TIFF_PAGES + 1):  # each costs Pillow a search among all before
            image.seek(number)
            if not _is_reduced(image):
                pages.append(number)
        return pages
    except Exception:  # EOFError after the last page, almost anything in a damaged directory
        return pages


def _is_reduced(image: TiffImageFile) -> bool:
    return bool(int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & 1)


def _count_frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # the count of a damaged animation; its first frame may be whole
        return 1
