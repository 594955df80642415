"""The state of the page: photos, their results, what is chosen, and the names that were corrected.

Legend: D embedding.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from bioclip_x.app.choices import Choices, Kind, Settings
from bioclip_x.app.known_image import KnownImage
from bioclip_x.app.labels import Label, LabelFile
from bioclip_x.app.limits import AppError, Limits, clean_name, find_image_suffix, find_safe_suffixes
from bioclip_x.app.loaded import Loaded
from bioclip_x.app.notices import Notices
from bioclip_x.app.store import Store, StoredFile
from bioclip_x.faults import naming
from bioclip_x.hooks.components import CardReport, PatchEncoder
from bioclip_x.hooks.registry import Registry
from bioclip_x.records import PatchFeatures, Result, Source

PATCHES_KEPT: Final = 8
"""Images whose patches are in memory: those that were asked about last."""


@dataclass(frozen=True, slots=True)
class Photo:
    """An uploaded photo. name: as the page shows it."""

    number: int
    name: str
    file: StoredFile


@dataclass(slots=True)
class Item:
    """A result on the page: of a photo, or of one region of it. key: "12", or "12.1" for its second region.

    state: "waiting", "named", "refused" or "failed". about: what the index shows. version: when it changed last.
    n_results: of its photo, as far as the worker knows: 0 without any, more than 1 for a photo with several regions.
    """

    key: str
    photo: Photo
    state: str = "waiting"
    about: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    number: int = 0
    n_results: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The results at one moment, all of one classifier. items: those with a result, in order. epoch: see `Session.clear`."""

    loaded: Loaded
    items: tuple[Item, ...]
    epoch: int


