"""A folder of images per class, named after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from bioclip_x.plugin import DatasetError, escape_surrogates
from bioclip_x_plugins.image_sources.accounting import Accounts, batch_records
from bioclip_x_plugins.image_sources.files import list_images, make_revision, require_folder

LOOSE: Final = "it lies in no folder of a class"


class Folder:
    """path: the folder of class folders ("Parus_major", "Parus major" or "great tit"); images may lie in subfolders of these."""

    def __init__(self, *, path: Path) -> None:
        self.path = path
        self._accounts = Accounts()

    def revision(self) -> str:
        return make_revision([], [require_folder(self.path, "folder")])

    def tables(self) -> Iterator[pa.Table]:
        self._accounts = Accounts()
        require_folder(self.path, "folder")
        columns = ("source_id", "image", "name", "problem")
        is_empty = True
        for table in self._accounts.check(batch_records(self._iterate(), columns)):
            is_empty = False
            yield table
        if is_empty:
            raise DatasetError(f"folder: {self.path} has no images; expected a folder of images per class")

    def notes(self) -> Sequence[str]:
        return self._accounts.notes()

    def _iterate(self) -> Iterator[Mapping[str, str]]:
        for found in list_images(self.path):
            path = escape_surrogates(found)
            folder, slash, _ = path.partition("/")
            name = folder.replace("_", " ") if slash else ""
            problem = "" if slash else LOOSE
            if path != found:
                problem = "its path is not valid UTF-8"
            yield {"source_id": path, "image": str(self.path / path), "name": name, "problem": problem}
