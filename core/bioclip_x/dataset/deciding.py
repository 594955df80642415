"""The stages after reading: which images are the same, and what becomes of each row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bioclip_x.dataset.context import Build, Made, digest, get_made, join
from bioclip_x.dataset.database import quote, quote_files
from bioclip_x.dataset.outcomes import decide_rows, select_newest_images


def find_duplicates(build: Build, plan: Made, images: Made) -> tuple[Made, Made]:
    """Finds the images that are the same as another, and those that are the same as one that is held out."""
    settings = build.config.duplicates
    stage = build.folder.open_stage(
        "duplicates",
        {"plan": plan.version, "images": describe_images(images), "settings": settings.model_dump(mode="json")},
    )
    within, across = stage.path / "within.parquet", stage.path / "across.parquet"
    if stage.summary is None:
        readable = f"""
            SELECT i.row, i.sha256, p.outcome, p.priority, i.width * i.height AS pixels
            FROM ({select_newest_images(images.files)}) i
            JOIN read_parquet({quote_files(plan.files)}) p USING (row) WHERE i.error = ''
        """
        build.database.execute(f"""
            COPY (
                SELECT row, kept, 'exact' AS kind, 0.0::DOUBLE AS distance FROM (
                    SELECT row, first_value(row) OVER (PARTITION BY sha256 ORDER BY priority, pixels DESC, row) AS kept
                    FROM ({readable}) WHERE outcome = '')
                WHERE row <> kept ORDER BY row
            ) TO {quote(str(within))} (FORMAT parquet)
        """)
        build.database.execute(f"""
            COPY (
                SELECT a.row, min(b.row) AS kept, 'exact' AS kind, 0.0::DOUBLE AS distance
                FROM ({readable}) a JOIN ({readable}) b USING (sha256)
                WHERE a.outcome = '' AND b.outcome = 'held out' GROUP BY a.row ORDER BY a.row
            ) TO {quote(str(across))} (FORMAT parquet)
        """)
        stage.finish({})
    version = get_made(stage).version
    return Made((within,), version), Made((across,), version)


def describe_images(images: Made) -> str:
    """Returns a digest of which images were read: of the names and sizes of the files that say it."""
    return digest([(str(file), file.stat().st_size) for file in images.files])


def decide_all_rows(
    build: Build, rows: Mapping[int, Made], plan: Made, images: Made, duplicates: Made, across: Made
) -> Made:
    """Decides what becomes of each row, and draws its split."""
    config = build.config
    inputs = {
        "plan": plan.version, "images": describe_images(images), "duplicates": duplicates.version,
        "splits": config.splits, "seed": config.seed,
    }  # fmt: skip
    stage = build.folder.open_stage("decided", inputs)
    output: Path = stage.path / "decided.parquet"
    if stage.summary is None:
        files = {
            "plan": plan.files, "rows": join(*rows.values()).files, "images": images.files,
            "duplicates": duplicates.files, "across": across.files,
        }  # fmt: skip
        decide_rows(build.database, config, files, output)
        stage.finish({})
    return get_made(stage)
