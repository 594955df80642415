"""What a component must be able to do, by kind. A plugin author implements one of these; no base class is needed.

A component is made from its name and options: `--head rollup`, `--text descriptors:style=cbd`. Its options are the
keyword-only arguments of its constructor, and at most one before these, which a value without a name sets
(`--text templates:clip`). They are validated against their annotations; an unknown one is an error that lists the known.
Constructors do no work: no network, no weights, no files.

What a component declares of itself is its attribute `capabilities`, a record of `bioclip_x.capabilities`; a component
without it has the defaults.

Legend: B images, C classes, P prompts, D embedding, T inner taxa.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from bioclip_x.records import (
    Answer,
    HeadInput,
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
    Taxon,
    TextBank,
    TextRequest,
)

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

    from bioclip_x.taxonomy import Taxonomy

Kind = Literal[
    "text_builders", "models", "encoders", "scorers", "adjust_logits", "heads", "losses", "taxonomy_readers",
    "language_models", "prompts", "datasets", "reports", "commands",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """A component by name, without importing it.

    name: what a user types. summary: one line for `bioclip-x plugins list`.
    target: "package.module:Class", imported when the component is made.
    default: it is taken where a recipe names no component of its kind. One of each kind at most, over all plugins.
    default_for: it is taken where a recipe names no component of its kind and sets one of these fields or flags ("rank").
    """

    name: str
    summary: str
    target: str
    default: bool = False
    default_for: tuple[str, ...] = ()


class TextBuilder(Protocol):
    """Writes the prompts of classes. Declares `TextBuilderCapabilities`."""

    def build(self, request: TextRequest) -> PromptSet:
        """Prompts for every class asked for, at least one each, in class order. Pure: same request, same prompts."""


class Encoder(Protocol):
    """A family of two-tower models: images and texts into one space. Declares `EncoderCapabilities`.

    `load` alone is required, and does the work. `known_models` and `own_classes` are called by commands that need no
    model, and should import nothing heavy; `trainable` is for `bioclip-x train`.
    """

    def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> LoadedEncoder:
        """Finds and loads a model. Raises ModelError, with what to do, where it cannot.

        name: what outputs call it (`ModelCard.name`). preprocess: one of those that the family declares; "model" prepares
        images as the model's own configuration says.
        """

    def known_models(self) -> Sequence[KnownModel]:
        """Models that have a short name. Uses no network."""

    def own_classes(self, model: str, *, name: str, embeddings: bool) -> OwnClasses | None:
        """The list of classes that a model brings (downloaded, with the embeddings of its prompts if asked for), or None.

        Raises ModelError for a name that no model can have, and where the list cannot be downloaded.
        """

    def trainable(self, model: str | Mapping[str, Any], *, device: str, seed: int) -> TrainableEncoder:
        """A model to train: an existing one, by name, or one from scratch, described in the family's own terms.

        Its weights are float32; those of one from scratch depend on `seed` alone.
        """


class LoadedEncoder(Protocol):
    """A model ready to use, on its device. Declares `LoadedEncoderCapabilities`; with patches it is a `PatchEncoder`."""

    card: ModelCard

    def preprocess(self, image: Image) -> torch.Tensor:
        """An RGB image as the model was trained to see it: float32 [3, H, W]. Called from worker threads."""

    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        """Embeddings of a batch, float32 on the CPU, and which images the model declines to name.

        normalise: unit rows; False returns them as the model computes them.
        """

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        """Embeddings [len(texts), D], float32 on the CPU. Texts beyond the context are cut (see `count_tokens`)."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, start and end tokens included, before any cutting."""


class PatchEncoder(LoadedEncoder, Protocol):
    """A model that can tell what each patch of an image contributes to its embedding, for heat maps."""

    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        """Each image's unit embedding as a sum of parts, one for each patch."""


class TrainableEncoder(Protocol):
    """A model with gradients, on its device.

    module: what is optimised and kept in checkpoints. embed_dim: D. image_size: (H, W). mean, std: of its input's three channels.
    resize_mode: "shortest" (short side, then a centre crop), "squash" or "longest" (padded). interpolation: of resizing.
    """

    module: torch.nn.Module
    device: torch.device
    embed_dim: int
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
    """Image features → class logits. Declares `ScorerCapabilities`; one without embeddings is a `PrecomputedScorer`."""

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """A record that computes the logits of any range of classes, logit scale applied.

        `Logits.of` makes it of all logits at once. taxonomy: the tree whose leaves are the classes of `bank`.
        """

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Each prompt's coefficient a_p in the class's similarity Σ a_p·cos_p for this image; float32 [prompts of it]."""


class PrecomputedScorer(Scorer, Protocol):
    """Reads precomputed class scores. No model is loaded for it, and no image decoded. Declares `needs_embeddings=False`.

    model, revision: what outputs call the classifier that computed the scores. Its `logits` finds the images by
    `features.names`.
    """

    model: str

    @property
    def revision(self) -> str: ...

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Reads the scores, before anything else is called, and returns notes on what is not used or doubtful."""

    def image_names(self) -> Sequence[str]:
        """The names of all images that there are scores for."""

    def problem(self, name: str) -> str:
        """Why there are no scores for the image of this name, "" if there are."""


