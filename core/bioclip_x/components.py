"""What a component must be able to do, by kind. A plugin author implements one of these; no base class is needed.

A component is made from its name and options: `--head rollup`, `--text descriptors:style=cbd`. Its options are the
keyword-only arguments of its constructor, and at most one before these, which a value without a name sets
(`--text templates:clip`). They are validated against their annotations; an unknown one is an error that lists the known.
Constructors do no work: no network, no weights, no files.

Legend: B images, C classes, P prompts, D embedding, N tree nodes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from bioclip_x.records import (
    Answer,
    ImageFeatures,
    KnownModel,
    Logits,
    LossInput,
    ModelCard,
    OwnClasses,
    PatchFeatures,
    PromptSet,
    Provenance,
    Result,
    Scores,
    Source,
    TextBank,
    TextRequest,
)

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

    from bioclip_x.taxonomy import Taxonomy

Kind = Literal[
    "text_builders", "encoders", "scorers", "adjust_logits", "heads", "losses", "taxonomy_readers", "language_models", "prompts",
    "datasets", "reports", "commands",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """A component by name, without importing it.

    name: what a user types. summary: one line for `bioclip-x plugins list`.
    target: "package.module:Class", imported when the component is made.
    """

    name: str
    summary: str
    target: str


class TextBuilder(Protocol):
    """Writes the texts that stand for classes.

    A class attribute `pooling` ("mean", "ensemble", "max") states the pooling that such texts were published with; a
    recipe that sets none takes it. One text per class needs none.
    """

    def build(self, request: TextRequest) -> PromptSet:
        """Prompts for every class asked for, at least one each, in class order. Pure: same request, same prompts."""


class Encoder(Protocol):
    """A two-tower model: pictures and texts into one space. `load` does the work, the constructor does none.

    `load` alone is needed. `known_models` and `own_classes` are asked by commands that need no model, and should import
    nothing heavy; `trainable` is for `bioclip-x train`.
    """

    def load(
        self, model: str, *, device: str, precision: str, cache_dir: Path | None = None, preprocess: str = "model"
    ) -> LoadedEncoder:
        """Finds and loads a model by name. Raises ModelError saying what to do where it cannot.

        preprocess: "model" feeds pictures as the model's own configuration says, "pybioclip" as pybioclip does. A family
        without this argument refuses --preprocess pybioclip.
        """

    def known_models(self) -> Sequence[KnownModel]:
        """Models that have a short name. Asks no network."""

    def own_classes(self, model: str, *, embeddings: bool, cache_dir: Path | None = None) -> OwnClasses | None:
        """The list of classes that a model brings (fetched, with the embeddings of its texts if asked for), or None.

        Raises ModelError for a name that no model can have, and where the list cannot be fetched.
        """

    def trainable(self, model: str | Mapping[str, Any], *, device: str, seed: int) -> TrainableEncoder:
        """A model to train: one to go on from, by name, or one from scratch, described in the family's own terms.

        Its weights are float32; those of one from scratch depend on `seed` alone.
        """


class LoadedEncoder(Protocol):
    """A model ready to use, on its device. One that can tell a picture's patches apart is a `PatchEncoder`."""

    card: ModelCard

    def preprocess(self, image: Image) -> torch.Tensor:
        """An RGB picture as the model was trained to see it: float32 [3, H, W]. Called from worker threads."""

    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        """Embeddings of a batch, float32 on the CPU, and which pictures the model declines to name.

        normalise: unit rows; False gives them as the model does. Only `bioclip-x embed --no-normalise` asks for that.
        """

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        """Embeddings [len(texts), D], float32 on the CPU. Texts beyond the context are cut (see `count_tokens`)."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, start and end tokens included, before any cutting."""


class PatchEncoder(LoadedEncoder, Protocol):
    """A model that also tells what each patch of a picture contributes to its embedding, for heat maps.

    no_patches: "", or why this model of the family cannot ("its vision tower, a ModifiedResNet, has no patch tokens").
    """

    @property
    def no_patches(self) -> str: ...

    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        """The parts of each picture's unit embedding, patch by patch. Asked only where `no_patches` is ""."""


class TrainableEncoder(Protocol):
    """A model that gives gradients, on its device.

    module: what is optimised and kept in checkpoints. image_size: (H, W). mean, std: of its input's three channels.
    resize_mode: "shortest" (short side, then the middle), "squash" or "longest" (padded). interpolation: how it resizes.
    """

    module: torch.nn.Module
    device: torch.device
    image_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize_mode: str
    interpolation: str
    context_length: int

    @property
    def logit_scale(self) -> torch.Tensor:
        """Scalar, exponentiated; gradients flow."""

    @property
    def logit_bias(self) -> torch.Tensor | None:
        """Scalar, None for models that have none."""

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        """int64 [len(texts), context], padded, longer texts cut."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before any cutting."""

    def forward_image(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Normalised pixels → embeddings [B, D], not normalised."""

    def forward_text(self, tokens_PL: torch.Tensor) -> torch.Tensor:
        """Tokens → embeddings [P, D], not normalised."""

    def clamp_logit_scale(self, largest: float) -> None:
        """Keeps the exponentiated scale in [1, largest]."""

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Writes what `load` needs to find the model there; `card` is what is to be known of it (demo, taxonomy, …)."""


class Scorer(Protocol):
    """Image features → class logits. One that needs no features has `needs_encoder = False`: see `OwnScores`."""

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard) -> Logits:
        """A record that makes the logits of any range of classes, logit scale applied (`Logits.of` has all at once)."""

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Each prompt's coefficient a_p in the class's similarity Σ a_p·cos_p for this image; float32 [prompts of it]."""


class OwnScores(Scorer, Protocol):
    """A scorer that takes class scores from elsewhere than embeddings. No model is loaded for it, and no picture decoded.

    needs_encoder: False. model, revision: what outputs call that which made the scores. Its `logits` finds the pictures by
    `features.names`.
    """

    needs_encoder: Literal[False]
    model: str

    @property
    def revision(self) -> str: ...

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Reads the scores, before anything else is asked, and tells what of them is not used or doubtful."""

    def pictures(self) -> Sequence[str]:
        """The names of all pictures that there are scores for."""

    def problem(self, name: str) -> str:
        """Why there are none for the picture of this name, "" if there are."""


