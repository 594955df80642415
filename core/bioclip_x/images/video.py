"""Frames of videos, by PyAV (FFmpeg): which there are to read, and one at a time.

A frame is read from the key frame before it, never from the beginning of the video.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from bioclip_x.errors import ImageError, RecipeError
from bioclip_x.images.file_types import HEAD_BYTES, SUFFIXES, VIDEO, find_magic
from bioclip_x.images.metadata import DATE, add_seconds, parse_date
from bioclip_x.limits import VIDEO_FRAMES
from bioclip_x.recipe import split_frames
from bioclip_x.records import OpenedImage, Source
from bioclip_x.records.features import Metadata

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MISSING: Final = 1.0
"""Seconds by which a video may be shorter than its header says."""
STEPS_BACK: Final = (0.0, 2.0, 10.0)
"""Seconds before a frame to seek to, one after the other, for formats that find no key frame before it."""

_OGG: Final = b"OggS"
_TURNS: Final = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
"""Degrees, counterclockwise → what turns an image by them."""
_CREATED: Final = ("com.apple.quicktime.creationdate", "creation_time", "DateTimeOriginal", "date")
"""Keys of a container's metadata, in the order in which they are looked for; the first has the local time and its offset."""


_LOCATIONS: Final = ("com.apple.quicktime.location.ISO6709", "location")
_ISO_6709: Final = re.compile(r"([+-]\d{1,2}(?:\.\d{1,9})?)([+-]\d{1,3}(?:\.\d{1,9})?)", re.ASCII)
"""Latitude and longitude in decimal degrees: +52.5200+013.4050+034.000/."""


@dataclass(frozen=True, slots=True)
class Video:
    """What is known of a video before it is decoded.

    end: seconds from its first frame to the end of its last one that is in the file. declared: the same by its header, 0 if
    it does not say. n_frames: number of frames by the header, 0 if it does not say. metadata: `date` of its beginning, and
    `latitude` and `longitude`, as far as the header has them.
    """

    end: float
    declared: float
    n_frames: int
    metadata: Metadata


def check_video_support() -> None:
    """Raises RecipeError with a remedy where PyAV is missing."""
    try:
        import av  # noqa: F401
    except ImportError:
        raise RecipeError("--frames needs PyAV; install it with: pip install 'bioclip-x[video]'") from None


def expand_videos(sources: Iterable[Source], frames: str | None) -> Iterator[Source]:
    """Yields the sources, each video replaced by its frames; see `list_frames`. frames: of the recipe; None for no videos."""
    for source in sources:
        if frames is not None and source.seconds is None and not source.error and is_video(source.path):
            yield from list_frames(source, frames)
        else:
            yield source


def is_video(path: Path | None) -> bool:
    """Whether a file is a video by its first bytes. Files with the suffix of an image are not looked at."""
    suffix = path.suffix.lower() if path else ""
    if path is None or (suffix in SUFFIXES and suffix not in VIDEO.suffixes):
        return False
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return False
    return find_magic(head) is VIDEO or (suffix == ".ogv" and head.startswith(_OGG))


def list_frames(source: Source, frames: str) -> Iterator[Source]:
    """Yields the frames of a video, named as `clip.mp4#t=3.0`, at least one; an error for a video that is broken or not whole.

    Their metadata: that of the video, its file name as `video`, and as `date` that of its beginning and the seconds since.
    """
    assert source.path is not None
    try:
        video = inspect_video(source.path)
    except ImageError as problem:
        yield replace(source, error=str(problem))
        return
    times, is_all = choose_times(video, frames)
    for seconds in times:
        metadata = describe_frame({"video": source.path.name, **video.metadata, **source.metadata}, seconds)
        yield replace(source, name=f"{source.name}#t={seconds}", seconds=seconds, metadata=metadata)
    if not is_all:
        yield replace(source, error=f"more than {VIDEO_FRAMES:,} frames at {frames}; the others are left out")
    elif video.declared > video.end + max(MISSING, 0.02 * video.declared):
        yield replace(
            source, error=f"the video is truncated: {video.end:,.1f} s of {video.declared:,.1f} s can be read"
        )


def choose_times(video: Video, frames: str) -> tuple[list[float], bool]:
    """Returns the times of frames in seconds, to the millisecond, and whether these are all that are asked for.

    No more than there are frames: fewer per second where a video has fewer.

    >>> choose_times(Video(2.5, 2.5, 0, {}), "1/s"), choose_times(Video(2.0, 2.0, 0, {}), "2")
    (([0.0, 1.0, 2.0], True), ([0.5, 1.5], True))
    """
    number, step = split_frames(frames)
    if number is not None:
        number = min(number, video.n_frames or number)
        return [round(video.end * (i + 0.5) / number, 3) for i in range(number)], True
    assert step is not None
    step = max(step, video.end / video.n_frames) if video.n_frames else step
    asked = max(1, math.ceil(round(video.end / step, 6)))
    return [round(i * step, 3) for i in range(min(asked, VIDEO_FRAMES))], asked <= VIDEO_FRAMES


def describe_frame(video: Metadata, seconds: float) -> Metadata:
    """Returns the metadata of a frame: those of its video, at a later time."""
    return {name: add_seconds(str(value), seconds) if name == DATE else value for name, value in video.items()}


