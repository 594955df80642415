"""The capabilities that components declare, as frozen records; compare scikit-learn's estimator tags.

A component declares them in an attribute `capabilities`, on its class or, if they depend on options, on its instances:

    class MyHead:
        capabilities = HeadCapabilities(chooses_rank=True)

Without the attribute, the defaults apply. A value of another type is an error when the component is made. The core relies
on nothing that is not declared here, and refers to no component by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal, TypeVar

from bioclip_x.errors import PluginError
from bioclip_x.faults import abbreviate, describe, naming
from bioclip_x.hooks.components import Kind
from bioclip_x.renamed_names import accepts_old_names

Pooling = Literal["mean", "ensemble", "max"]
"""How the similarities of a class's prompts become one: see `scorers: text`."""


@accepts_old_names
@dataclass(frozen=True, slots=True)
class TextBuilderCapabilities:
    """Capabilities of a text builder.

    pooling: the pooling that its prompts were published with, used by recipes that set none. None for builders of one
        prompt per class.
    seed_option: the option that seeds its random prompts; "" if none are random.
    flag_options: how it implements the flags `--background` and `--inherit`: flag → value of the flag → options to set.
        Empty for builders that read no descriptors.
    """

    pooling: Pooling | None = None
    seed_option: str = ""
    flag_options: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)


@accepts_old_names
@dataclass(frozen=True, slots=True)
class EncoderCapabilities:
    """Capabilities of a family of models.

    preprocess: the supported values of the recipe's `preprocess`.
    lists_models: has `known_models`. brings_classes: has `own_classes`. brings_recipe: has `own_recipe`.
    trains: has `trainable`.
    raw_embeddings: its models support `normalise=False`.
    """

    preprocess: tuple[str, ...] = ("model",)
    lists_models: bool = False
    brings_classes: bool = False
    brings_recipe: bool = False
    trains: bool = False
    raw_embeddings: bool = False


@accepts_old_names
@dataclass(frozen=True, slots=True)
class LoadedEncoderCapabilities:
    """Capabilities of a loaded model.

    no_patches: "" for a model with `encode_patches`, else the reason why it lacks the method.
    device: of the model, "cuda:0" say; images are compared with the texts there, too.
    """

    no_patches: str = "its family of models has no `encode_patches`"
    device: str = "cpu"


@accepts_old_names
@dataclass(frozen=True, slots=True)
class ImageClassifierCapabilities:
    """Capabilities of an image classifier.

    outputs: which of the methods it has. refuses: labels, such as blank: an image whose best label is one of them is refused.
        Those that the model does not have are ignored.
    """

    outputs: Literal["logits", "probabilities"] = "logits"
    refuses: tuple[str, ...] = ()


@accepts_old_names
@dataclass(frozen=True, slots=True)
class ScorerCapabilities:
    """Capabilities of a scorer.

    needs_embeddings: False for a scorer that reads precomputed class scores, so that no model is loaded and no image
        decoded; see `components.PrecomputedScorer`.
    needs_texts: False for a scorer that reads no texts, so that none are embedded; see `components.TextlessScorer`.
    support_option: the option that names labelled images, a folder or a table, which it classifies by: they are embedded for
        it, see `components.ExampleScorer`; "" for other scorers.
    pools_prompts: a class's logit is exactly scale · Σ a_p·cos_p + bias, with a_p from `coefficients`. Statistics of
        single prompts (`bioclip-x explain`) are valid for such scorers only.
    """

    needs_embeddings: bool = True
    needs_texts: bool = True
    support_option: str = ""
    pools_prompts: bool = False


@dataclass(frozen=True, slots=True)
class CalibratedSets:
    """The sets of taxa that a head reports, which contain the true class with a given probability; see
    `taxonomy.scoring.conformal`.

    score: by which taxa are in a set. coverage: the probability, in (0, 1). option: of the head, that receives the threshold
    from a calibration.
    """

    score: Literal["lac", "aps", "clade"]
    coverage: float
    option: str


@accepts_old_names
@dataclass(frozen=True, slots=True)
class HeadCapabilities:
    """Capabilities of a head.

    is_softmax: its probabilities are the softmax of the class logits, summed up the tree. A calibration's temperature is
        valid for such heads only, and is not applied to others.
    chooses_rank: it chooses the nodes to report; a recipe that sets a rank is refused.
    needs_inner_taxa: it needs logits of the taxa above the classes, computed from their own prompts
        (`HeadInput.inner_logits_TB`).
    any_device: it takes logits that are on a GPU, as `roll_up` does; others get them on the CPU. Scores are on the CPU.
    depth_option: the option that receives a calibration's λ (Deng et al., CVPR 2012), for heads that support
        `depth: auto`; "" for others.
    sets: what it reports is a set to be kept whole, with a threshold from a calibration; None for other heads.
    """

    is_softmax: bool = True
    chooses_rank: bool = False
    needs_inner_taxa: bool = False
    any_device: bool = False
    depth_option: str = ""
    sets: CalibratedSets | None = None


