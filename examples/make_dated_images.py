"""Images with date and place in their EXIF data: `python examples/make_dated_images.py FOLDER`.

The drawings of examples/drawings, as JPEG files of June, in Berlin; `winter.jpg`, the same poppy as in June, of January; and
`nowhere.jpg`, without any.
"""

import sys
from pathlib import Path

from PIL import ExifTags, Image

DRAWINGS = Path(__file__).with_name("drawings")


def make_exif(date: str, latitude: float, longitude: float) -> Image.Exif:
    """Makes EXIF data of a camera with a GPS receiver. date: "2024:06:01 12:00:00"."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            ExifTags.GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
            ExifTags.GPS.GPSLatitude: split_degrees(abs(latitude)),
            ExifTags.GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
            ExifTags.GPS.GPSLongitude: split_degrees(abs(longitude)),
        }
    )
    return exif


def split_degrees(degrees: float) -> tuple[float, float, float]:
    """Returns degrees, minutes and seconds."""
    minutes = degrees % 1 * 60
    return float(int(degrees)), float(int(minutes)), round(minutes % 1 * 60, 2)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(DRAWINGS.glob("*.png")):
        with Image.open(path) as image:
            drawing = image.convert("RGB")
        drawing.save(folder / f"{path.stem}.jpg", exif=make_exif("2024:06:01 12:00:00", 52.52, 13.405))
        if path.stem == "papaver-rhoeas":
            drawing.save(folder / "winter.jpg", exif=make_exif("2024:01:15 12:00:00", 52.52, 13.405))
            drawing.save(folder / "nowhere.jpg")
