from __future__ import annotations

import io
import math
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from bioclip_x.images.files import ImageFiles
from bioclip_x.images.loading import decode
from bioclip_x.images.metadata import (
    add_seconds,
    convert_cell,
    parse_date,
    read_cells,
    read_date,
    read_degrees,
    read_exif,
)
from bioclip_x.images.sources import expand_sources
from bioclip_x.records import Source
from helpers import picture


def make_exif(**gps: object) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "EOS R5"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:12 07:30:00"
    place = {
        ExifTags.GPS.GPSLatitude: (33.0, 51.0, 24.12), ExifTags.GPS.GPSLatitudeRef: "S",
        ExifTags.GPS.GPSLongitude: (151.0, 12.0, 54.0), ExifTags.GPS.GPSLongitudeRef: "E",
    }  # fmt: skip
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(place | {ExifTags.GPS[name]: value for name, value in gps.items()})
    for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        exif[ifd] = dict(exif.get_ifd(ifd))  # else Pillow leaves them out of TIFF files
    return exif


def save(path: Path, exif: Image.Exif | bytes) -> Path:
    picture(0).save(path, exif=exif)
    return path


def test_date_place_and_camera_of_a_file(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.webp", "a.tif"):
        opened = ImageFiles().read(Source(name, save(tmp_path / name, make_exif())))
        assert opened.metadata == {
            "date": "2024-05-12T07:30:00",
            "latitude": pytest.approx(-33.8567),
            "longitude": pytest.approx(151.215),
            "camera_make": "Canon",
            "camera_model": "EOS R5",
        }, name
    assert ImageFiles().read(Source("b", image=picture(0))).metadata == {}


def test_impossible_values_are_left_out(tmp_path: Path) -> None:
    for gps in ({"GPSLatitude": (91.0, 0.0, 0.0)}, {"GPSLatitudeRef": "X"}, {"GPSLongitude": (1.0, 2.0)}):
        found = ImageFiles().read(Source("a", save(tmp_path / "a.jpg", make_exif(**gps)))).metadata
        assert set(found) == {"date", "camera_make", "camera_model"}, gps


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of the damage
def test_damaged_exif_data_never_raises(tmp_path: Path) -> None:
    whole = make_exif().tobytes()
    for cut in range(0, len(whole), 7):
        broken = whole[:cut] + b"\xff" * (len(whole) - cut)
        buffer = io.BytesIO()
        picture(0).save(buffer, "JPEG", exif=broken)
        with Image.open(buffer) as image:
            assert isinstance(read_exif(image), dict)


def test_degrees_and_dates() -> None:
    assert read_degrees((10, 30, 36), "N", 90) == pytest.approx(10.51)
    assert read_degrees((10, 30, 36), b"w\0", 180) == pytest.approx(-10.51)
    for parts in ((math.nan, 0, 0), (-1, 0, 0), (180, 0, 1), (1, 0), (IFDRational(0, 0), 0, 0)):
        with pytest.raises(ValueError):
            read_degrees(parts, "E", 180)
    assert read_date("2024:05:12 07:30:00\0") == "2024-05-12T07:30:00"
    for date in ("0000:00:00 00:00:00", "    :  :     :  :  ", "2024:13:01 00:00:00", 5):
        with pytest.raises(ValueError):
            read_date(date)


@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("site", " wood ", "wood"), ("site", "", None), ("site", None, None), ("count", 3, 3.0), ("count", "3", "3"),
        ("count", math.nan, None), ("latitude", "51.5", 51.5), ("latitude", "north", "north"), ("latitude", "95", "95"),
        ("longitude", "-180", -180.0), ("is_wild", True, "True"),
    ],
)  # fmt: skip
def test_cells(name: str, cell: object, expected: object) -> None:
    assert convert_cell(name, cell) == expected and type(convert_cell(name, cell)) is type(expected)