class LogitAdjustment(Protocol):
    """Prior knowledge, added to class logits before the softmax: a region's species, a season, a habitat."""

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """float32 [C], or [C, B] where it depends on the picture; in leaf order. -inf excludes a class, nan is not allowed.

        sources: the pictures of the batch, B of them. Asked for every batch, so keep what does not change.
        """

    def notes(self, taxonomy: Taxonomy) -> Sequence[str]:
        """What outputs must say of it: what was done, what was not found. Asked once, before any picture."""


class Head(Protocol):
    """Class logits → shares of the nodes of the tree, and what to report.

    Takes `records.Logits` and the tree, returns `records.Scores`. Logits may be a million a picture: they are taken in parts,
    or, by a head for small lists, as `logits_BC`. `taxonomy.rollup.roll_up` makes Scores of them; `tests/third_party` is a
    head, whole. A head with `needs_inner_texts = True` gets logits of inner taxa too, from texts of their own;
    with one with `chooses_rank = True`, a recipe that names a rank is refused. One whose shares are the softmax of the logits
    that it gets says so, `is_softmax = True`: a calibration's temperature is right for such shares alone.
    """

    def decide(self, logits: Logits, taxonomy: Taxonomy) -> Scores:
        """Log-shares of the held nodes, the best classes, and the ranks, or the nodes, to report."""


class Loss(Protocol):
    """A training loss. May be a torch module with parameters of its own, which the trainer then optimises."""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        """A scalar."""


class TaxonomyReader(Protocol):
    """Reads one format of taxonomy."""

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the file looks like this format, from its name and first 64 KiB. Never raises."""

    def read(self, path: Path) -> Taxonomy:
        """The tree. Raises TaxonomyError with file and line; nothing half-loaded."""


class LanguageModel(Protocol):
    """Answers prompts. The constructor connects to nothing; `close` lets go of what `complete` opened.

    Both methods may be coroutines (`async def`): then as many are awaited at once as the user allows. Plain ones are
    called in as many threads. A model with `takes_schema = True` gets the keyword `schema` as well, a JSON schema of the
    answer or None; where its server can hold to none, it asks without.
    """

    @property
    def provenance(self) -> Mapping[str, Any]:
        """`model`, `host` (its name alone), and `temperature` and `max_tokens` where its own options set them.

        Goes into outputs: no key, no user name, no full address.
        """

    def complete(
        self, prompt: str, *, temperature: float | None = None, max_tokens: int | None = None
    ) -> Answer | Awaitable[Answer]:
        """The answer to one prompt. temperature, max_tokens: the prompt's wishes; the model's own options win.

        Raises NoAnswerError where other prompts may still be answered, LanguageModelError where none will be; both name
        server and reason, and never a key. To try again what may succeed the second time is the model's own work.
        """

    def close(self) -> Awaitable[None] | None:
        """Called at the end of each run; the model may be used again."""


class Report(Protocol):
    """Writes results as they come; memory must not grow with the number of results.

    suffixes: of files that it is chosen for. thumbnails: whether it shows the pictures (results then carry small JPEGs).
    One whose output is no text may have `binary = True`, and a terminal is spared it.
    """

    suffixes: tuple[str, ...]
    thumbnails: bool

    def open(self, output: Path | None, provenance: Provenance) -> AbstractContextManager[ReportWriter]:
        """A writer to a file (appearing only when complete) or, for None, to standard output."""


class ReportWriter(Protocol):
    def write(self, result: Result) -> None: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example: a picture by its number in the data set, and its class or its own texts.

    class_index: the class in the training taxonomy, -1 where the picture has no taxon.
    texts: texts of its own to draw from; empty where the text builders speak for its class.
    aspects: what each of `texts` speaks of ("bird: bill"), one for each or none at all: of the texts of one aspect, those
        that do not hold for a picture are alternatives to those that do.
    """

    class_index: int
    texts: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()


class Dataset(Protocol):
    """Pictures with labels, addressed by number; `sample` and `image` may be called from worker threads."""

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        """Resolves labels against the taxonomy (and makes caches); yields notes on what was skipped or ambiguous."""

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample: ...

    def image(self, index: int) -> Image | np.ndarray:
        """RGB: a PIL image, or uint8 [H, W, 3]. Raises ImageError, naming the picture, where it cannot be read."""
