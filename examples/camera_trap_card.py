"""Makes a camera trap's memory card from drawings: `python examples/camera_trap_card.py card`. Then, in one command,

    bioclip-x classify card --boxes card/detections.json --event-by 60s --frames 1/s --report camtrap-dp:package

The card has bursts of several species on one canvas, with times and a place in their EXIF data, blank images, a person, a
video and a file that was never completely written; `detections.json` is what MegaDetector would write of it. The organisms are
drawings, which the embedded model knows; a real card needs a model of photographs (`--model bioclip-2`).
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from bioclip_x_field_guide.group_drawing import GroupDrawing, draw_group

BURSTS: tuple[tuple[str, ...], ...] = (
    (),
    ("Parus major", "Erithacus rubecula"),
    ("Alcedo atthis",),
    ("Amanita muscaria", "Papaver rhoeas", "Alcedo atthis"),
)
"""What the bursts show; the first shows the habitat alone."""
FRAMES = 3
START = datetime(2024, 5, 12, 6, 30)
PLACE = (52.5163, 13.3777)


def make_card(folder: Path) -> dict[str, list[str]]:
    """Writes the card; returns the species of each image or video, [] for those without any."""
    folder.mkdir(parents=True, exist_ok=True)
    truth: dict[str, list[str]] = {}
    entries: list[dict[str, Any]] = []
    for burst, names in enumerate(BURSTS):
        for frame in range(FRAMES):
            drawing = draw_group(names, (40, burst, frame))
            name = f"IMG_{burst * FRAMES + frame + 1:04}.JPG"
            time = START + timedelta(minutes=30 * burst, seconds=4 * frame)
            drawing.image.save(folder / name, quality=95, exif=make_exif(time))
            truth[name] = list(names)
            entries.append({"file": name, "detections": list_detections(drawing)})
    entries[0]["detections"] = [
        {"category": "2", "conf": 0.88, "bbox": [0.4, 0.1, 0.2, 0.8]}
    ]  # the person who set it up
    entries.append({"file": "VID_0001.AVI", **write_video(folder / "VID_0001.AVI", "Alcedo atthis")})
    truth["VID_0001.AVI"] = ["Alcedo atthis"]
    (folder / "IMG_0099.JPG").write_bytes((folder / "IMG_0001.JPG").read_bytes()[:2000])
    entries.append({"file": "IMG_0099.JPG", "failure": "Failure image access", "detections": None})
    truth["IMG_0099.JPG"] = []
    categories = {"1": "animal", "2": "person", "3": "vehicle"}
    document = {"info": {"format_version": "1.4"}, "detection_categories": categories, "images": entries}
    (folder / "detections.json").write_text(json.dumps(document, indent=1), "utf-8")
    return truth


def list_detections(drawing: GroupDrawing) -> list[dict[str, Any]]:
    """The boxes as MegaDetector writes them: x, y, width, height as fractions."""
    return [
        {"category": "1", "conf": 0.95, "bbox": [round(v, 4) for v in (left, top, right - left, bottom - top)]}
        for left, top, right, bottom in drawing.boxes
    ]


def make_exif(time: datetime) -> Image.Exif:
    """Time, place and camera, as cameras write them."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Drawn", "Trail 1"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = time.strftime("%Y:%m:%d %H:%M:%S")
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    for degrees, tag, reference, names in (
        (PLACE[0], ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "NS"),
        (PLACE[1], ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "EW"),
    ):
        minutes = abs(degrees) % 1 * 60
        gps[tag] = (float(int(abs(degrees))), float(int(minutes)), round(minutes % 1 * 60, 2))
        gps[reference] = names[degrees < 0]
    return exif


def write_video(path: Path, name: str) -> dict[str, Any]:
    """Writes three seconds of a species at five frames per second; returns what a detector would say of it."""
    import av

    rate = 5
    drawing = draw_group((name,), (40, 99))
    with av.open(str(path), "w") as container:
        container.metadata["date"] = (START + timedelta(hours=3)).isoformat()
        stream = container.add_stream("mjpeg", rate=rate, options={"qmin": "1", "qmax": "1"})
        stream.width = stream.height = drawing.image.width
        stream.pix_fmt = "yuvj444p"
        for _ in range(3 * rate):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(drawing.image), format="rgb24")))
        container.mux(stream.encode())
    looked_at = [0, rate, 2 * rate]
    detections = [{**one, "frame_number": number} for number in looked_at for one in list_detections(drawing)]
    return {"frame_rate": rate, "frames_processed": looked_at, "detections": detections}


if __name__ == "__main__":
    card = Path(sys.argv[1] if len(sys.argv) > 1 else "card")
    print(f"{len(make_card(card))} files in {card}")
