from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL.Image import Image
from PIL.Image import open as open_lazily

from bioclip_x.images.loading import BATCHES_AHEAD, decode, load_batches
from bioclip_x.records import Source
from helpers import picture


def pixels(image: Image) -> torch.Tensor:
    return torch.full((3, 2, 2), float(image.getpixel((0, 0))[0]))  # type: ignore[index]


def test_order_is_kept_if_some_images_are_slow() -> None:
    def slow_at_times(image: Image) -> torch.Tensor:
        time.sleep(0.01 * (image.width % 3))
        return torch.full((3, 2, 2), float(image.width))

    sources = [Source(str(i), image=picture(i, (20 + i, 20))) for i in range(23)]
    found = [one for batch in load_batches(sources, slow_at_times, batch_size=4, workers=4) for one in batch]
    assert [one.source.name for one in found] == [str(i) for i in range(23)]
    assert [int(one.pixels[0, 0, 0]) for one in found if one.pixels is not None] == [20 + i for i in range(23)]


def test_sources_are_read_only_a_few_batches_ahead() -> None:
    taken = 0

    def endless() -> Iterator[Source]:
        nonlocal taken
        while True:
            taken += 1
            yield Source(str(taken), image=picture())

    stream = load_batches(endless(), pixels, batch_size=5, workers=2)
    for done in range(1, 8):
        next(stream)
        assert taken <= 5 * (done + BATCHES_AHEAD)
    stream.close()  # type: ignore[attr-defined]


def test_unreadable_images_have_an_error_and_others_are_decoded(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no")
    picture().save(tmp_path / "good.png")
    sources = [Source(n, tmp_path / n) for n in ("good.png", "bad.png", "gone.png", "good.png")]
    [batch] = load_batches(sources, pixels, batch_size=8)
    assert [bool(one.error) for one in batch] == [False, True, True, False]
    assert all((one.pixels is None) == bool(one.error) for one in batch)


def test_broken_images_in_memory_have_an_error(tmp_path: Path) -> None:
    picture(size=(300, 200)).save(tmp_path / "whole.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])

    def refuses(image: Image) -> torch.Tensor:
        raise ValueError("not this shape")

    with open_lazily(tmp_path / "half.jpg") as half:
        assert "truncated" in decode(Source("half", image=half), pixels)[0].error
    assert decode(Source("whole", image=picture()), refuses)[0].error == "cannot be decoded: not this shape"


def test_decoding_is_done_by_workers() -> None:
    threads = set()

    def where(image: Image) -> torch.Tensor:
        threads.add(threading.current_thread().name)
        return pixels(image)

    list(load_batches([Source("x", image=picture())] * 3, where, batch_size=2, workers=1))
    assert len(threads) == 1 and next(iter(threads)).startswith("decode")


def test_a_thumbnail_on_request() -> None:
    source = Source("x", image=picture())
    assert decode(source, pixels)[0].thumbnail is None
    assert (decode(source, pixels, with_thumbnail=True)[0].thumbnail or b"").startswith(b"\xff\xd8")
