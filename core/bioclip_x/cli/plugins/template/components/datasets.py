"""The data set `my-component`: `bioclip-x evaluate my-component:path=FOLDER`, and `data:` in a training configuration."""

from collections.abc import Iterator
from pathlib import Path

from bioclip_x.plugin import (
    ComponentSpec,
    DatasetCapabilities,
    Sample,
    Taxonomy,
    TrainingError,
    hookimpl,
    resolve_labels,
)

bioclip_x_api = 1


@hookimpl
def datasets() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "images named by species: Parus major 1.jpg", f"{__name__}:MyComponent")]


class MyComponent:
    """JPEGs of a folder, whose file names begin with genus and species.

    path: the folder.
    """

    capabilities = DatasetCapabilities(names_files=True)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._images: list[tuple[Path, int]] = []

    def prepare(self, taxonomy: Taxonomy) -> Iterator[str]:
        """Finds the taxon of each image; yields notes."""
        files = sorted(self.path.glob("*.jpg"))
        if not files:
            raise TrainingError(f"my-component: {self.path} has no .jpg files")
        label_of = {file: " ".join(file.stem.split()[:2]) for file in files}
        node_of, unlisted, ambiguous = resolve_labels(dict.fromkeys(label_of.values()), taxonomy)
        self._images = [(file, node_of[label]) for file, label in label_of.items() if label in node_of]
        if left_out := len(files) - len(self._images):
            yield f"{left_out} images of {len(unlisted)} unlisted and {len(ambiguous)} ambiguous names, left out"

    def __len__(self) -> int:
        return len(self._images)

    def sample(self, index: int) -> Sample:
        return Sample(self._images[index][1])

    def name(self, index: int) -> str:
        return str(self._images[index][0])

    def image(self, index: int) -> Path:
        return self._images[index][0]
