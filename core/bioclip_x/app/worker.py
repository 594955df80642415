"""The one thread that loads models and classifies photos, in batches, while the page stays free."""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence
from dataclasses import replace

from bioclip_x.app.choices import Settings
from bioclip_x.app.loaded import Loaded, load
from bioclip_x.app.session import Photo, Session, make_source
from bioclip_x.errors import BioclipXError
from bioclip_x.faults import log_row, summarise


class Worker(threading.Thread):
    """Works for a session until that is stopped. A daemon: the program may end while a batch is being classified."""

    def __init__(self, session: Session) -> None:
        super().__init__(name="app-worker", daemon=True)
        self._session = session
        self._size = 1

    def run(self) -> None:
        while self._session.wait_for_work():
            try:
                if settings := self._session.take_choice():
                    self._load(settings)
                else:
                    self._classify_some()
            except Exception as problem:  # no other thread would go on
                log_row(problem)
                self._session.set_error(summarise(problem))

    def _load(self, settings: Settings) -> None:
        session = self._session
        try:
            loaded = load(session.registry, session.choices, settings, session.loaded)
        except Exception as problem:
            log_row(problem)
            message = str(problem) if isinstance(problem, BioclipXError) else summarise(problem)
            session.finish_choice(settings, None, session.choices.hide_paths(message))
        else:
            session.finish_choice(settings, loaded)
        self._size = 1

    def _classify_some(self) -> None:
        """Classifies the next photos: one first, so that a name is soon seen, then ever more up to a whole batch."""
        loaded = self._session.loaded
        photos = self._session.take_photos(self._size)
        whole = loaded.classifier.recipe.batch_size
        self._size = min(2 * self._size, whole) if len(photos) == self._size else 1
        try:
            self._classify(photos, loaded)
        except Exception as problem:
            log_row(problem)
            self._session.fail_photos(photos, self._explain(problem), loaded)

    def _explain(self, problem: Exception) -> str:
        if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
            folder = self._session.store.folder
            return f"{problem.strerror}: the temporary folder {folder}; the variable TMPDIR chooses one elsewhere"
        return summarise(problem)

    def _classify(self, photos: Sequence[Photo], loaded: Loaded) -> None:
        photo_of = {photo.file.path: photo for photo in photos}
        sources = [make_source(photo) for photo in photos]
        for batch in loaded.classifier.decode(sources, thumbnails=True):
            for one, (result, embedding_D) in zip(batch, loaded.classifier.batches.classify_embedded(batch)):
                assert one.source.path is not None
                photo = photo_of[one.source.path]
                error = result.error.replace(str(photo.file.path), photo.name)
                self._session.put_result(photo, replace(result, error=error), embedding_D, loaded)
