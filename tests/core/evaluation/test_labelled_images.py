from __future__ import annotations

from pathlib import Path

from bioclip_x import Classifier
from bioclip_x.evaluation.labelled_images import embed_labelled_images
from bioclip_x_plugins.datasets.image_folder import ImageFolder
from helpers import picture


def test_images_are_read_as_classify_reads_them(tiny_model: str, tmp_path: Path) -> None:
    """Notes on frames, videos with a reason, formats told by content."""
    folder = tmp_path / "fox"
    folder.mkdir()
    frames = [picture(i) for i in range(3)]
    frames[0].save(folder / "three.tif", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "no-suffix", "PNG")
    (folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    classifier = Classifier(tiny_model, labels=("fox", "wolf"))
    dataset = ImageFolder(path=tmp_path)
    classifier.files.serve(dataset)
    list(dataset.prepare(classifier.taxonomy))
    found = embed_labelled_images(classifier, dataset)
    assert [Path(source.name).name for source in found.sources] == ["no-suffix", "three.tif"]
    clip, three = folder / "clip.mp4", folder / "three.tif"
    assert found.unreadable == (
        f"{clip}: a video; classify its frames with --frames 1/s, or extract them as JPEG or PNG",
    )
    assert f"read 1 image with a note: {three}: first of 3 frames" in found.notes
