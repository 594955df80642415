"""The protocols of the components, by kind. A plugin author implements one of them; no base class is needed.

A component is made from its name and options: `--head rollup`, `--text descriptors:style=cbd`. Its options are the
keyword-only arguments of its constructor, preceded by at most one argument that a value without an option name sets
(`--text templates:clip`). Options are validated against their annotations; an unknown option is an error that lists the
known ones. Constructors do no work: no network, no weights, no files.

A component declares its capabilities in the attribute `capabilities`, a record of `bioclip_x.hooks.capabilities`; without the
attribute, the defaults apply.

Legend: B images, C classes, P prompts, D embedding, T inner taxa.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

from bioclip_x.records import (
    Answer,
    EvaluationFigures,
    HeadInput,
    ImageFeatures,
    KnownModel,
    Logits,
    LossInput,
    Mismatch,
    ModelCard,
    NearestImage,
    OpenedImage,
    OwnClasses,
    OwnRecipe,
    PatchFeatures,
    PromptSet,
    Provenance,
    Region,
    Result,
    Scores,
    Source,
    SupportImages,
    Taxon,
    TextBank,
    TextRequest,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import torch
    from PIL.Image import Image

    from bioclip_x.taxonomy import Taxonomy

Kind = Literal[
    "text_builders", "models", "encoders", "classifiers", "scorers", "adjust_logits", "heads", "losses", "taxonomy_readers",
    "language_models", "prompts", "datasets", "image_sources", "captioners", "image_decoders", "detectors", "reports", "commands",
    "adapters", "callbacks",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

METHODS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "text_builders": ("build",),
    "encoders": ("load",),
    "scorers": ("logits",),
    "adjust_logits": ("offsets", "notes"),
    "heads": ("decide",),
    "classifiers": ("labels", "load", "preprocess"),
    "losses": ("__call__",),
    "taxonomy_readers": ("sniff", "read"),
    "language_models": ("complete", "close"),
    "datasets": ("prepare", "__len__", "sample", "name", "image"),
    "image_sources": ("revision", "tables", "notes"),
    "captioners": ("caption", "close"),
    "image_decoders": ("recognises", "decode"),
    "detectors": ("detect",),
    "reports": ("open",),
    "adapters": ("apply", "merge"),
}
"""Kind → the methods that every component of it has; by the first one, an object of the calling program is recognised."""


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """The name and import path of a component, which is not imported yet.

    name: what a user types. summary: one line for `bioclip-x plugins list`.
    target: "package.module:Class", imported when the component is made.
    default: used when a recipe names no component of this kind. At most one of each kind over all plugins.
    default_for: used when a recipe names no component of this kind and sets one of these fields or flags ("rank").
    """

    name: str
    summary: str
    target: str
    default: bool = False
    default_for: tuple[str, ...] = ()


class TextBuilder(Protocol):
    """Writes the prompts of classes. Declares `TextBuilderCapabilities`."""

    def build(self, request: TextRequest) -> PromptSet:
        """Returns prompts for every requested class, at least one each, in class order.

        Deterministic: equal requests give equal prompts.
        """


class Encoder(Protocol):
    """A family of two-tower models, which embed images and texts in one space. Declares `EncoderCapabilities`.

    Only `load` is required. `known_models`, `own_classes` and `own_recipe` are called by commands that need no model, and
    should import nothing heavy; `trainable` is for `bioclip-x train`.
    """

    def load(self, model: str, *, name: str, device: str, precision: str, preprocess: str) -> LoadedEncoder:
        """Finds and loads a model. Raises ModelError, with a remedy, if it cannot.

        name: the model's name in outputs (`ModelCard.name`). preprocess: one of the values that the family declares;
        "model" prepares images as the model's configuration specifies.
        """

    def known_models(self) -> Sequence[KnownModel]:
        """Returns the models that have a short name. Uses no network."""

    def own_classes(self, model: str, *, name: str, embeddings: bool) -> OwnClasses | None:
        """Downloads the class list published with a model; None if there is none.

        embeddings: also download the embeddings of its prompts.

        Raises ModelError for an invalid model name, or if the download fails.
        """

    def own_recipe(self, model: str, *, name: str) -> OwnRecipe | None:
        """Returns the recipe fields that a model on this machine brings; None if it brings none, or is not found.

        Raises ModelError for fields that cannot be read.
        """

    def trainable(
        self, model: str | Mapping[str, Any], *, device: str, seed: int, image_size: int | None
    ) -> TrainableEncoder:
        """Returns a model to train.

        model: the name of an existing model, or the description of a new one in the family's terms.
        image_size: side of the images in pixels, None for the model's own.

        The weights are float32; those of a new model depend on `seed` alone.
        """


class LoadedEncoder(Protocol):
    """A model on its device, ready to use. Declares `LoadedEncoderCapabilities`; see also `PatchEncoder`."""

    card: ModelCard

    def preprocess(self, image: Image) -> torch.Tensor:
        """Converts an RGB image to the model's input: float32 [3, H, W]. Called from worker threads."""

    def encode_images(self, pixels_B3HW: torch.Tensor, *, normalise: bool = True) -> ImageFeatures:
        """Returns the embeddings of a batch, float32 on the CPU, and the images that the model refuses to classify.

        normalise: scale the rows to unit length; False returns the model's raw embeddings.
        """

    def encode_texts(self, texts: Sequence[str], *, normalise: bool = True) -> torch.Tensor:
        """Returns embeddings [len(texts), D], float32 on the CPU. Texts longer than the context are truncated."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Counts the tokens of each text before truncation, including start and end tokens."""