def test_further_columns_of_tables_precede_the_exif_data(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", make_exif())
    table = tmp_path / "images.csv"
    table.write_text("path,site,latitude,empty,camera_make\na.jpg,wood,51.5,,Nikon\n", "utf-8")
    [source] = expand_sources([table])
    assert source.metadata == {"site": "wood", "latitude": 51.5, "camera_make": "Nikon"}
    [decoded] = decode(source, lambda image: torch.zeros(1))
    assert decoded.source.metadata["camera_make"] == "Nikon" and decoded.source.metadata["camera_model"] == "EOS R5"
    assert decoded.source.metadata["latitude"] == 51.5 and decoded.source.metadata["date"] == "2024-05-12T07:30:00"


def test_typed_columns_of_parquet_but_no_lists_and_bytes(tmp_path: Path) -> None:
    table = pa.table({"path": ["a.jpg"], "count": [3], "site": ["wood"], "vector": [[1.0, 2.0]], "raw": [b"abc"]})
    pq.write_table(table, tmp_path / "images.parquet")
    [source] = expand_sources([tmp_path / "images.parquet"])
    assert source.metadata == {"count": 3.0, "site": "wood"}


def test_fractions_offsets_altitudes_and_serial_numbers(tmp_path: Path) -> None:
    exif = make_exif(GPSAltitude=431.5, GPSAltitudeRef=b"\x01")
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    tags = ExifTags.Base
    photo |= {tags.SubsecTimeOriginal: "25", tags.OffsetTimeOriginal: "+02:00", tags.BodySerialNumber: "0123\0"}
    exif[ExifTags.IFD.Exif] = dict(photo)
    found = ImageFiles().read(Source("a", save(tmp_path / "a.jpg", exif))).metadata
    assert found["date"] == "2024-05-12T07:30:00.250000+02:00" and found["camera_serial"] == "0123"
    assert found["altitude"] == pytest.approx(-431.5)
    for fraction, offset in (("x", "+99:00"), ("", "   :  "), ("000", "Z?")):
        exif[ExifTags.IFD.Exif] = dict(photo | {tags.SubsecTimeOriginal: fraction, tags.OffsetTimeOriginal: offset})
        found = ImageFiles().read(Source("a", save(tmp_path / "a.jpg", exif))).metadata
        assert found["date"] == "2024-05-12T07:30:00", (fraction, offset)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024-05-12", "2024-05-12"), ("2024:05:12 07:30:00", "2024-05-12T07:30:00"),
        ("2024-05-12T07:30Z", "2024-05-12T07:30:00+00:00"), ("2024-05-12 07:30:00.5+0530", "2024-05-12T07:30:00.500000+05:30"),
        ("2024-05-12T07:30:00.123456789-03", "2024-05-12T07:30:00.123456-03:00"),
    ],
)  # fmt: skip
def test_dates_of_tables(text: str, date: str) -> None:
    assert parse_date(text) == date
    assert parse_date(date) == date and datetime.fromisoformat(date)


@pytest.mark.parametrize(
    "text", ["2024", "2024-05", "5/12/2024", "2024-05-12/2024-05-13", "2024-02-30", "", "२०२४-०५-१२"]
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):
        parse_date(text)


def test_seconds_are_added_to_a_time_only() -> None:
    assert add_seconds("2023-12-31T23:59:59", 1.5) == "2024-01-01T00:00:00.500000"
    assert add_seconds("2024-05-12", 5) == "2024-05-12" and add_seconds("in May", 5) == "in May"
    assert add_seconds("9999-12-31T23:59:59", 5) == "9999-12-31T23:59:59"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"decimalLatitude": "1.5", "decimalLongitude": "-2"}, {"latitude": 1.5, "longitude": -2.0}),
        ({"LAT": "1", "latitude": "2"}, {"LAT": "1", "latitude": 2.0}),
        ({"lat": "north"}, {"lat": "north"}),
        ({"lat": "95"}, {"lat": "95"}),
        ({"latitude": "north", "lat": "1"}, {"latitude": "north", "lat": "1"}),
        ({"eventDate": "2024-05-12 07:30"}, {"date": "2024-05-12T07:30:00"}),
        ({"eventDate": "in May", "timestamp": "2024-05-12"}, {"eventDate": "in May", "date": "2024-05-12"}),
        ({"Date": "12 May"}, {"Date": "12 May"}),
        ({"date": "12 May"}, {"date": "12 May"}),
        ({"country": "Kenya"}, {"country": "Kenya"}),
        ({"country": "KE"}, {"countryCode": "KE"}),
        ({"country": "Kenya", "country_code": "KEN"}, {"country": "Kenya", "countryCode": "KEN"}),
        ({"elevation": "431", "admin1_region": "CA"}, {"altitude": 431.0, "region": "CA"}),
        ({"site": " wood ", "": "x", "empty": ""}, {"site": "wood"}),
    ],
)
def test_columns_of_known_names(row: dict[str, str], expected: dict[str, object]) -> None:
    found = read_cells(list(row), list(row.values()))
    assert found == expected and list(found) == list(expected)