class LogitAdjustment(Protocol):
    """Prior knowledge, added to class logits before the softmax: a region's species, a season, a habitat."""

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """float32 [C], or [C, B] where it depends on the image; in leaf order. -inf excludes a class, NaN is an error.

        sources: the images of the batch, B of them. Called for every batch, so keep what does not change.
        """

    def notes(self, taxonomy: Taxonomy) -> Sequence[str]:
        """What outputs must say of it: what was done, what was not found. Called once, before any image."""


class Head(Protocol):
    """Class logits → probabilities of the nodes of the tree, and what to report. Declares `HeadCapabilities`.

    Logits may be a million per image: a head computes them chunk by chunk (`Logits.chunks`), or, for small lists, at once
    (`Logits.logits_BC`). `roll_up` makes Scores of them.
    """

    def decide(self, given: HeadInput) -> Scores:
        """Log-probabilities of the held nodes, the best classes, and the ranks, or the nodes, to report."""


class Loss(Protocol):
    """A training loss. Declares `LossCapabilities`. May be a torch module; the trainer then optimises its parameters."""

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        """Makes parameters and whatever follows from the tree, before the optimiser is made."""

    def __call__(self, batch: LossInput) -> torch.Tensor:
        """A scalar."""


class TaxonomyReader(Protocol):
    """Reads one format of taxonomy. Declares `TaxonomyReaderCapabilities`."""

    def sniff(self, path: Path, head: bytes) -> bool:
        """Whether the file looks like this format, from its name and first 64 KiB. Never raises."""

    def read(self, path: Path) -> Taxonomy:
        """The tree. Raises TaxonomyError with file and line; nothing half-loaded."""


class LanguageModel(Protocol):
    """Answers prompts. Declares `LanguageModelCapabilities`. Its constructor opens no connection; `close` closes them.

    Both methods may be coroutines (`async def`): then as many are awaited at once as the user allows. A plain `complete`
    is called in as many threads.
    """

    @property
    def provenance(self) -> Mapping[str, Any]:
        """`model`, `host` (its name alone), and `temperature` and `max_tokens` where its own options set them.

        Goes into outputs: no key, no user name, no full address.
        """

    def complete(
        self,
        prompt: str,
        *,
        taxon: Taxon | None,
        temperature: float | None,
        max_tokens: int | None,
        schema: Mapping[str, Any] | None,
    ) -> Answer | Awaitable[Answer]:
        """The answer to one prompt. All arguments are always passed.

        taxon: what the prompt asks about, None where it asks about no taxon.
        temperature, max_tokens: the prompt's wishes; the model's own options win.
        schema: JSON schema of the answer, None where there is none, and for models without the capability `json_schema`.

        Raises NoAnswerError where other prompts may still be answered, LanguageModelError where none will be; both name
        server and reason, and never a key. Retrying what may succeed the second time is the model's own work.
        """

    def close(self) -> Awaitable[None] | None:
        """Called at the end of each run; the model may be used again."""


class Report(Protocol):
    """Writes results as they come; memory must not grow with the number of results. Declares `ReportCapabilities`."""

    def open(self, output: Path | None, provenance: Provenance) -> AbstractContextManager[ReportWriter]:
        """A writer to a file (appearing only when complete) or, for None, to standard output."""


class ReportWriter(Protocol):
    def write(self, result: Result) -> None: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example: an image by its number in the data set, and its class or its own texts.

    class_index: the class in the training taxonomy, -1 where the image has no class.
    texts: texts of its own to draw from; empty where the text builders write those of its class.
    aspects: the trait that each of `texts` describes ("bird: bill"), one for each or none at all: texts of one aspect that
        do not hold for an image are alternatives to those that do.
    """

    class_index: int
    texts: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()


class Dataset(Protocol):
    """Labelled images, addressed by number. Declares `DatasetCapabilities`.

    `sample` and `image` may be called from worker threads.
    """

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        """Resolves labels against the taxonomy (and makes caches); yields notes on what was skipped or ambiguous."""

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample: ...

    def name(self, index: int) -> str:
        """What outputs call the image: its path, if it is a file."""

    def image(self, index: int) -> Image | np.ndarray:
        """RGB: a PIL image, or uint8 [H, W, 3]. Raises ImageError, naming the image, where it cannot be read."""
