"""Boxes and masks from files, each in the layout that its program writes."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bioclip_x.errors import ImageError, RecipeError
from bioclip_x.plugin import Region, Source, decode_mask, encode_mask
from bioclip_x_plugins.detectors.boxes import BoxesDetector, read_boxes

SIZE = (200, 100)
IMAGE = Image.new("RGB", SIZE)
MEGADETECTOR: dict[str, Any] = {
    "info": {"format_version": "1.6"},
    "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
    "images": [
        {
            "file": "night\\IMG_1.jpg",
            "detections": [
                {"category": "1", "conf": 0.926, "bbox": [0.1, 0.2, 0.3, 0.4], "classifications": [["3", 0.9]]},
                {"category": "9", "conf": 0.9, "bbox": [0, 0, 1, 1]},
            ],
        },
        {"file": "night/IMG_2.jpg", "detections": []},
        {"file": "night/IMG_3.jpg", "failure": "Failure image access", "detections": None},
        {
            "file": "night/clip.mp4",
            "frame_rate": 20,
            "frames_processed": [0, 20],
            "detections": [{"category": "2", "conf": 0.871, "bbox": [0.1, 0.2, 0.3, 0.4], "frame_number": 20}],
        },
    ],
}


def write(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return path


def find(file: Path, name: str, seconds: float | None = None) -> list[Region] | None:
    return BoxesDetector(file).detect(Source(name, Path(name), seconds=seconds), IMAGE)


def check(found: list[Region] | None, *expected: tuple[tuple[float, ...], str, float | None]) -> None:
    assert found is not None and len(found) == len(expected)
    for region, (box, label, confidence) in zip(found, expected):
        assert region.box == pytest.approx(box) and (region.label, region.confidence) == (label, confidence)


def test_megadetector(tmp_path: Path) -> None:
    file = write(tmp_path / "md.json", MEGADETECTOR)
    check(find(file, "/card/night/IMG_1.jpg"), ((0.1, 0.2, 0.4, 0.6), "animal", 0.926))
    assert find(file, "night/IMG_2.jpg") == [] and find(file, "night/IMG_3.jpg") is None
    assert find(file, "day/IMG_1.jpg") is None, "another folder's image"
    check(find(file, "night/clip.mp4", 1.0), ((0.1, 0.2, 0.4, 0.6), "person", 0.871))
    check(find(file, "night/clip.mp4", 0.6), ((0.1, 0.2, 0.4, 0.6), "person", 0.871))
    assert find(file, "night/clip.mp4", 0.2) == []


@pytest.mark.parametrize("leaves_out", [("info",), ("detection_categories",), ("info", "detection_categories")])
def test_megadetector_of_older_versions(tmp_path: Path, leaves_out: tuple[str, ...]) -> None:
    old = {name: value for name, value in MEGADETECTOR.items() if name not in leaves_out}
    old["images"] = [{**one, "max_detection_conf": 0.9} for one in old["images"]]
    check(find(write(tmp_path / "md.json", old), "night/IMG_1.jpg"), ((0.1, 0.2, 0.4, 0.6), "animal", 0.926))


def test_microsofts_megadetector_is_in_pixels(tmp_path: Path) -> None:
    document = [{"file": "a.jpg", "detections": [{"category": "person", "confidence": 0.5, "bbox": [20, 10, 60, 90]}]}]
    check(find(write(tmp_path / "b.json", document), "a.jpg"), ((0.1, 0.1, 0.3, 0.9), "person", 0.5))


def test_speciesnet(tmp_path: Path) -> None:
    detection = {"category": "2", "label": "human", "conf": 0.5, "bbox": [0.1, 0.2, 0.3, 0.4]}
    document = {"predictions": [{"filepath": "a.jpg", "detections": [detection]}, {"filepath": "b.jpg"}]}
    file = write(tmp_path / "b.json", document)
    check(find(file, "a.jpg"), ((0.1, 0.2, 0.4, 0.6), "person", 0.5))
    assert find(file, "b.jpg") is None


def make_coco(**annotation: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 400, "height": 200}, {"id": 8, "file_name": "b.jpg"}],
        "categories": [{"id": 3, "name": "fox"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, **annotation}],
    }


def test_coco(tmp_path: Path) -> None:
    file = write(tmp_path / "c.json", make_coco(bbox=[40, 20, 80, 160]))
    check(find(file, "a.jpg"), ((0.1, 0.1, 0.3, 0.9), "fox", None))
    assert find(file, "b.jpg") == []
    results = [{"image_id": "a", "category_id": 3, "bbox": [20, 10, 40, 80], "score": 0.7}]
    check(find(write(tmp_path / "r.json", results), "x/a.jpg"), ((0.1, 0.1, 0.3, 0.9), "", 0.7))


def test_cocos_masks(tmp_path: Path) -> None:
    pixels = np.zeros((200, 400), bool)
    pixels[20:60, 40:120] = True
    runs, value, length = [], False, 0
    for pixel in pixels.T.ravel():
        if bool(pixel) != value:
            runs.append(length)
            value, length = bool(pixel), 0
        length += 1
    forms = [
        {"size": [200, 400], "counts": encode_mask(pixels).counts},
        {"size": [200, 400], "counts": [*runs, length]},
        [[40, 20, 120, 20, 120, 60, 40, 60]],
    ]
    for form in forms:
        [region] = find(write(tmp_path / "m.json", make_coco(segmentation=form)), "a.jpg") or []
        assert region.box == pytest.approx((0.1, 0.1, 0.3, 0.3)) and region.mask is not None
        np.testing.assert_array_equal(decode_mask(region.mask), pixels)


def test_segment_anything(tmp_path: Path) -> None:
    pixels = np.zeros((100, 200), bool)
    pixels[10:30, 20:60] = True
    folder = tmp_path / "sa"
    folder.mkdir()
    rle = {"size": [100, 200], "counts": encode_mask(pixels).counts}
    document = {
        "image": {"image_id": 5, "width": 200, "height": 100, "file_name": "sa_5.jpg"},
        "annotations": [{"id": 9, "segmentation": rle, "bbox": [20, 10, 40, 20], "predicted_iou": 1.02, "area": 800}],
    }
    write(folder / "sa_5.json", document)
    for given in (folder, folder / "sa_5.json"):
        check(find(given, "sa_5.jpg"), ((0.1, 0.1, 0.3, 0.3), "", 1.0))


def test_masks_as_png(tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    (masks / "c").mkdir(parents=True)
    pixels = np.zeros((100, 200), np.uint8)
    pixels[10:30, 20:60] = 255
    Image.fromarray(pixels).save(masks / "a.png")
    pixels[10:30, 20:60], pixels[50:60, 100:120] = 1, 2
    Image.fromarray(pixels).save(masks / "b.png")
    Image.fromarray(pixels > 0).save(masks / "c" / "0.png")
    write(masks / "c" / "metadata.csv", "id,area,predicted_iou\n0,800,0.9\n")
    Image.new("L", SIZE).save(masks / "d.png")
    check(find(masks, "x/a.jpg"), ((0.1, 0.1, 0.3, 0.3), "", None))
    check(find(masks, "x/b.jpg"), ((0.1, 0.1, 0.3, 0.3), "", None), ((0.5, 0.5, 0.6, 0.6), "", None))
    check(find(masks, "x/c.jpg"), ((0.1, 0.1, 0.6, 0.6), "", 0.9))
    assert find(masks, "x/d.jpg") == [] and find(masks, "x/e.jpg") is None


@pytest.mark.parametrize(
    "table",
    [
        "path,left,top,right,bottom,label,confidence\na.jpg,0.1,0.2,0.4,0.6,animal,0.9\nb.jpg,,,,,,\n",
        "file;x;y;width;height;label;conf\na.jpg;20;20;60;40;animal;0.9\nb.jpg;;;;;;\n",
        "filename\txmin\tymin\txmax\tymax\tclass\tscore\na.jpg\t20\t20\t80\t60\tanimal\t0.9\nb.jpg\t\t\t\t\t\t\n",
        "file_name,name,box_left,box_top,box_right,box_bottom,detection,detection_confidence\n"
        "a.jpg,fox,0.1,0.2,0.4,0.6,animal,0.9\na.jpg,wolf,0.1,0.2,0.4,0.6,animal,0.9\nb.jpg,,,,,,,\n",
    ],
)
def test_tables(tmp_path: Path, table: str) -> None:
    file = write(tmp_path / "boxes.csv", table)
    check(find(file, "card/a.jpg"), ((0.1, 0.2, 0.4, 0.6), "animal", 0.9))
    assert find(file, "card/b.jpg") == [] and find(file, "card/c.jpg") is None


def test_camtrap_dp(tmp_path: Path) -> None:
    write(tmp_path / "media.csv", "mediaID,deploymentID,filePath\nm1,d1,card/a.jpg\nm2,d1,card/b.jpg\n")
    columns = "observationID,mediaID,observationType,bboxX,bboxY,bboxWidth,bboxHeight,individualID"
    write(
        tmp_path / "observations.csv",
        f"{columns}\no1,m1,human,0.1,0.2,0.3,0.4,\no2,m1,animal,,,,,\no3,m2,animal,0,0,1,1,i7\n",
    )
    write(tmp_path / "datapackage.json", "{}")
    for given in (tmp_path, tmp_path / "datapackage.json", tmp_path / "observations.csv"):
        check(find(given, "a.jpg"), ((0.1, 0.2, 0.4, 0.6), "person", None))
        assert find(given, "card/b.jpg") == [Region((0, 0, 1, 1), "animal", individual="i7")]


def test_boxes_are_cut_at_the_edge_and_empty_ones_dropped(tmp_path: Path) -> None:
    file = write(tmp_path / "b.csv", "path,left,top,right,bottom\na.jpg,-0.1,0.2,0.4,1.2\na.jpg,0.5,0.5,0.5,0.9\n")
    [region] = find(file, "a.jpg") or []
    assert region.box[:3] == pytest.approx((0, 0.2, 0.4))


def test_names_are_matched_by_their_ends(tmp_path: Path) -> None:
    rows = "".join(
        f"{name},0.1,0.1,{right},0.9\n"
        for name, right in (("/old/disk/a/1.jpg", 0.5), ("b/1.jpg", 0.6), ("2.jpg", 0.7))
    )
    file = write(tmp_path / "b.csv", "path,left,top,right,bottom\n" + rows)
    answers = {name: (find(file, name) or [Region((0, 0, 0.01, 1))])[0].box[2] for name in (
        "photos/a/1.jpg", "photos/b/1.jpg", "b/1.jpg", "c/1.jpg", "x/y/2.jpg", "1.jpg",
    )}  # fmt: skip
    assert list(answers.values()) == [0.5, 0.6, 0.6, 0.01, 0.7, 0.01], "1.jpg alone may be either"


def make_faulty(**detection: Any) -> str:
    return json.dumps({"images": [{"file": "a", "detections": [{"category": "1", **detection}]}]})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("b.json", "{", "is not valid JSON"),
        ("b.json", "[" * 100_000, "nested more than"),
        ("b.json", "{}", "expected the boxes of MegaDetector"),
        (
            "b.json",
            '{"images": [{"file": "a", "detections": [{"category": "1"}]}]}',
            "a: its detections cannot be read: lacks 'bbox'",
        ),
        (
            "b.json",
            '{"images": [{"file": "a", "detections": [{"category": "1", "bbox": [1], "conf": 1}]}]}',
            "a box of four numbers",
        ),
        (
            "b.json",
            '{"images": [{"file": "a", "detections": [{"category": "1", "bbox": [0,0,1,1], "conf": 7}]}]}',
            "from 0 to 1",
        ),
        ("b.json", '{"images": [3]}', "image 1: its detections"),
        ("b.json", '{"images": [{}], "annotations": [{"image_id": 1}]}', "cannot be read"),
        ("b.csv", "a,b\n1,2\n", "expected a column of images"),
        ("b.csv", "path,left,top,right,bottom\na,1,x,2,3\n", "line 2: its box cannot be read"),
        ("none.json", None, "no such file of boxes"),
    ],
)
def test_faulty_files_are_one_clear_error(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        write(tmp_path / name, content)
    with pytest.raises(RecipeError, match=message):
        BoxesDetector(tmp_path / name).prepare()


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected a Camtrap DP, or JSON files or PNG masks"):
        read_boxes(tmp_path)


def test_it_can_be_pickled(tmp_path: Path) -> None:
    detector = BoxesDetector(write(tmp_path / "md.json", MEGADETECTOR))
    detector.prepare()
    assert len(pickle.loads(pickle.dumps(detector)).detect(Source("night/IMG_1.jpg"), IMAGE)) == 1


def test_boxes_of_an_image_of_another_shape_are_refused(tmp_path: Path) -> None:
    """A camera's rotated image: the detector saw it as it is stored, and we see it upright."""
    document = make_coco(bbox=[40, 20, 80, 160])
    document["images"][0] |= {"width": 100, "height": 200}
    with pytest.raises(
        ImageError, match="of 100 x 200 pixels, which is this image turned, the upright image has 200 x 100"
    ):
        find(write(tmp_path / "c.json", document), "a.jpg")


def test_masks_of_names_with_dots_are_found(tmp_path: Path) -> None:
    Image.new("L", SIZE, 255).save(tmp_path / "2024.05.12_001.png")
    check(find(tmp_path, "card/2024.05.12_001.jpg"), ((0, 0, 1, 1), "", None))


def test_a_folder_of_files_keeps_failures_and_frames(tmp_path: Path) -> None:
    for number, image in enumerate(MEGADETECTOR["images"]):
        write(tmp_path / f"{number}.json", {**MEGADETECTOR, "images": [image]})
    assert find(tmp_path, "night/IMG_3.jpg") is None and find(tmp_path, "night/clip.mp4", 0.0) == []
    assert find(tmp_path, "night/clip.mp4", 300.0) is None, "nobody looked there"