def inspect_video(path: Path) -> Video:
    """Reads what a video's header says, and how far its packets reach. Raises ImageError for one that cannot be read."""
    with _open(path) as (container, stream):
        unit = stream.time_base
        of_container = (container.duration or 0) / 1_000_000
        declared = float(stream.duration * unit) if stream.duration and unit else of_container
        n_frames, metadata = stream.frames, read_tags({**stream.metadata, **container.metadata})
        end, last = _find_end(container, stream, declared)
    if last < declared - MISSING or end <= 0:
        with _open(path) as (container, stream):  # its index may promise what is not there
            further = _measure(container, stream)
            end, last = max(end, further[0]), max(last, further[1])
    return Video(end, 0.0 if last >= declared - MISSING else declared, n_frames, metadata)


def read_frame(path: Path, seconds: float) -> OpenedImage:
    """Reads the frame that is shown at a time, upright. Raises ImageError with the reason."""
    with _open(path) as (container, stream):
        frame = None
        for back in STEPS_BACK:
            frame, is_before = _decode_at(container, stream, seconds, back)
            if is_before:
                break
        if frame is None:
            raise ImageError(f"no frame can be decoded at {seconds} s of the video")
        turn = _TURNS.get(round(frame.rotation / 90) * 90 % 360)
        image = Image.fromarray(frame.to_ndarray(format="rgb24"))
        return OpenedImage(image if turn is None else image.transpose(turn))


@contextmanager
def _open(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Opens a video. Raises ImageError for one without a picture, one that is damaged, and one with pictures too large."""
    check_video_support()
    import av

    try:
        # Only this file is read, whatever it refers to.
        with av.open(str(path), options={"protocol_whitelist": "file"}, metadata_errors="replace") as container:
            if not container.streams.video:
                raise ImageError("a video file without a picture")
            stream = container.streams.video[0]
            if getattr(stream, "codec_context", None) is None:
                raise ImageError("a video in a coding that FFmpeg does not read")
            if stream.width * stream.height > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
                raise ImageError(f"too large: {stream.width} x {stream.height} pixels")
            yield container, stream
    except ImageError:
        raise
    except av.FFmpegError as problem:
        raise ImageError(f"the video cannot be read: {problem.strerror}") from problem
    except Exception as problem:  # of a damaged file, almost anything
        raise ImageError(f"the video cannot be read: {problem}") from problem


def _find_end(container: InputContainer, stream: VideoStream, declared: float) -> tuple[float, float]:
    """Measures the packets after the last key frame, see `_measure`; (0, 0) where the file does not find that."""
    import av

    try:
        container.seek(_to_ticks(stream, declared or 1e6), stream=stream)
    except (av.FFmpegError, OverflowError):
        return 0.0, 0.0
    return _measure(container, stream)


def _measure(container: InputContainer, stream: VideoStream) -> tuple[float, float]:
    """Reads packets, without decoding them; returns where the last one of the picture, and of anything, ends, in seconds."""
    import av

    end = last = 0.0
    try:
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None or packet.is_corrupt:
                continue
            stops = float((packet.pts + (packet.duration or 0)) * packet.time_base) - _get_start(stream)
            last = max(last, stops)
            if packet.stream.index == stream.index:
                end = max(end, stops)
    except av.FFmpegError:  # the packets so far are there
        pass
    return end, last


def _decode_at(
    container: InputContainer, stream: VideoStream, seconds: float, back: float
) -> tuple[VideoFrame | None, bool]:
    """Returns the last frame that is not after a time, else the first that is, and whether it is not after it.

    back: seconds before the time from which to look for a key frame.
    """
    import av

    container.seek(_to_ticks(stream, seconds - back), stream=stream)
    last: VideoFrame | None = None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:  # a damaged packet; the next ones may be whole
            continue
        for frame in frames:
            time = None if frame.time is None else frame.time - _get_start(stream)
            if time is not None and time > seconds + 1e-3:
                return (frame, False) if last is None else (last, True)
            last = frame
    return last, last is not None


def _get_start(stream: VideoStream) -> float:
    """Returns the time of the first frame by the stream's own clock."""
    return float((stream.start_time or 0) * stream.time_base) if stream.time_base else 0.0


def _to_ticks(stream: VideoStream, seconds: float) -> int:
    assert stream.time_base is not None
    return int((seconds + _get_start(stream)) / stream.time_base)


def read_tags(tags: Mapping[str, str]) -> Metadata:
    """Returns date and place from the metadata of a container, as far as it has them.

    >>> read_tags({"creation_time": "2024-05-12T07:30:00.000000Z", "location": "+52.5200+013.4050/"})
    {'date': '2024-05-12T07:30:00', 'latitude': 52.52, 'longitude': 13.405}
    """
    date = _read_date(tags)
    texts = (str(tags.get(key, "")) for key in _LOCATIONS)
    match = next(filter(None, map(_ISO_6709.match, texts)), None)
    latitude, longitude = (float(match[1]), float(match[2])) if match else (math.inf, math.inf)
    place = {"latitude": latitude, "longitude": longitude} if abs(latitude) <= 90 and abs(longitude) <= 180 else {}
    return {**({DATE: date} if date else {}), **place}


def _read_date(tags: Mapping[str, Any]) -> str:
    """Returns when a video begins, as local time, "" if it does not say.

    Cameras write their local time where UTC is prescribed, so that the Z of `creation_time` means nothing.
    """
    for key in _CREATED:
        try:
            date = parse_date(str(tags.get(key, "")))
        except ValueError:
            continue
        if "T" in date and not date.startswith("1904-01-01"):  # zero, in QuickTime's clock
            return date.removesuffix("+00:00") if key == "creation_time" else date
    return ""
