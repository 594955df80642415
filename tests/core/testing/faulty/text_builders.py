"""Text builders, each with one fault."""

from dataclasses import replace
from itertools import count

from bioclip_x.plugin import Prompt, PromptSet, TextBuilderCapabilities, TextRequest

KIND = "text_builders"
calls = count()


class Right:
    """names"""

    def build(self, request: TextRequest) -> PromptSet:
        return PromptSet(tuple(self.write(request, c) for c in request.classes))

    def write(self, request: TextRequest, c: int) -> Prompt:
        return Prompt(request.taxonomy.class_taxon(c).name, c, "mine")


class RightWithSeed(Right):
    """names with a number"""

    capabilities = TextBuilderCapabilities(seed_option="seed")

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def write(self, request: TextRequest, c: int) -> Prompt:
        return replace(super().write(request, c), phrase=str(self.seed))


class Blank(Right):
    """an empty text"""

    def write(self, request: TextRequest, c: int) -> Prompt:
        return Prompt("", c, "mine")


class Forgetful(Right):
    """no prompt of the last class"""

    def build(self, request: TextRequest) -> PromptSet:
        return PromptSet(super().build(request).prompts[:-1])


class Moody(Right):
    """another text at each call"""

    def write(self, request: TextRequest, c: int) -> Prompt:
        return Prompt(f"{next(calls)}", c, "mine")


class Remembering(Right):
    """a text that tells how often it was asked"""

    def __init__(self) -> None:
        self.calls = 0

    def write(self, request: TextRequest, c: int) -> Prompt:
        self.calls += 1
        return Prompt(f"{self.calls}", c, "mine")


class Counting(Right):
    """a text that tells how many classes there are"""

    def write(self, request: TextRequest, c: int) -> Prompt:
        return Prompt(f"one of {len(request.classes)}", c, "mine")


class Unseeded(RightWithSeed):
    """a seed that changes nothing"""

    def write(self, request: TextRequest, c: int) -> Prompt:
        return Right.write(self, request, c)


class OneNote(Right):
    """a note in place of a tuple of notes"""

    def build(self, request: TextRequest) -> PromptSet:
        return PromptSet(super().build(request).prompts, "a note")  # type: ignore[arg-type]


class DescribedOnly(Right):
    """prompts of classes with descriptors only"""

    def build(self, request: TextRequest) -> PromptSet:
        known = request.descriptors.classes if request.descriptors else {}
        return PromptSet(tuple(one for one in super().build(request).prompts if one.text in known))


class Formatting(Right):
    """names that are formatted twice"""

    def write(self, request: TextRequest, c: int) -> Prompt:
        return Prompt("{} a photo".replace("{}", request.taxonomy.class_taxon(c).name).replace("{0}", "0"), c, "mine")


class Misnamed(Right):
    """a seed option that it does not have"""

    capabilities = TextBuilderCapabilities(seed_option="sead")


RIGHT = (Right, RightWithSeed)
FAULTY = {
    "prompts_are_texts": Blank,
    "every_class_has_prompts_in_order": Forgetful,
    "equal_requests_give_equal_prompts": Moody,
    "asking_changes_nothing": Remembering,
    "classes_without_descriptors_have_prompts": DescribedOnly,
    "odd_names_are_kept": Formatting,
    "declared_options_exist": Misnamed,
    "a_class_does_not_depend_on_the_others": Counting,
    "another_seed_gives_other_prompts": Unseeded,
    "notes_are_lines": OneNote,
}