class PatchEncoder(LoadedEncoder, Protocol):
    """A model that computes each patch's contribution to an image's embedding, for heat maps."""

    def encode_patches(self, pixels_B3HW: torch.Tensor) -> PatchFeatures:
        """Decomposes each image's unit embedding into a sum of parts, one per patch."""


class ImageClassifier(Protocol):
    """A model that scores labels of its own and reads no texts: any image classifier. Declares `ImageClassifierCapabilities`.

    It has one of `logits` and `probabilities`, as it declares. L labels.

    revision: what distinguishes its weights, labels and preprocessing from others, such as a hash; asked for once it is loaded.
        A calibration is valid for one.
    """

    @property
    def revision(self) -> str: ...

    def labels(self) -> Sequence[str]:
        """Returns the labels in the order of the scores. Called before `load`, so it loads no weights.

        Names of taxa, by which classes are found as in a file of scores, or others (blank), which stand beside the tree.
        The shares of labels of one class are added up.
        """

    def load(self, device: str) -> None:
        """Loads the weights. Called once, before what follows. Raises ModelError, with a remedy, if it cannot.

        device: as torch names it, "cpu" or "cuda:1"; "auto" for the fastest that the model can use.
        """

    def preprocess(self, image: Image) -> torch.Tensor:
        """Converts an RGB image to the model's input: float32 [3, H, W]. Called from worker threads."""

    def logits(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Scores a batch, which is on the CPU: [B, L], of which the softmax are the probabilities."""

    def probabilities(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Scores a batch, which is on the CPU: [B, L], from 0 to 1. Rows are divided by the sum of the requested classes."""


class Tokenizer(Protocol):
    """The part of a model that turns texts into tokens. See `TrainableEncoder` for its methods."""

    context_length: int

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor: ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...


class TrainableEncoder(Protocol):
    """A model with gradients, on its device. Declares `TrainableEncoderCapabilities`; see also `LayeredEncoder`.

    module: what is optimised and saved in checkpoints. embed_dim: D. image_size: (H, W).
    mean, std: per input channel, for normalisation. resize_mode: "shortest" (short side, then a centre crop), "squash" or
    "longest" (padded). interpolation: resampling filter for resizing.
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
        """The exponentiated logit scale, a differentiable scalar."""

    @property
    def logit_bias(self) -> torch.Tensor | None:
        """The logit bias, a scalar; None for models without one."""

    def preprocess(self, image: Image) -> torch.Tensor:
        """Converts an RGB image to the model's input as the saved model does: float32 [3, H, W]. Called from threads."""

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        """Returns tokens, int64 [len(texts), context], padded or truncated."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Counts the tokens of each text before truncation."""

    def make_tokenizer(self) -> Tokenizer:
        """Returns what tokenises, without the model: it is pickled and sent to the processes that make batches."""

    def forward_image(self, pixels_B3HW: torch.Tensor) -> torch.Tensor:
        """Embeds normalised pixels: [B, D], not normalised."""

    def forward_text(self, tokens_PL: torch.Tensor) -> torch.Tensor:
        """Embeds tokens, which are on the CPU: [P, D], not normalised."""

    def clamp_logit_scale(self, largest: float) -> None:
        """Clamps the exponentiated scale to [1, largest]."""

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Saves the model to a folder from which `load` can read it. card: metadata (demo, taxonomy, …).

        Of two projectors, the model's own is saved; a `text_prefix` becomes part of the card.
        """


class LayeredEncoder(TrainableEncoder, Protocol):
    """A model whose layers and inputs the trainer may treat apart; each method is declared by a capability.

    text_prefix: words that `tokenize` puts before every text, and that `save` makes a part of the model; "" for none.
    """

    text_prefix: str

    def blocks(self) -> Sequence[torch.nn.Module]:
        """Returns the modules, of equal rank and in order, whose parameters are spread over processes as units."""

    def depth_groups(self) -> Mapping[Literal["image", "text"], Sequence[Sequence[str]]]:
        """Returns the names of each tower's parameters in groups, from the input to the output.

        The last group is the projection into the common space, if the tower has one. Every parameter is in one group, but for
        the logit scale and bias.
        """

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Makes the blocks recompute their activations in the backward pass. Raises ModelError for towers that cannot."""

    def add_projector(self) -> None:
        """Adds a second projection of the image tower, which `save` leaves out.

        `forward_image` then returns [B, 2·D]: the embeddings by the first and by the second projection. Raises ModelError for
        towers without a linear projection.
        """

    def check_image_size(self, size: tuple[int, int]) -> None:
        """Raises ModelError if `forward_image` takes no images of this size (H, W). `image_size` stays the same."""

    def set_patch_dropout(self, fraction: float) -> None:
        """Sets the fraction of patches that are left out in training. Raises ModelError for towers without patches."""

    def set_text_length(self, length: int | None) -> None:
        """Sets the number of tokens to which `forward_text` shortens texts; None for the whole context.

        Raises ModelError for towers that need the whole context.
        """

    def rare_words(self, count: int) -> Sequence[str]:
        """Returns words of one token each that hardly occur in texts. Raises ModelError if there are too few."""


class Adapter(Protocol):
    """Trains few parameters in place of all, such as LoRA."""

    def apply(self, encoder: TrainableEncoder) -> None:
        """Adds the parameters to `encoder.module`, and leaves only those with `requires_grad` that are to be trained.

        Called before the optimiser is created.
        """

    def merge(self, encoder: TrainableEncoder) -> None:
        """Merges the parameters into the module, which is then as before `apply`, but for its weights."""


class Scorer(Protocol):
    """Turns image features into class logits. Declares `ScorerCapabilities`; see also `PrecomputedScorer`."""

    def logits(self, features: ImageFeatures, bank: TextBank, card: ModelCard, taxonomy: Taxonomy) -> Logits:
        """Returns the class logits, logit scale applied, as a record that computes any range of classes.

        `Logits.of` wraps a complete tensor. taxonomy: the tree whose leaves are the classes of `bank`.
        """

    def coefficients(self, embedding_D: torch.Tensor, bank: TextBank, class_index: int) -> np.ndarray:
        """Returns the coefficients a_p in the class's similarity Σ a_p·cos_p to this image: float32, one per prompt."""


class TextlessScorer(Scorer, Protocol):
    """Reads no texts: its bank has no prompts. Declares `needs_texts=False`.

    revision: what distinguishes it from others of the same name, such as a hash of its weights. A calibration is valid for one.
    """

    @property
    def revision(self) -> str: ...

    def prepare(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Reads its weights or scores and returns notes on unused or doubtful ones. Called before a model is loaded."""


class ExampleScorer(Scorer, Protocol):
    """Classifies by labelled images. Declares `support_option`, and `needs_texts=False` unless it also uses the texts.

    revision: what distinguishes its examples from others, such as a hash of their embeddings. A calibration is valid for one.
    """

    @property
    def revision(self) -> str: ...

    def prepare_support(self, support: SupportImages, taxonomy: Taxonomy) -> Sequence[str]:
        """Receives the embedded examples, and returns notes, such as on classes without one. Called once, before `logits`."""

    def nearest(self, embedding_D: torch.Tensor, class_index: int) -> Sequence[NearestImage]:
        """Returns the examples of a class that are nearest to an image, nearest first, for explanations."""


class LabelledScorer(TextlessScorer, Protocol):
    """Has scores of labels of its own. `prepare` is given the tree that `extend` returned."""

    def extend(self, taxonomy: Taxonomy, whole: Taxonomy) -> Taxonomy:
        """Returns the tree with what else has scores: taxa above its classes, and labels beside it. Called first.

        taxonomy: the requested classes. whole: all that are listed; a score of one that was not requested has no part in it.
        """


class PrecomputedScorer(LabelledScorer, Protocol):
    """Reads precomputed class scores, so no model is loaded and no image decoded. Declares `needs_embeddings=False`.

    model, revision: the classifier that computed the scores, as named in outputs. `logits` looks the images up by
    `features.names`.
    """

    model: str

    def image_names(self) -> Sequence[str]:
        """Returns the names of all images that have scores."""

    def problem(self, name: str) -> str:
        """Returns the reason why the image of this name has no scores; "" if it has."""


class LogitAdjustment(Protocol):
    """Prior knowledge added to class logits before the softmax: a region's species, a season, a habitat.

    Declares `LogitAdjustmentCapabilities`; see also `NotingAdjustment`.
    """

    def offsets(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> torch.Tensor:
        """Returns offsets in leaf order, float32 [C], or [C, B] if they depend on the image.

        -inf excludes a class; NaN is an error.

        sources: the B images of the batch. Called for every batch, so cache what does not change.
        """

    def notes(self, taxonomy: Taxonomy) -> Sequence[str]:
        """Returns notes for the outputs: what was adjusted, what was not found. Called once, before any image."""


class NotingAdjustment(LogitAdjustment, Protocol):
    """An adjustment that declares `image_notes`: it says of each image what it did ("no date: no season applied")."""

    def image_notes(self, taxonomy: Taxonomy, sources: Sequence[Source]) -> Sequence[Sequence[str]]:
        """Returns the notes of each of the B images, none or more, which every output shows. Called for every batch."""


class Head(Protocol):
    """Turns class logits into probabilities of the tree's nodes and chooses what to report. Declares `HeadCapabilities`.

    There may be a million logits per image: a head computes them chunk by chunk (`Logits.chunks`) or, for small class
    lists, all at once (`Logits.logits_BC`). `roll_up` turns them into Scores.
    """

    def decide(self, given: HeadInput) -> Scores:
        """Returns log-probabilities of the held nodes, the best classes, and the ranks or nodes to report."""


class Loss(Protocol):
    """A training loss. Declares `LossCapabilities`. If it is a torch module, the trainer optimises its parameters."""

    def prepare(self, taxonomy: Taxonomy, embed_dim: int, n_classes: int) -> None:
        """Creates parameters and buffers derived from the tree. Called before the optimiser is created."""

    def __call__(self, batch: LossInput) -> torch.Tensor | Mapping[str, torch.Tensor]:
        """Returns the loss of a batch, a scalar; or its parts by name, of which the sum is minimised."""

    def export_heads(self) -> Mapping[str, LinearHead]:
        """Returns the trained linear heads by name, for losses that declare `exports_heads`."""


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear layer that classifies embedded images: logits = weight · embedding + bias.

    weight_CD, bias_C: float32. nodes_C: int64 [C], the tree's nodes that the rows stand for.
    normalised: whether it takes L2-normalised embeddings.
    """

    weight_CD: torch.Tensor
    bias_C: torch.Tensor
    nodes_C: np.ndarray
    normalised: bool


class TaxonomyReader(Protocol):
    """Reads one taxonomy format. Declares `TaxonomyReaderCapabilities`."""

    def sniff(self, path: Path, head: bytes) -> bool:
        """Returns whether the file looks like this format, judged by its name and first 64 KiB. Never raises.

        Of a compressed text file, `head` is the text and `path` has no suffix such as .gz; of a workbook (.xlsx), `head` is
        its sheet as CSV, and the suffix is .csv. The functions that read text (`read_text`, `read_lines`, `open_archive`, …)
        open both kinds of files in the same way.
        """

    def read(self, path: Path) -> Taxonomy:
        """Reads a taxonomy completely. Raises TaxonomyError with file and line."""


class MismatchExplainer(TaxonomyReader, Protocol):
    """A reader that can say why a file is not in its format. Declares `explains_mismatch`."""

    def explain_mismatch(self, path: Path, head: bytes) -> Mismatch | None:
        """Says why a file that `sniff` did not recognise is not in this format; None if it does not resemble it.

        Called with the same arguments, if no reader recognises the file. Never raises.
        """


class LanguageModel(Protocol):
    """Answers prompts. Declares `LanguageModelCapabilities`. The constructor opens no connection; `close` closes all.

    Both methods may be coroutines (`async def`): then up to the user's limit are awaited concurrently. A plain `complete`
    is called from as many threads.
    """

    @property
    def provenance(self) -> Mapping[str, Any]:
        """`model`, `host` (the host name only), and `temperature` and `max_tokens` if set by its options.

        Written to outputs: no key, no user name, no full address.
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
        """Answers one prompt. All arguments are always passed.

        taxon: the taxon the prompt asks about, None if none.
        temperature, max_tokens: the prompt's settings; the model's own options take precedence.
        schema: JSON schema of the answer; None if there is none, or for models without the capability `json_schema`.

        Raises NoAnswerError if other prompts may still be answered, LanguageModelError if none will be; both name the
        server and the reason, never a key. The model itself retries transient failures.
        """

    def close(self) -> Awaitable[None] | None:
        """Closes connections at the end of a run; the model may be used again."""


class Report(Protocol):
    """Writes results one by one, in memory independent of their number. Declares `ReportCapabilities`."""

    def open(self, output: Path | None, provenance: Provenance) -> AbstractContextManager[ReportWriter]:
        """Returns a writer to a file (which appears only when complete) or, for None, to standard output."""


class ProvenanceReader(Protocol):
    """A report that declares `reads_provenance`."""

    def read_provenance(self, path: Path) -> Mapping[str, Any]:
        """Reads the provenance from a complete output of this report, with the names of `Provenance`'s fields.

        `--resume` compares it with the recipe at hand. Empty if the file has none, or is of another origin.
        """


class EvaluationReport(Protocol):
    """A report that declares `evaluations`: it also writes those of `bioclip-x evaluate --report FILE`."""

    def write_evaluation(self, output: Path, figures: EvaluationFigures) -> None:
        """Writes a file that appears only when complete."""


class CardReport(Protocol):
    """A report that declares `cards`: `bioclip-x app` shows each result as one of its cards."""

    def make_card(self, result: Result, provenance: Provenance) -> str:
        """Returns HTML: one element `article`, with all text of the result escaped, without scripts and identifiers.

        A text of a class is an element with the attributes `data-class`, the index of its class, and `title`, the prompt. An
        element of the class "frame" holds the image, over which the app lays heat maps.
        """

    def make_card_style(self) -> str:
        """Returns the CSS of the cards, and of the custom properties that they use."""


class ReportWriter(Protocol):
    def write(self, result: Result) -> None: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """The taxon and the texts of one labelled image.

    node: of the taxonomy, -1 if the image has no taxon. `resolve_labels` finds it; that of class c is
        `taxonomy.owner(taxonomy.leaf_node_C[c])`. It may lie above the classes: an image labelled at genus.
    texts: the image's own texts to draw from; empty if it has only those that the text builders write for its taxon.
    aspects: the trait that each of `texts` describes ("bird: bill"), one per text or empty: texts of the same aspect that
        do not apply to an image are alternatives to those that do.
    above: for an image whose taxon is not listed, the listed taxon above it that its label tells ("Parus ater", where the
        genus Parus is listed), by which evaluations count it at that rank and above; -1 for none. `find_taxa_above` finds it.
    """

    node: int
    texts: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    above: int = -1


class ImageDecoder(Protocol):
    """Reads a family of image formats. Declares `ImageDecoderCapabilities`. Called from worker threads."""

    def recognises(self, head: bytes, suffix: str) -> bool:
        """Returns whether a file is of its formats, judged by its first 4 KiB. Never raises.

        suffix: of the file, lower case, "" if unknown: to be used only where the content does not tell.
        """

    def decode(self, stream: IO[bytes]) -> OpenedImage:
        """Reads an image at full resolution, in any of Pillow's modes, upright or with EXIF data that says how it is turned.

        stream: the file at its beginning, seekable. notes: what a user must know, such as that it is one of several frames.
        Raises ImageError with the reason, and a remedy if a library is missing.
        """


class Detector(Protocol):
    """Finds the regions of images, which are then named one by one. Declares `DetectorCapabilities`. Called from worker
    threads, for several images at a time.
    """

    def detect(self, source: Source, image: Image) -> Sequence[Region] | None:
        """Returns the regions of an image, in the order of its results; none for an image that shows nothing.

        source: what was asked for; its `name` is what outputs show. image: RGB, upright. Returns None for an image that it
        knows nothing of, which is then classified as a whole, with a note. Raises ImageError with the reason for an image at
        which it fails.
        """


class PreparedDetector(Detector, Protocol):
    """A detector that reads a file or loads a model before the first image. Declares `DetectorCapabilities.prepares`."""

    def prepare(self) -> None:
        """Called once, before the first image. Raises RecipeError or ModelError for a file or model that cannot be used."""


class Dataset(Protocol):
    """Labelled images, addressed by index. Declares `DatasetCapabilities`. See also `LabelledDataset`.

    `sample` and `image` may be called from worker threads, and from processes, to which the data set is sent by pickle where
    they are not forked. A data set that declares `searches_folders` has `use_files(files)`, called before `prepare` with the
    `ImageFiles` by which `classify` searches folders.
    """

    def prepare(self, taxonomy: Taxonomy) -> Iterable[str]:
        """Resolves labels against the taxonomy (and fills caches); yields notes on skipped or ambiguous labels."""

    def __len__(self) -> int: ...

    def sample(self, index: int) -> Sample: ...

    def name(self, index: int) -> str:
        """Returns the image's name in outputs: its path, if it is a file."""

    def image(self, index: int) -> Image | np.ndarray | Path | str | bytes:
        """Returns the path, URL or content of an image file, which is read as `classify` reads it, or an RGB image: PIL, or
        uint8 [H, W, 3].

        Raises ImageError, naming the image, if it cannot be read.
        """


class LabelledDataset(Dataset, Protocol):
    """A data set that tells the labels of all images at once. Declares `lists_nodes`.

    Otherwise `sample` is called for every image, which takes a minute for some millions.
    """

    def nodes(self) -> npt.NDArray[np.int64]:
        """Returns the `Sample.node` of every image: int64 [len]."""


class ClassListDataset(Dataset, Protocol):
    """A data set with a list of classes of its own. Declares `brings_classes`."""

    def own_taxonomy(self) -> Taxonomy:
        """Returns the tree of its classes, plain labels in the data set's order, always the same object.

        Commands that evaluate use it where the user gives no taxonomy and no labels; `prepare` then gets this object.
        Raises TrainingError where files of the data set are missing.
        """


class SequentialDataset(Dataset, Protocol):
    """A data set whose images lie in shards, best read one after another. Declares `sequential`."""

    def blocks(self) -> Sequence[int]:
        """Returns the numbers of images of the shards, in the order of their indices."""


class ImageSource(Protocol):
    """Images with their names, licences and owners, in a published layout, of which `bioclip-x dataset build` makes a data set.

    It reads metadata only, no image. The constructor reads nothing.
    """

    def revision(self) -> str:
        """Returns a text that changes when what it reads changes, such as a digest of names, sizes and times of its files.

        Raises DatasetError for files that are missing.
        """

    def tables(self) -> Iterator[pa.Table]:
        """Yields the rows in an order that stays, in tables of some thousand, in memory independent of their number.

        The columns are those of `ROW_COLUMNS`, all texts. An image without metadata, and metadata without an image, are rows
        with a `problem`, so that every image is accounted for. Raises DatasetError where the files are not as published.
        """

    def notes(self) -> Sequence[str]:
        """Returns what users should know of the rows, after the last table."""


class Captioner(Protocol):
    """Describes images in words. The constructor opens no connection; `close` closes all."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """`model`, `host` and what else determines the captions, as JSON: no key, no user name, no full address."""

    def caption(self, image: bytes, taxon: Taxon) -> Awaitable[str] | str:
        """Returns a caption of one image, in one line.

        image: a JPEG file. taxon: what it shows, for the question. May be a coroutine; otherwise it is called from threads.
        Raises NoAnswerError if other images may still be described, LanguageModelError if none will be; both name the server
        and the reason, never a key. The captioner itself retries transient failures.
        """

    def close(self) -> Awaitable[None] | None:
        """Closes connections at the end of a run; the captioner may be used again."""
