"""How a run finds and reads images: with which decoders, and what it does with truncated files."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bioclip_x.errors import ComponentError, ImageError
from bioclip_x.faults import naming
from bioclip_x.hooks.capabilities import DatasetCapabilities, ImageDecoderCapabilities, get_capabilities
from bioclip_x.hooks.components import Dataset, ImageDecoder
from bioclip_x.hooks.registry import Registry
from bioclip_x.images.decoding import DRAFT_GAP, THUMBNAIL, Truncated, decode_file, decode_stream, to_rgb
from bioclip_x.images.file_types import SUFFIXES
from bioclip_x.images.memory import make_memory_source
from bioclip_x.images.metadata import read_exif
from bioclip_x.images.places.folders import LeftOut, is_media, walk_folder
from bioclip_x.images.places.remote import find_suffix, is_url, make_url_source, read_url
from bioclip_x.images.video import check_video_support, read_frame
from bioclip_x.messages import LONGEST_NAME
from bioclip_x.recipe import Recipe
from bioclip_x.records import OpenedImage, Source
from bioclip_x.records.features import Metadata


class ImageFiles:
    """Finds and reads images: in Pillow's formats (`file_types.READABLE`), and in those of the decoders.

    decoders: name → decoder, asked in this order before Pillow. truncated: read what is there of a truncated file, with a
    note, if that is three quarters of it; or refuse it. least_side: decode large JPEGs smaller, see `decode_stream`.
    frames: of the recipe, which frames of videos are read; None for none.
    """

    def __init__(
        self,
        decoders: Mapping[str, ImageDecoder] | None = None,
        truncated: Truncated = "read",
        least_side: int | None = None,
        frames: str | None = None,
    ) -> None:
        self._decoders, self._truncated, self._least_side = dict(decoders or {}), truncated, least_side
        self.frames = frames
        added = (get_capabilities(one, ImageDecoderCapabilities).suffixes for one in self._decoders.values())
        self.suffixes = SUFFIXES.union(*added)

    def fitting(self, recipe: Recipe, preprocessing: Mapping[str, Any]) -> ImageFiles:
        """Returns the files of a run with this model: large JPEGs are decoded smaller, if the recipe and the model permit it.

        `preprocess: pybioclip` repeats another program's numbers, which are of whole images. preprocessing: of the model, as
        in open_clip's preprocess_cfg; empty for one that does not tell its size.
        """
        side = find_least_side(preprocessing)
        if side is None or recipe.full_decoding or recipe.preprocess != "model":
            return self
        return self.shrinking(side)

    def shrinking(self, least_side: int) -> ImageFiles:
        """Returns the same that decodes large JPEGs smaller."""
        return ImageFiles(self._decoders, self._truncated, least_side, self.frames)

    def recognises(self, head: bytes, suffix: str) -> bool:
        """Whether a file looks like an image or a video by its first bytes."""
        return is_media(head, suffix) or any(_recognises(one, head, suffix) for one in self._decoders.values())

    def walk(self, folder: Path, left_out: LeftOut) -> Iterator[Source]:
        """Yields the images and videos in a folder and below; see `walk_folder`."""
        return walk_folder(folder, left_out, suffixes=self.suffixes, recognises=self.recognises)

    def serve(self, dataset: Dataset) -> None:
        """Lets a data set search folders as this run does. To be called before its `prepare`."""
        if get_capabilities(dataset, DatasetCapabilities).searches_folders:
            dataset.use_files(self)  # type: ignore[attr-defined]

    def read(self, source: Source) -> OpenedImage:
        """Reads an image as upright RGB. Raises ImageError with the reason."""
        if source.error:
            raise ImageError(source.error)
        if source.path is not None and source.seconds is not None:
            return read_frame(source.path, source.seconds)
        if source.path is not None:
            return decode_file(source.path, self._decoders, self._truncated, self._least_side)
        if source.url or source.data is not None:
            data = read_url(source.url) if source.url else source.data or b""
            suffix = find_suffix(source.name)
            return decode_stream(io.BytesIO(data), suffix, self._decoders, self._truncated, self._least_side)
        return to_rgb(source.image)

    def read_metadata(self, source: Source) -> Metadata:
        """Reads what an image's file says of it, without decoding it where that is possible; nothing if it cannot be read."""
        if source.path is None or not is_regular(source.path):  # a pipe can be read only once
            return {}
        try:
            with Image.open(source.path) as image:
                return read_exif(image)
        except Exception:  # a plugin's format, or no image, which the run itself will tell
            return self._read_decoded_metadata(source)

    def _read_decoded_metadata(self, source: Source) -> Metadata:
        try:
            return self.read(source).metadata if self._decoders else {}
        except (ImageError, ComponentError):
            return {}

    def read_any(self, image: Image.Image | np.ndarray | Path | str | bytes, name: str = "image") -> OpenedImage:
        """Reads what a data set returns: a path or URL, the content of a file, or an image in memory.

        name: of an image that is no path or URL. Raises ImageError naming the image.
        """
        if isinstance(image, bytes):
            return self._read_named(Source(name, data=image))
        if not isinstance(image, str | Path):
            return self.read(make_memory_source(name, image))
        return self._read_named(make_file_source(str(image)))

    def _read_named(self, source: Source) -> OpenedImage:
        _check_regular(source)
        try:
            return self.read(source)
        except ImageError as problem:
            raise ImageError(f"{source.name}: {problem}") from None


def _check_regular(source: Source) -> None:
    """Raises ImageError for what a data set names and is no file: a pipe would be waited for, and a device has no end."""
    if source.path is None:
        return
    try:
        mode = source.path.stat().st_mode
    except FileNotFoundError:
        return  # which reading it tells
    except (OSError, ValueError) as problem:
        raise ImageError(f"{source.name[:LONGEST_NAME]}: {getattr(problem, 'strerror', None) or problem}") from None
    if not stat.S_ISREG(mode):
        raise ImageError(f"{source.name}: a folder, a pipe or a device; expected a file")


def find_least_side(preprocessing: Mapping[str, Any]) -> int | None:
    """Returns the shortest side that an image needs for the model's input and a report's thumbnail; None if that is unknown.

    With `resize_mode: longest` the shorter side might be smaller still.

    >>> find_least_side({"size": 336, "resize_mode": "shortest"})
    336
    """
    size = preprocessing.get("size")
    if size is None:
        return None
    # Thumbnails that are wanted for some runs only must not change the predictions: they count for all.
    return max(*((size,) if isinstance(size, int) else size), round(THUMBNAIL / DRAFT_GAP))


def make_file_source(name: str) -> Source:
    """Makes the source of a path or URL. It need not exist."""
    return make_url_source(name) if is_url(name) else Source(name, Path(name))


def make_image_files(registry: Registry, truncated: Truncated = "read", frames: str | None = None) -> ImageFiles:
    """Makes the image files of a run with the decoders of the loaded plugins.

    Raises RecipeError where frames of videos are asked for and PyAV is missing.
    """
    if frames is not None:
        check_video_support()
    return ImageFiles(registry.make_all("image_decoders"), truncated, frames=frames)


def is_regular(path: Path) -> bool:
    """Whether a path is a file, and no pipe or device."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a NUL in the name
        return False


def _recognises(decoder: ImageDecoder, head: bytes, suffix: str) -> bool:
    with naming(decoder, "recognises"):
        return bool(decoder.recognises(head, suffix))