class Session:
    """What all requests share. Any thread may call it; nothing here takes longer than a file of a few MB.

    loaded: the classifier at hand. A worker takes photos (`take_photos`) and choices (`take_choice`) from it.
    """

    def __init__(
        self,
        registry: Registry,
        choices: Choices,
        loaded: Loaded,
        card_report: CardReport,
        labels: LabelFile,
        folder: Path,
        limits: Limits | None = None,
    ) -> None:
        self.registry, self.choices, self.card_report = registry, choices, card_report
        self.label_file, self.store, self.limits = labels, Store(folder), limits or Limits()
        self.notices = Notices()
        self._lock = threading.RLock()
        self._work = threading.Condition(self._lock)
        self.loaded = loaded
        self._labels = labels.read()
        self._items: dict[str, Item] = {}
        self._photos: dict[int, Photo] = {}
        self._waiting: deque[Photo] = deque()
        self._wanted: Settings | None = None
        self._stopped = False
        self._version, self._state_version, self._epoch = 1, 1, 1
        self._count, self._bytes = 0, 0
        self.error = ""
        self._patches: OrderedDict[tuple[int, str], PatchFeatures] = OrderedDict()

    # What the page shows

    def describe(self) -> dict[str, Any]:
        """Returns all but the items."""
        with self._lock:
            return {
                "epoch": self._epoch,
                "version": self._state_version,
                "about": self.loaded.describe(),
                "settings": asdict(self._wanted or self.loaded.settings),
                "choices": {
                    "model": [asdict(one) for one in self.choices.list_models()],
                    "taxonomy": [asdict(one) for one in self.choices.list_taxonomies()],
                    "descriptors": [
                        asdict(one) for one in self.choices.list_descriptors(has_own=self.loaded.has_own_descriptors)
                    ],
                },
                "is_loading": self._wanted is not None,
                "error": self.error,
                "labels": {
                    "file": str(self.label_file.path),
                    "folder": str(self.label_file.folder),
                    "count": len(self._labels),
                },
                "limits": asdict(self.limits),
            }

    def list_changes(self, after: int) -> tuple[dict[str, Any] | None, list[dict[str, Any]], int]:
        """Returns the state if it changed after a version, the items that did, and the version now."""
        with self._lock:
            state = self.describe() if self._state_version > after else None
            items = [self._describe_item(item) for item in self._items.values() if item.version > after]
            return state, items, self._version

    def _describe_item(self, item: Item) -> dict[str, Any]:
        # A label is of a whole photo, and says nothing of each of its regions.
        label = self._labels.get(item.photo.file.digest) if item.n_results <= 1 else None
        return {
            "key": item.key,
            "photo": item.photo.number,
            "file": item.photo.name,
            "state": item.state,
            "version": item.version,
            "n_results": item.n_results,
            **item.about,
            "label": {"label": label.label, "rank": label.rank} if label else None,
        }

    def _touch(self, *items: Item, state: bool = False) -> None:
        """Notes what has changed, and tells the page. To be called with the lock."""
        self._version += 1
        for item in items:
            item.version = self._version
        if state:
            self._state_version = self._version
        self.notices.announce()

    # Photos and files

    def add_photo(self, name: str | None, content: IO[bytes]) -> str:
        """Keeps a photo, to be classified; returns its key. Raises AppError if there are too many, or it is too large."""
        with self._lock:
            if len(self._photos) >= self.limits.photos:
                raise AppError(f"there are {self.limits.photos:,} photos already; remove them first", 413)
            self._count += 1
            number = self._count
        room = min(self.limits.photo_bytes, self.limits.total_bytes - self._bytes)
        if room <= 0:
            raise AppError("the photos take all the room that they may take; remove them first", 413)
        file = self.store.keep_file(f"photo-{number}{find_image_suffix(name or '')}", content, room)
        photo = Photo(number, clean_name(name, self.limits.name_length), file)
        with self._work:
            self._bytes += file.size
            self._photos[number] = photo
            item = self._items[str(number)] = Item(str(number), photo, number=self.loaded.number)
            self._waiting.append(photo)
            self._touch(item)
            self._work.notify_all()
        return item.key

    def add_file(self, kind: Kind, name: str | None, content: IO[bytes]) -> str:
        """Keeps a taxonomy or descriptor file; returns the id of the choice."""
        with self._lock:
            number = self.choices.n_files + 1
            if number > self.limits.files:
                raise AppError(f"there are {self.limits.files} files already", 413)
        path = f"{kind}-{number}{find_safe_suffixes(name or '')}"
        file = self.store.keep_file(path, content, self.limits.file_bytes)
        with self._lock:
            chosen = self.choices.add_file(kind, file.path, clean_name(name, self.limits.name_length))
            self._touch(state=True)
        return chosen

    def clear(self) -> None:
        """Removes all photos and results; labels and their copies stay."""
        with self._lock:
            for photo in self._photos.values():
                photo.file.path.unlink(missing_ok=True)
            self._waiting.clear()
            self._items.clear()
            self._photos.clear()
            self._patches.clear()
            self.store.clear_results()
            self._bytes, self.error = 0, ""
            self._epoch += 1
            self._touch(state=True)

    def get_photo(self, key: str) -> Photo:
        """Raises AppError for an unknown key."""
        return self._find(key).photo

    # The worker's side

    def choose(self, settings: Settings) -> None:
        """Has the worker make another classifier, and name all photos again."""
        with self._work:
            self._wanted, self.error = settings, ""
            self._touch(state=True)
            self._work.notify_all()

    def wait_for_work(self) -> bool:
        """Waits until there is something to do; returns False when the session has ended."""
        with self._work:
            while not (self._stopped or self._wanted or self._waiting):
                self._work.wait()
            return not self._stopped

    def take_choice(self) -> Settings | None:
        """Returns what is to be loaded, if anything."""
        with self._lock:
            return self._wanted

    def finish_choice(self, settings: Settings, loaded: Loaded | None, error: str = "") -> None:
        """Puts another classifier in place, or tells why there is none; ignored if another choice was made since."""
        with self._work:
            if self._wanted != settings:
                return
            self._wanted, self.error = None, error
            if loaded is not None:
                self.loaded = loaded
                self.store.clear_results()
                self._patches.clear()
                self._items = {str(photo.number): Item(str(photo.number), photo) for photo in self._photos.values()}
                for item in self._items.values():
                    item.number = loaded.number
                self._waiting = deque(self._photos.values())
            self._touch(*self._items.values(), state=True)
            self._work.notify_all()

    def take_photos(self, most: int) -> list[Photo]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def put_result(self, photo: Photo, result: Result, embedding_D: Any, loaded: Loaded) -> None:
        """Stores a result of a photo, or of one of its regions, unless another classifier is at hand by now."""
        key = f"{photo.number}.{result.region_number}" if result.region_number else str(photo.number)
        with self._lock:
            if self.loaded is not loaded or photo.number not in self._photos:
                return
            self.store.put(key, result, embedding_D)
            item = self._items.setdefault(key, Item(key, photo, number=loaded.number))
            item.state, item.about = summarise_result(result, loaded.classifier.recipe.language)
            item.n_results = result.n_regions
            self._touch(item)

    def fail_photos(self, photos: Sequence[Photo], reason: str, loaded: Loaded) -> None:
        """Notes that photos could not be classified: those without a result. In memory, since the disk may be full."""
        with self._lock:
            if self.loaded is not loaded:
                return
            items = [self._items[key] for photo in photos if (key := str(photo.number)) in self._items]
            failed = [item for item in items if item.state == "waiting"]
            for item in failed:
                item.state, item.about = "failed", {"reason": reason}
            self._touch(*failed)
            self.set_error(f"photos could not be classified: {reason}")

    def set_error(self, message: str) -> None:
        """Has the page show an error."""
        with self._lock:
            self.error = message
            self._touch(state=True)

    def stop(self) -> None:
        with self._work:
            self._stopped = True
            self._work.notify_all()
        self.notices.close()

    # Results

    def get_result(self, key: str) -> Result:
        """Raises AppError for an unknown key, and for an image that is not classified yet."""
        return self.find_result(key)[1]

    def find_result(self, key: str) -> tuple[Loaded, Result]:
        """Returns a result with the classifier that it is of. Raises AppError as `get_result`."""
        with self._lock:
            return self.loaded, self._read_result(self._find(key))

    def _read_result(self, item: Item) -> Result:
        """Reads a result from the disk; that of a photo that failed may be in memory alone."""
        if item.state == "failed" and not self.store.has_result(item.key):
            return Result(item.photo.name, error=item.about["reason"])
        return self.store.get_result(item.key)

    def find_image(self, key: str) -> tuple[Loaded, KnownImage]:
        """Returns a classified image with the classifier that named it. Raises AppError if it has no embedding."""
        with self._lock:
            loaded, result = self.loaded, self._read_result(self._find(key))
            embedding_D = self.store.get_embedding(key) if self.store.has_result(key) else None
        if embedding_D is None:
            raise AppError("this image could not be read, so nothing can be asked about it", 409)
        return loaded, KnownImage(result, embedding_D, partial(self._read_patches, loaded, key))

    def take_snapshot(self) -> Snapshot:
        """Notes which results there are, so that several files can be written of the same ones."""
        with self._lock:
            items = (item for item in sorted(self._items.values(), key=_sort_key) if item.state != "waiting")
            return Snapshot(self.loaded, tuple(items), self._epoch)

    def iterate_results(self, snapshot: Snapshot) -> Iterator[Result]:
        """Yields the results of a snapshot from the disk. Raises AppError once they are gone, or of another classifier."""
        for item in snapshot.items:
            with self._lock:  # while one is read, none is replaced
                if self.loaded is not snapshot.loaded or self._epoch != snapshot.epoch:
                    raise AppError("the photos were removed or are named anew; export again when they are named", 409)
                result = self._read_result(item)
            yield result

    def _find(self, key: str) -> Item:
        with self._lock:
            item = self._items.get(key)
        if item is None:
            raise AppError("there is no such image", 404)
        return item

    def _read_patches(self, loaded: Loaded, key: str) -> PatchFeatures:
        """Computes the patches of an image from its file; those asked about last are kept."""
        place = (loaded.number, key)
        with self._lock:
            if place in self._patches:
                self._patches.move_to_end(place)
                return self._patches[place]
            photo = self._find(key).photo
        region = int(key.partition(".")[2] or 0)
        decoded = [one for batch in loaded.classifier.decode([make_source(photo)]) for one in batch]
        pixels = next((one.pixels for one in decoded if one.region_number == region), None)
        if pixels is None:
            raise AppError("this image cannot be read again", 409)
        encoder: PatchEncoder = loaded.classifier.encoder  # type: ignore[assignment]
        with naming(encoder, "encode_patches", photo.name):
            patches = encoder.encode_patches(pixels[None])
        with self._lock:
            self._patches[place] = patches
            while len(self._patches) > PATCHES_KEPT:
                self._patches.popitem(last=False)
        return patches

    # Labels

    def label(self, key: str, name: str) -> dict[str, Any]:
        """Writes the right name of a photo to the file of labels.

        Raises AppError if it cannot be written, and for a photo with several regions: the table has one name per photo.
        """
        item = self._find(key)
        if item.n_results == 0:
            raise AppError("this photo has no result yet, so it cannot be told whether it has several regions", 409)
        if item.n_results > 1:
            raise AppError(
                f"this photo has {item.n_results} regions; the table of corrected names has one per photo", 409
            )
        found = self.loaded.names.resolve(name)
        label = Label(
            found.label if found else name,
            found.rank if found else "",
            item.photo.name,
            str(item.about.get("name", "")),
        )
        self.label_file.set(item.photo.file.digest, item.photo.file.path, label)
        with self._lock:
            self._labels[item.photo.file.digest] = label
            self._touch(*self._find_copies(item), state=True)
        return {"label": label.label, "rank": label.rank, "is_listed": found is not None}

    def unlabel(self, key: str) -> None:
        item = self._find(key)
        self.label_file.remove(item.photo.file.digest)
        with self._lock:
            self._labels.pop(item.photo.file.digest, None)
            self._touch(*self._find_copies(item), state=True)

    def _find_copies(self, item: Item) -> list[Item]:
        """Returns all items of photos with the same content."""
        return [one for one in self._items.values() if one.photo.file.digest == item.photo.file.digest]


def make_source(photo: Photo) -> Source:
    return Source(photo.name, path=photo.file.path)


def summarise_result(result: Result, language: str) -> tuple[str, dict[str, Any]]:
    """Returns the state of an item, and what the index shows of its result."""
    if not result.predictions:
        return ("failed", {"reason": result.error}) if result.error else ("refused", {"reason": result.refused})
    best = result.predictions[0]
    common = best.taxon.common_name(language)
    return "named", {
        "name": best.taxon.name,
        "rank": best.taxon.rank,
        "common": "" if common == best.taxon.name else common,
        "share": float(best.probability),
    }


def _sort_key(item: Item) -> list[int]:
    return [int(part) for part in item.key.split(".")]
