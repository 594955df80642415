"""Faults that a component of any kind may have; here text builders."""

from itertools import count
from pathlib import Path
from typing import Any

from bioclip_x.plugin import Prompt, PromptSet, TextBuilderCapabilities, TextRequest

KIND = "text_builders"
made = count()


class Right:
    """names"""

    capabilities = TextBuilderCapabilities(seed_option="seed")

    def __init__(self, *, before: str = "", seed: int = 0) -> None:
        self.before, self.seed = before, seed

    def build(self, request: TextRequest) -> PromptSet:
        names = ((c, request.taxonomy.class_taxon(c).name) for c in request.classes)
        return PromptSet(tuple(Prompt(f"{self.before}{name}", c, "mine", str(self.seed)) for c, name in names))


class RightWithoutSeed(Right):
    """names"""

    capabilities = TextBuilderCapabilities()


class Unsummarised(Right):
    __doc__ = " "  # which is its summary


class TakesAnything(Right):
    """any option"""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)


class Bare(Right):
    """an option without a type"""

    def __init__(self, *, before="") -> None:  # type: ignore[no-untyped-def]
        super().__init__(before=before)


class NoneAsText(Right):
    """a default of another type"""

    def __init__(self, *, before: str = 0) -> None:  # type: ignore[assignment]
        super().__init__(before=before)


class Changing(Right):
    """capabilities that change"""

    @property
    def capabilities(self) -> TextBuilderCapabilities:  # type: ignore[override]
        return TextBuilderCapabilities(seed_option=str(next(made)))


class Reading(Right):
    """reads a file when it is made"""

    def __init__(self) -> None:
        super().__init__(before=Path(__file__).read_text("utf-8")[:1])


class Loose(Right):
    """an option of any type, whose wrong values are no error of bioclip-x"""

    def __init__(self, *, before: object = "") -> None:
        super().__init__(before=before + "")  # type: ignore[operator]


class OfTwo(Right):
    """a method with one argument too many"""

    def build(self, request: TextRequest, language: str) -> PromptSet:  # type: ignore[override]
        return super().build(request)


RIGHT = (Right, RightWithoutSeed)
FAULTY = {
    "name": Unsummarised,
    "unknown_options_are_refused": TakesAnything,
    "options_are_annotated": Bare,
    "defaults_are_valid": NoneAsText,
    "it_can_be_made_twice": Changing,
    "its_constructor_does_no_work": Reading,
    "errors_are_told": Loose,
    "it_has_its_methods": OfTwo,
}
