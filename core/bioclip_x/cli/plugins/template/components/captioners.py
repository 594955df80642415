"""The captioner `my-component`: `captions: my-component` in the configuration of `bioclip-x dataset build`."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from bioclip_x.plugin import ComponentSpec, NoAnswerError, Taxon, hookimpl
from PIL import Image

bioclip_x_api = 1


@hookimpl
def captioners() -> list[ComponentSpec]:
    return [ComponentSpec("my-component", "the brightness of an image, in words", f"{__name__}:MyComponent")]


class MyComponent:
    """Says how bright an image is; in its place, ask a model on this machine, or a server.

    dark: brightness, from 0 to 255, below which an image is dark.
    """

    def __init__(self, *, dark: float = 85.0) -> None:
        self.dark = dark

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What determines the captions; no key, no user name, no address."""
        return {"model": "my-component", "host": "this machine", "dark": self.dark}

    def caption(self, image: bytes, taxon: Taxon) -> str:
        """Raises NoAnswerError for an image that cannot be read: others may still be captioned."""
        # Called from as many threads as images are captioned at once; an `async def` would be awaited instead.
        try:
            with Image.open(BytesIO(image)) as opened:
                grey = opened.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        except OSError as problem:
            raise NoAnswerError(f"the image cannot be read: {problem}") from problem
        brightness = float(grey) if isinstance(grey, (int, float)) else 0.0
        return f"A {'dark' if brightness < self.dark else 'bright'} picture."

    def close(self) -> None:
        """Has nothing to close: it opens no connection."""
