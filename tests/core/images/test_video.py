from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bioclip_x.errors import ImageError, RecipeError
from bioclip_x.images import video as module
from bioclip_x.images.counting import count_images
from bioclip_x.images.files import ImageFiles
from bioclip_x.images.sources import expand_sources
from bioclip_x.images.video import Video, choose_times, expand_videos, inspect_video, list_frames, read_frame
from bioclip_x.records import Source
from helpers import VIDEO_SIZE as SIZE
from helpers import write_video

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

av = pytest.importorskip("av", reason="PyAV is not installed")


def measure(path: Path, seconds: float) -> float:
    """The time that a frame shows."""
    image = read_frame(path, seconds).image
    return float(np.asarray(image)[30:, 30:].mean() / 50)


def rotate_header(path: Path, matrix: tuple[int, ...]) -> None:
    """Writes a matrix (a, b, c, d) into the track header of an mp4."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (one * 65536 for one in matrix)
    struct.pack_into(">9i", data, start, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def listed(path: Path, frames: str) -> list[tuple[str, str]]:
    return [
        (source.name.removeprefix(str(path)), source.error) for source in list_frames(Source(str(path), path), frames)
    ]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("1/s", [0.0, 1.0, 2.0, 3.0]), ("2/s", [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]), ("1/3s", [0.0, 3.0]), ("1/60s", [0.0]),
        ("4", [0.5, 1.5, 2.5, 3.5]), ("1", [2.0]),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "mpeg4"), (".mkv", "mpeg4"), (".avi", "mpeg4"), (".ts", "mpeg2video")]
)
def test_which_frames_and_what_they_show(
    tmp_path: Path, suffix: str, codec: str, frames: str, expected: list[float]
) -> None:
    path = write_video(
        tmp_path / f"clip{suffix}",
        codec=codec,
        times=[i / 25 for i in range(100)],
        rate=25,
    )
    sources = list(list_frames(Source("clip", path), frames))
    assert [source.seconds for source in sources] == pytest.approx(expected, abs=0.06)
    assert [source.name for source in sources] == [f"clip#t={source.seconds}" for source in sources]
    for source in sources:
        opened = ImageFiles().read(source)
        shown = float(np.asarray(opened.image)[30:, 30:].mean() / 50)
        assert opened.image.size == SIZE and shown == pytest.approx(source.seconds, abs=0.15), source.name


def test_every_moment_of_a_video_of_changing_rate(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.2, 1.7, 1.8, 3.9, 4.0]
    path = write_video(tmp_path / "clip.mp4", times)
    for seconds in np.arange(0, 4.0, 0.25):
        shown = max(time for time in times if time <= seconds + 1e-3)
        assert measure(path, float(seconds)) == pytest.approx(shown, abs=0.06), seconds


def test_frames_are_decoded_from_the_key_frame_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.mp4", [i / 10 for i in range(300)], gop=10)
    counts: list[int] = []

    class Counted:
        """A container that counts the packets that are read."""

        def __init__(self, container: InputContainer) -> None:
            self.seek, self.whole = container.seek, container.demux
            counts.append(0)

        def demux(self, stream: VideoStream) -> Iterator[Packet]:
            for packet in self.whole(stream):
                counts[-1] += 1
                yield packet

    decode_at = module._decode_at  # noqa: SLF001
    monkeypatch.setattr(module, "_decode_at", lambda container, *given: decode_at(Counted(container), *given))  # type: ignore[arg-type]
    for seconds in (5.0, 15.5, 29.9):
        assert measure(path, seconds) == pytest.approx(min(5, seconds), abs=0.1)
    assert len(counts) == 3 and max(counts) <= 15


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((1, 0, 0, 1), (0, 0)),  # upright: the white corner is at the upper left
        ((0, 1, -1, 0), (0, -1)),  # turned clockwise: it is at the upper right
        ((-1, 0, 0, -1), (-1, -1)),
        ((0, -1, 1, 0), (-1, 0)),
    ],
)
def test_the_header_says_which_side_is_up(tmp_path: Path, matrix: tuple[int, ...], corner: tuple[int, int]) -> None:
    path = write_video(tmp_path / "clip.mp4", [0.0])
    rotate_header(path, matrix)
    pixels = np.asarray(read_frame(path, 0).image)[..., 0]
    assert pixels[corner] > 200 and sum(pixels[y, x] > 200 for y in (0, -1) for x in (0, -1)) == 1
    assert pixels.shape == (SIZE[::-1] if matrix[0] else SIZE)


def test_metadata_of_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", tags={"creation_time": "2024-05-12T07:30:00.000000Z"})
    found = [source.metadata for source in list_frames(Source("clip", path, metadata={"site": "wood"}), "1/2s")]
    assert found == [
        {"video": "clip.mp4", "site": "wood", "date": "2024-05-12T07:30:00"},
        {"video": "clip.mp4", "site": "wood", "date": "2024-05-12T07:30:02"},
    ]
    of_table = list(list_frames(Source("clip", path, metadata={"date": "2020-01-01T00:00:00+01:00"}), "1/2s"))
    assert of_table[1].metadata["date"] == "2020-01-01T00:00:02+01:00"
    located = write_video(tmp_path / "located.mov", tags={"location": "+52.5200-013.4050/"})
    [only] = list_frames(Source("x", located), "1")
    assert only.metadata == {"video": "located.mov", "latitude": 52.52, "longitude": -13.405}
    undated = write_video(tmp_path / "undated.avi")
    assert [source.metadata for source in list_frames(Source("x", undated), "1")] == [{"video": "undated.avi"}]


def test_a_video_shorter_than_a_step_and_one_of_a_single_frame(tmp_path: Path) -> None:
    assert listed(write_video(tmp_path / "a.mp4", [0.0, 0.1]), "1/s") == [("#t=0.0", "")]
    one = write_video(tmp_path / "b.mp4", [0.0])
    assert len(listed(one, "8")) == 1 and measure(one, 0.05) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_damage_anywhere_is_an_error_or_nothing(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"clip{suffix}", [i / 25 for i in range(30)], rate=25)
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for most in (200, 600, len(data)) * 8:
        damaged = bytearray(data)
        for place in rng.integers(0, min(most, len(data)), 5):
            damaged[place] = int(rng.integers(0, 256))
        path.write_bytes(damaged)
        sources = list(list_frames(Source("clip", path), "1/s"))
        assert sources and all(source.name.startswith("clip") for source in sources)
        for source in sources[:3]:
            with suppress(ImageError):
                assert ImageFiles().read(source).image.mode == "RGB"


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0\x18ftypisom\0\0\0\0", b"\x1a\x45\xdf\xa3" + b"\xff" * 900, b"RIFF....AVI LIST"]
)
def test_broken_videos_are_one_row_with_the_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    [source] = expand_videos([Source("clip", path)], "1/s")
    assert source.name == "clip" and bool(source.error) == bool(content), "an empty file is none of a video"
    with pytest.raises(ImageError):
        ImageFiles().read(source)


def test_truncated_videos_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", [i / 10 for i in range(100)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    *frames, last = list_frames(Source("clip", path), "1/s")
    assert 3 <= len(frames) <= 8 and last.name == "clip" and "the video is truncated" in last.error
    for source in frames[:-1]:
        shown = float(np.asarray(ImageFiles().read(source).image)[30:, 30:].mean() / 50)
        assert shown == pytest.approx(source.seconds or 0, abs=0.15)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_mp4_whose_index_comes_first(tmp_path: Path, share: float) -> None:
    path = write_video(tmp_path / "clip.mp4", [i / 10 for i in range(200)], options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    *frames, last = list_frames(Source("clip", path), "1/s")
    there = 0.0
    with av.open(str(path)) as container, suppress(av.FFmpegError):
        for frame in container.decode(video=0):  # from the beginning to where it breaks
            there = frame.time
    assert len(frames) == pytest.approx(int(there) + 1, abs=1) and "the video is truncated" in last.error
    assert there > 0.5
    for source in frames[:-1]:
        assert measure(path, source.seconds or 0) == pytest.approx(min(5, source.seconds or 0), abs=0.2)


def test_a_header_that_promises_a_billion_seconds(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4")
    data = bytearray(path.read_bytes())
    for box, where in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 24)):
        struct.pack_into(">I", data, data.index(box) + 4 + where, 2**31 - 1)
    path.write_bytes(data)
    found = listed(path, "1/s")
    assert [name for name, _ in found[:4]] == ["#t=0.0", "#t=1.0", "#t=2.0", "#t=3.0"] and len(found) <= 5
    times, is_all = choose_times(Video(1e9, 1e9, 0, {}), "1/s")
    assert len(times) == module.VIDEO_FRAMES and not is_all
    assert len(choose_times(Video(1e9, 1e9, 3, {}), "8")[0]) == len(choose_times(Video(1e9, 1e9, 3, {}), "1/s")[0]) == 3


def test_what_is_no_video_passes(tmp_path: Path) -> None:
    (tmp_path / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    sources = [
        Source("a", tmp_path / "a.jpg"),
        Source("b", tmp_path / "playlist.mp4"),
        Source("c", data=b""),
        Source("d", error="x"),
    ]
    assert list(expand_videos(sources, "1/s")) == sources
    video = Source("v", write_video(tmp_path / "v.mp4"))
    assert list(expand_videos([video], None)) == [video]
    with pytest.raises(ImageError, match=r"a video; classify its frames with --frames 1/s"):
        ImageFiles().read(video)


def test_frames_are_counted(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    write_video(tmp_path / "b.mp4", [0.0])
    assert count_images([str(tmp_path)], ImageFiles(frames="1/s")) == 5
    assert count_images([str(tmp_path)], ImageFiles()) == 2
    assert sum(1 for _ in expand_videos(expand_sources([tmp_path]), "2")) == 3


def test_videos_without_a_picture(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(ImageError, match="a video file without a picture"):
        inspect_video(tmp_path / "sound.mp4")


def test_without_pyav_the_request_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(RecipeError, match=r"pip install 'bioclip-x\[video\]'"):
        module.check_video_support()