@accepts_old_names
@dataclass(frozen=True, slots=True)
class TrainableEncoderCapabilities:
    """Capabilities of a model in training.

    blocks: it has `blocks`. depth_groups: it has `depth_groups`. gradient_checkpointing: it has
        `set_gradient_checkpointing`. projectors: it has `add_projector`. inputs: it has `check_image_size`,
        `set_patch_dropout` and `set_text_length`. text_prefix: it has `text_prefix` and `rare_words`.
    """

    blocks: bool = False
    depth_groups: bool = False
    gradient_checkpointing: bool = False
    projectors: bool = False
    inputs: bool = False
    text_prefix: bool = False


@accepts_old_names
@dataclass(frozen=True, slots=True)
class LossCapabilities:
    """Capabilities of a loss.

    needs_prepare: it has `prepare(taxonomy, embed_dim, n_classes)`, called once before the optimiser is created, to create
        parameters and buffers derived from the tree.
    needs_texts: it uses embeddings of texts. The text tower of a run without such losses is not run.
    needs_bank: it uses the class bank, the embeddings of all classes' texts.
    views: number of further augmented views of each image that it uses.
    exports_heads: it has `export_heads`, for linear heads that classify without texts.
    """

    needs_prepare: bool = False
    needs_texts: bool = True
    needs_bank: bool = False
    views: int = 0
    exports_heads: bool = False


@dataclass(frozen=True, slots=True)
class FormatExample:
    """A small file as it is published, which the documentation shows and a test reads.

    path: what is given to `--taxonomy`: a file or, with a trailing "/", a folder. files: path → text.
    is_shown_as_text: of a binary format, whose content the text shows.
    """

    path: str
    files: Mapping[str, str]
    is_shown_as_text: bool = False


@accepts_old_names
@dataclass(frozen=True, slots=True)
class TaxonomyReaderCapabilities:
    """Capabilities of a taxonomy reader.

    several_parents_option: the option for nodes with several parents ("refuse", "first" or "all"); "" for formats in
        which a node has one parent.
    explains_mismatch: it has `explain_mismatch`; see `components.MismatchExplainer`.
    example: a file of the format, for its documentation.
    reads_beside: what it reads beside the file that it is given, as patterns of file names ("names.dmp", "*_index.json").
        A cached tree is read again when one of them changes. Of a folder, all files may be read.
    """

    several_parents_option: str = ""
    explains_mismatch: bool = False
    example: FormatExample | None = None
    reads_beside: tuple[str, ...] = ()


@accepts_old_names
@dataclass(frozen=True, slots=True)
class LanguageModelCapabilities:
    """Capabilities of a language model.

    json_schema: `complete` can request an answer that conforms to a JSON schema; other models get `schema=None`.
    """

    json_schema: bool = False


@accepts_old_names
@dataclass(frozen=True, slots=True)
class ImageDecoderCapabilities:
    """Capabilities of an image decoder.

    suffixes: of its files, lower case, by which they are found in folders besides those of the formats known anyway.
    """

    suffixes: tuple[str, ...] = ()


@accepts_old_names
@dataclass(frozen=True, slots=True)
class DetectorCapabilities:
    """Capabilities of a detector.

    passed_labels: labels, lower case, of regions that are no organisms to be named: they are reported by their label ("person").
    path_option: the option that takes a file of regions, which `--boxes` sets; "" for others.
    prepares: it has `prepare`; see `components.PreparedDetector`.
    """

    passed_labels: tuple[str, ...] = ()
    path_option: str = ""
    prepares: bool = False


@dataclass(frozen=True, slots=True)
class PublishedSource:
    """A published data set, for its documentation and for the error where files are missing.

    title: its name in publications. url: of its official page. folder: that its archives unpack to. files: what is read in
    there (folders end with "/"). licence: as its page states it, "" if unknown.
    """

    title: str
    url: str
    folder: str
    files: tuple[str, ...]
    licence: str = ""


