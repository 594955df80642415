"""What lies in the folder of a data set, and what the columns of its catalogue hold: the one definition of both tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

COLUMNS: Final[Mapping[str, str]] = {
    "id": "of the image: MD5 of its source and `source_id`; the name of its members in the shards",
    "source": "the source, by its name above",
    "source_id": "identifies the image in its source",
    "image": "its path or URL, or the path of the tar file that it is in; relative to the configuration's folder if below it",
    "member": "its name in that tar file",
    "outcome": "what became of it, one of those above",
    "reason": "why; of images that are used, a note",
    "split": "of images that are used",
    "shard": "the tar file that holds it",
    "duplicate_of": "`id` of the image that is the same",
    "given_name": "the name of the taxon as the source gives it",
    "given_rank": "the rank of that name as given",
    "name": "the taxon's accepted name",
    "rank": "the taxon's rank",
    "kingdom": "of the taxon, like the ranks that follow; blank where unknown",
    "phylum": "",
    "class": "",
    "order": "",
    "family": "",
    "genus": "",
    "species": "the whole binomial",
    "common_name": "in English",
    "status": "`full` (all seven ranks), `partial` (fewer), `ambiguous` (several taxa have the name), `lost` (none has)",
    "taxonomy": "the taxonomy that has the name",
    "by": "how the name was found",
    "conflict": "what the source, or another taxonomy, says otherwise",
    "licence": "an SPDX identifier, `public domain`, `all rights reserved`, `other` or `unknown`",
    "given_licence": "as the source gives it",
    "rights_holder": "who must be named with the image",
    "reference": "URL of the page that shows the image",
    "given_split": "of the publisher",
    "caption": "written by a model",
    "similarity": "cosine of image and caption",
    "sha256": "of the image file that was read, in hexadecimal",
    "width": "in pixels",
    "height": "in pixels",
}  # fmt: skip
FILES: Final[Mapping[str, str]] = {
    "README.md": "this card",
    "card.html": "the same with a map of the taxa",
    "train.yaml": "a configuration for `bioclip-x train`",
    "shards": "the images that are used, with their texts: tar files in webdataset's layout",
    "catalogue.parquet": "a row for every image of the sources",
    "taxonomy.csv": "the lineages of the images that are used",
    "counts.json": "the numbers of this card",
    "review.csv": "the commonest names that are not resolved, for a person to fill in",
    "duplicates": "pages of what was judged the same",
    "work": "what an interrupted build goes on from; not part of the data set",
}
WRITTEN: Final = ("README.md", "card.html")
"""Files that are listed before they are there."""
_TYPES: Final = {"VARCHAR": "text", "BIGINT": "integer", "INTEGER": "integer", "DOUBLE": "number", "FLOAT": "number"}


def list_columns(connection: Any) -> tuple[tuple[str, str, str], ...]:
    """Returns name, type and meaning of the catalogue's columns."""
    columns = connection.execute("SELECT column_name, column_type FROM (DESCRIBE catalogue)").fetchall()
    return tuple((name, _TYPES.get(kind, kind.lower()), COLUMNS.get(name, "")) for name, kind in columns)


def list_files(folder: Path) -> tuple[tuple[str, str], ...]:
    """Returns name and content of what is in the folder."""
    return tuple(
        (f"{name}/" if (folder / name).is_dir() else name, content)
        for name, content in FILES.items()
        if name in WRITTEN or (folder / name).exists()
    )
