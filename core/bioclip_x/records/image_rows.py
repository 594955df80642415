"""The rows of images that sources give, of which data sets are built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ROW_COLUMNS: Final[Mapping[str, str]] = {
    "source_id": "identifies the row in its source for good: an identifier of the publisher, or the path of the file",
    "image": "path or URL of the image, or path of the tar file that it is in",
    "member": "name of the image in that tar file",
    "name": "the most exact name of the taxon, as given: scientific with or without author, or common",
    "rank": "of that name, as given",
    "kingdom": "as given, like the ranks that follow",
    "phylum": "",
    "class": "",
    "order": "",
    "family": "",
    "genus": "",
    "species": "the whole binomial",
    "common_name": "in English",
    "licence": "of the image, as given: a name, an abbreviation or a URL",
    "rights_holder": "who must be named with the image",
    "reference": "URL of the page that shows the image",
    "split": "of the publisher, such as train",
    "text": "a caption of the publisher",
    "problem": "why the row cannot be used: it names no image, or the image has no row",
}
"""Column → what it holds. All are texts; blank, null or absent where a source says nothing. `source_id` and `image` are needed;
`image` may be blank in a row with a `problem`."""