@accepts_old_names
@dataclass(frozen=True, slots=True)
class DatasetCapabilities:
    """Capabilities of a data set.

    reads: the paths for which commands choose it: "folder", or file suffixes (".csv").
    path_option: the option that takes the path. evaluation_options: further options set by commands that evaluate (these
        use images of unlisted classes, training runs do not).
    searches_folders: it has `use_files(files)`, called before `prepare`; see `components.Dataset`.
    lists_nodes: it has `nodes()`; see `components.LabelledDataset`.
    names_files: `name` is the path or URL of an image's file, so that missing files are found before training.
    sequential: reading images in order is much faster than at random; it has `blocks`, see `components.SequentialDataset`.
    brings_classes: it has `own_taxonomy()`; see `components.ClassListDataset`.
    published: where a reader of a published layout finds its data set; None for other data sets.
    """

    reads: tuple[str, ...] = ()
    path_option: str = "path"
    evaluation_options: Mapping[str, Any] = field(default_factory=dict)
    searches_folders: bool = False
    lists_nodes: bool = False
    names_files: bool = False
    sequential: bool = False
    brings_classes: bool = False
    published: PublishedSource | None = None


@accepts_old_names
@dataclass(frozen=True, slots=True)
class LogitAdjustmentCapabilities:
    """Capabilities of a logit adjustment. image_notes: has `image_notes`."""

    image_notes: bool = False


@accepts_old_names
@dataclass(frozen=True, slots=True)
class ReportCapabilities:
    """Capabilities of a report.

    suffixes: of the output files for which it is chosen. thumbnails: it shows images; results then carry small JPEGs.
    binary: its output is not text and is not written to a terminal.
    reads_provenance: has `read_provenance`.
    evaluations: has `write_evaluation`.
    cards: has `make_card` and `make_card_style`.
    """

    suffixes: tuple[str, ...] = ()
    thumbnails: bool = False
    binary: bool = False
    reads_provenance: bool = False
    evaluations: bool = False
    cards: bool = False


Declared = TypeVar("Declared")

CAPABILITIES: Final[Mapping[Kind, type]] = {
    "text_builders": TextBuilderCapabilities,
    "encoders": EncoderCapabilities,
    "classifiers": ImageClassifierCapabilities,
    "scorers": ScorerCapabilities,
    "heads": HeadCapabilities,
    "losses": LossCapabilities,
    "taxonomy_readers": TaxonomyReaderCapabilities,
    "language_models": LanguageModelCapabilities,
    "datasets": DatasetCapabilities,
    "image_decoders": ImageDecoderCapabilities,
    "detectors": DetectorCapabilities,
    "reports": ReportCapabilities,
    "adjust_logits": LogitAdjustmentCapabilities,
}
"""Kind → the capabilities record of its components."""


def get_capabilities(component: object, kind: type[Declared]) -> Declared:
    """Returns the `capabilities` of a component or its class, or the defaults if it has none.

    kind: the expected record, for example `HeadCapabilities`. Raises PluginError for another type or for a field that is not
    as declared, and ComponentError for a property that fails.
    """
    owner = component if isinstance(component, type) else type(component)
    with naming(component, "its attribute 'capabilities'"):
        # Asked of the class first: an AttributeError within a property is a failure, not a lack of the attribute.
        if not (hasattr(owner, "capabilities") or hasattr(component, "capabilities")):
            return kind()
        declared = component.capabilities  # type: ignore[attr-defined]
    if not isinstance(declared, kind):
        raise PluginError(
            f"{describe(component)}: expected its attribute 'capabilities' to be an instance of {kind.__name__}, got "
            f"{abbreviate(declared)}"
        )
    if problem := _find_problem(declared):
        raise PluginError(f"{describe(component)}: its attribute 'capabilities': {problem}")
    return declared


def _find_problem(record: Any) -> str:
    """Says which tuple of texts of a record, or of a record in it, is none, or has a suffix without a dot; "" if all are."""
    for field_ in fields(record):
        value = getattr(record, field_.name)
        if is_dataclass(value) and (problem := _find_problem(value)):
            return problem
        if field_.type != "tuple[str, ...]":
            continue
        shown = f"{type(record).__name__}({field_.name}={value!r:.80})"
        if not isinstance(value, tuple | list) or not all(isinstance(one, str) for one in value):
            return f"expected a tuple of texts, such as ('a', 'b'), got {shown}"
        if field_.name == "suffixes" and not all(one.startswith(".") for one in value):
            return f"expected suffixes that begin with a dot, such as ('.csv',), got {shown}"
    return ""
