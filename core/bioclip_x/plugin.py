"""All that a plugin author imports, from one place: `from bioclip_x.plugin import hookimpl, ComponentSpec, Taxonomy`.

Everything else in `bioclip_x` may move; the names here stay. A name is imported when it is first used (PEP 562), so that
`bioclip-x --help` waits for no heavy library: a plugin module that only names its components should import `hookimpl` and
`ComponentSpec` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from bioclip_x.renamed_names import find_new_name

# fmt: off
if TYPE_CHECKING:
    from bioclip_x.caches import load_or_fill, mark_used, open_cache_file
    from bioclip_x.classes.linear_heads import SavedHead, load_linear_head, match_head, save_linear_head
    from bioclip_x.classes.score_columns import MatchedColumns, match_columns, refuse_unmatched, spread_columns
    from bioclip_x.classes.species_lists import read_species_list
    from bioclip_x.cli.option_types import PathName, RealNumbers
    from bioclip_x.dataset.database import open_database
    from bioclip_x.errors import (
        BioclipXError,
        DatasetError,
        DescriptorError,
        ImageError,
        LanguageModelError,
        ModelError,
        NoAnswerError,
        PluginError,
        RecipeError,
        ScoresError,
        TaxonomyError,
        TrainingError,
    )
    from bioclip_x.evaluation.few_shot.key_value_cache import compute_cache_logits
    from bioclip_x.evaluation.few_shot.nearest import SimpleShot, fit_simple_shot
    from bioclip_x.evaluation.rank_metrics import is_smaller_better
    from bioclip_x.hooks.capabilities import (
        CalibratedSets,
        DatasetCapabilities,
        DetectorCapabilities,
        EncoderCapabilities,
        FormatExample,
        HeadCapabilities,
        ImageClassifierCapabilities,
        ImageDecoderCapabilities,
        LanguageModelCapabilities,
        LoadedEncoderCapabilities,
        LogitAdjustmentCapabilities,
        LossCapabilities,
        Pooling,
        PublishedSource,
        ReportCapabilities,
        ScorerCapabilities,
        TaxonomyReaderCapabilities,
        TextBuilderCapabilities,
        TrainableEncoderCapabilities,
    )
    from bioclip_x.hooks.components import (
        Adapter,
        Captioner,
        CardReport,
        ClassListDataset,
        ComponentSpec,
        Dataset,
        Detector,
        Encoder,
        EvaluationReport,
        ExampleScorer,
        Head,
        ImageClassifier,
        ImageDecoder,
        ImageSource,
        LabelledDataset,
        LanguageModel,
        LayeredEncoder,
        LinearHead,
        LoadedEncoder,
        LogitAdjustment,
        Loss,
        MismatchExplainer,
        NotingAdjustment,
        PatchEncoder,
        PrecomputedScorer,
        PreparedDetector,
        Report,
        ReportWriter,
        Sample,
        Scorer,
        TaxonomyReader,
        TextBuilder,
        TextlessScorer,
        Tokenizer,
        TrainableEncoder,
    )
    from bioclip_x.hooks.registry import Registry, create_registry, from_environment
    from bioclip_x.hooks.specs import hookimpl
    from bioclip_x.images.decoding import open_image
    from bioclip_x.images.file_types import list_brands
    from bioclip_x.images.files import ImageFiles
    from bioclip_x.images.places.folders import LeftOut, is_left_out
    from bioclip_x.images.places.remote import is_local_url, is_url
    from bioclip_x.io.archives import Archive, is_archive, open_archive
    from bioclip_x.io.content import name_content, open_content
    from bioclip_x.io.delimited import (
        DELIMITERS,
        defuse_formulas,
        explain_csv_error,
        guess_delimiter,
        read_delimited_rows,
        restore_formulas,
        take_first_line,
    )
    from bioclip_x.io.encodings import (
        BOM,
        BOMS,
        decode_head,
        detect_encoding,
        find_marked_encoding,
        find_text_encoding,
        find_unmarked_utf16,
        make_ascii_head,
    )
    from bioclip_x.io.files import LegacyNotice, read_json, read_lines, read_stream_lines, read_text, read_yaml
    from bioclip_x.io.inside import leaves_folder, resolve_inside
    from bioclip_x.io.labels import read_labels
    from bioclip_x.io.numbers import parse_whole_number
    from bioclip_x.io.parquet import open_parquet_writer, read_parquet_provenance
    from bioclip_x.io.paths import expand_home
    from bioclip_x.io.storage.disk import sync_folder
    from bioclip_x.io.storage.replacement import is_written_in_place, open_replacement
    from bioclip_x.io.storage.seals import open_sealed, seal
    from bioclip_x.io.storage.streams import BinaryStream, Stream, escape_surrogates, make_temporary_folder, open_output
    from bioclip_x.io.storage.temporary import open_temporary, sweep
    from bioclip_x.io.tensor_files import open_tensors, read_tensors
    from bioclip_x.io.xml_text import parse_xml
    from bioclip_x.limits import (
        ANSWER_TOKENS,
        CELL_CHARACTERS,
        COUNTED_TOKENS,
        DOCUMENT_DEPTH,
        HOMONYMS,
        LINE_CHARACTERS,
        META_BYTES,
        MODEL_DOCUMENT_BYTES,
        MODEL_FILE_BYTES,
        MODEL_IMAGE_SIDE,
        MODEL_LAYERS,
        MODEL_PARAMETERS,
        MODEL_PATCHES,
        MODEL_TOKENS,
        MODEL_VOCABULARY,
        MODEL_WIDTH,
        NEWICK_CHARACTERS,
        PACKED_REPLY_BYTES,
        PRIOR_WEIGHT,
        REPLY_BYTES,
        SCORE,
        SCORES,
        SHARDS,
        TABLE_CELLS,
        TABLE_COLUMNS,
        UNPACKED_BYTES,
        XMP_BYTES,
    )
    from bioclip_x.messages import escape_controls, list_some, pluralise
    from bioclip_x.prediction.ranking import select_top_nodes
    from bioclip_x.progress import report_progress
    from bioclip_x.prompts import Descriptor, DescriptorSet, TemplateSet, WordList, load_template_set, load_words
    from bioclip_x.prompts.caption_prompts import CaptionPrompt, load_caption_prompt
    from bioclip_x.prompts.llm_prompts import PromptTemplate, load_template
    from bioclip_x.recipe import Recipe
    from bioclip_x.records import (
        Answer,
        ConfusionMatrix,
        CurvePoint,
        EmbeddingMap,
        EpochEnd,
        EvaluationFigures,
        EventImage,
        ExampleSet,
        Explanation,
        Gathered,
        HeadInput,
        HeatMap,
        ImageFeatures,
        KnownModel,
        Logits,
        LossInput,
        Mask,
        Measure,
        Mismatch,
        ModelCard,
        NearestImage,
        Neighbours,
        OpenedImage,
        OwnClasses,
        OwnRecipe,
        PatchFeatures,
        PluginInUse,
        Prediction,
        Problem,
        Processes,
        Prompt,
        PromptContribution,
        PromptSet,
        Provenance,
        RankWinner,
        Region,
        Remainder,
        Result,
        RunContext,
        RunFigures,
        Scores,
        Source,
        Step,
        StepEnd,
        SupportImages,
        Synonym,
        Taxon,
        TaxonGroup,
        TextBank,
        TextMatcher,
        TextRequest,
        TreeTensors,
        Validated,
    )
    from bioclip_x.records.explanation import EXPLANATION_FORMAT
    from bioclip_x.records.image_rows import ROW_COLUMNS
    from bioclip_x.records.texts.descriptor import list_as_published
    from bioclip_x.regions.masks import decode_mask, encode_mask, encode_polygons, encode_runs, find_box
    from bioclip_x.settings import find_cache_folder
    from bioclip_x.taxonomy import TAXON, Details, Taxonomy, TaxonomyBuilder
    from bioclip_x.taxonomy.beside import add_beside
    from bioclip_x.taxonomy.builder import from_labels
    from bioclip_x.taxonomy.details import BETWEEN, NO_DETAILS, Role
    from bioclip_x.taxonomy.editing.restrict import add_inner_classes
    from bioclip_x.taxonomy.editing.subset import mask_of
    from bioclip_x.taxonomy.findings import Findings
    from bioclip_x.taxonomy.lineages import Column, Lineages, Numbering, RankColumn, combine_columns, from_lineages
    from bioclip_x.taxonomy.name_usages import NameUsage, SeveralParents, from_usages
    from bioclip_x.taxonomy.names.labels import find_taxa_above, match_labels, resolve_labels
    from bioclip_x.taxonomy.names.lineage_text import format_taxonomic_name
    from bioclip_x.taxonomy.names.matching import ListMatch, match_list, match_taxon
    from bioclip_x.taxonomy.names.parsing import ScientificName, parse_name, split_authorship
    from bioclip_x.taxonomy.names.resolver import Match, Resolver
    from bioclip_x.taxonomy.networkx_graph import from_networkx, to_networkx
    from bioclip_x.taxonomy.placeholders import drop_placeholder, is_placeholder
    from bioclip_x.taxonomy.ranks import LINNAEAN, ORDER, RANKS, normalise_rank
    from bioclip_x.taxonomy.scoring.best_classes import count_ties, select_largest
    from bioclip_x.taxonomy.scoring.conformal import find_clades, roll_up_sets
    from bioclip_x.taxonomy.scoring.costs import compute_heights, compute_lca_costs, compute_tree_distances
    from bioclip_x.taxonomy.scoring.hedging import (
        Bets,
        compute_bets,
        count_tied_nodes,
        select_best_bet,
        select_most_specific,
    )
    from bioclip_x.taxonomy.scoring.path_sums import sum_down
    from bioclip_x.taxonomy.scoring.rollup import roll_up
    from bioclip_x.validation import FieldError, find_first_error

__all__ = [
    "ANSWER_TOKENS", "BETWEEN", "BOM", "BOMS", "CELL_CHARACTERS", "COUNTED_TOKENS", "DELIMITERS", "DOCUMENT_DEPTH",
    "EXPLANATION_FORMAT", "HOMONYMS", "LINE_CHARACTERS", "LINNAEAN", "META_BYTES", "MODEL_DOCUMENT_BYTES",
    "MODEL_FILE_BYTES", "MODEL_IMAGE_SIDE", "MODEL_LAYERS", "MODEL_PARAMETERS", "MODEL_PATCHES", "MODEL_TOKENS",
    "MODEL_VOCABULARY", "MODEL_WIDTH", "NEWICK_CHARACTERS", "NO_DETAILS", "ORDER", "PACKED_REPLY_BYTES",
    "PRIOR_WEIGHT", "RANKS", "REPLY_BYTES", "ROW_COLUMNS", "SCORE", "SCORES", "SHARDS", "TABLE_CELLS",
    "TABLE_COLUMNS", "TAXON", "UNPACKED_BYTES", "XMP_BYTES", "Adapter", "Answer", "Archive", "Bets", "BinaryStream",
    "BioclipXError", "CalibratedSets", "CaptionPrompt", "Captioner", "CardReport", "ClassListDataset", "Column",
    "ComponentSpec", "ConfusionMatrix", "CurvePoint", "Dataset", "DatasetCapabilities", "DatasetError",
    "Descriptor", "DescriptorError", "DescriptorSet", "Details", "Detector", "DetectorCapabilities", "EmbeddingMap",
    "Encoder", "EncoderCapabilities", "EpochEnd", "EvaluationFigures", "EvaluationReport", "EventImage",
    "ExampleScorer", "ExampleSet", "Explanation", "FieldError", "Findings", "FormatExample", "Gathered", "Head",
    "HeadCapabilities", "HeadInput", "HeatMap", "ImageClassifier", "ImageClassifierCapabilities", "ImageDecoder",
    "ImageDecoderCapabilities", "ImageError", "ImageFeatures", "ImageFiles", "ImageSource", "KnownModel",
    "LabelledDataset", "LanguageModel", "LanguageModelCapabilities", "LanguageModelError", "LayeredEncoder",
    "LeftOut", "LegacyNotice", "Lineages", "LinearHead", "ListMatch", "LoadedEncoder", "LoadedEncoderCapabilities",
    "LogitAdjustment", "LogitAdjustmentCapabilities", "Logits", "Loss", "LossCapabilities", "LossInput", "Mask",
    "Match", "MatchedColumns", "Measure", "Mismatch", "MismatchExplainer", "ModelCard", "ModelError", "NameUsage",
    "NearestImage", "Neighbours", "NoAnswerError", "NotingAdjustment", "Numbering", "OpenedImage", "OwnClasses",
    "OwnRecipe", "PatchEncoder", "PatchFeatures", "PathName", "PluginError", "PluginInUse", "Pooling",
    "PrecomputedScorer", "Prediction", "PreparedDetector", "Problem", "Processes", "Prompt", "PromptContribution",
    "PromptSet", "PromptTemplate", "Provenance", "PublishedSource", "RankColumn", "RankWinner", "RealNumbers",
    "Recipe", "RecipeError", "Region", "Registry", "Remainder", "Report", "ReportCapabilities", "ReportWriter",
    "Resolver", "Result", "Role", "RunContext", "RunFigures", "Sample", "SavedHead", "ScientificName", "Scorer",
    "ScorerCapabilities", "Scores", "ScoresError", "SeveralParents", "SimpleShot", "Source", "Step", "StepEnd",
    "Stream", "SupportImages", "Synonym", "Taxon", "TaxonGroup", "Taxonomy", "TaxonomyBuilder", "TaxonomyError",
    "TaxonomyReader", "TaxonomyReaderCapabilities", "TemplateSet", "TextBank", "TextBuilder",
    "TextBuilderCapabilities", "TextMatcher", "TextRequest", "TextlessScorer", "Tokenizer", "TrainableEncoder",
    "TrainableEncoderCapabilities", "TrainingError", "TreeTensors", "Validated", "WordList", "add_beside",
    "add_inner_classes", "combine_columns", "compute_bets", "compute_cache_logits", "compute_heights",
    "compute_lca_costs", "compute_tree_distances", "count_tied_nodes", "count_ties", "create_registry",
    "decode_head", "decode_mask", "defuse_formulas", "detect_encoding", "drop_placeholder", "encode_mask",
    "encode_polygons", "encode_runs", "escape_controls", "escape_surrogates", "expand_home", "explain_csv_error",
    "find_box", "find_cache_folder", "find_clades", "find_first_error", "find_marked_encoding", "find_taxa_above",
    "find_text_encoding", "find_unmarked_utf16", "fit_simple_shot", "format_taxonomic_name", "from_environment",
    "from_labels", "from_lineages", "from_networkx", "from_usages", "guess_delimiter", "hookimpl", "is_archive",
    "is_left_out", "is_local_url", "is_placeholder", "is_smaller_better", "is_url", "is_written_in_place",
    "leaves_folder", "list_as_published", "list_brands", "list_some", "load_caption_prompt", "load_linear_head",
    "load_or_fill", "load_template", "load_template_set", "load_words", "make_ascii_head", "make_temporary_folder",
    "mark_used", "mask_of", "match_columns", "match_head", "match_labels", "match_list", "match_taxon",
    "name_content", "normalise_rank", "open_archive", "open_cache_file", "open_content", "open_database",
    "open_image", "open_output", "open_parquet_writer", "open_replacement", "open_sealed", "open_temporary",
    "open_tensors", "parse_name", "parse_whole_number", "parse_xml", "pluralise", "read_delimited_rows",
    "read_json", "read_labels", "read_lines", "read_parquet_provenance", "read_species_list", "read_stream_lines",
    "read_tensors", "read_text", "read_yaml", "refuse_unmatched", "report_progress", "resolve_inside",
    "resolve_labels", "restore_formulas", "roll_up", "roll_up_sets", "save_linear_head", "seal", "select_best_bet",
    "select_largest", "select_most_specific", "select_top_nodes", "split_authorship", "spread_columns", "sum_down",
    "sweep", "sync_folder", "take_first_line", "to_networkx",
]

TOPICS: Final = {
    "A plugin": (
        ("hooks.specs", "hookimpl"),
        ("hooks.components", "ComponentSpec"),
        ("recipe", "Recipe"),
    ),
    "What components declare": (
        ("hooks.capabilities",
         "CalibratedSets DatasetCapabilities DetectorCapabilities EncoderCapabilities FormatExample HeadCapabilities "
         "ImageClassifierCapabilities ImageDecoderCapabilities LanguageModelCapabilities LoadedEncoderCapabilities "
         "LogitAdjustmentCapabilities LossCapabilities Pooling PublishedSource ReportCapabilities ScorerCapabilities "
         "TaxonomyReaderCapabilities TextBuilderCapabilities TrainableEncoderCapabilities"),
    ),
    "What components must be able to do": (
        ("hooks.components",
         "Adapter Captioner CardReport ClassListDataset Dataset Detector Encoder EvaluationReport ExampleScorer Head "
         "ImageClassifier ImageDecoder ImageSource LabelledDataset LanguageModel LayeredEncoder LinearHead "
         "LoadedEncoder LogitAdjustment Loss MismatchExplainer NotingAdjustment PatchEncoder PrecomputedScorer "
         "PreparedDetector Report ReportWriter Sample Scorer TaxonomyReader TextBuilder TextlessScorer Tokenizer "
         "TrainableEncoder"),
    ),
    "The records that they take and return": (
        ("records",
         "Answer ConfusionMatrix CurvePoint EmbeddingMap EpochEnd EvaluationFigures EventImage ExampleSet "
         "Explanation Gathered HeadInput HeatMap ImageFeatures KnownModel Logits LossInput Mask Measure Mismatch "
         "ModelCard NearestImage Neighbours OpenedImage OwnClasses OwnRecipe PatchFeatures PluginInUse Prediction "
         "Problem Processes Prompt PromptContribution PromptSet Provenance RankWinner Region Remainder Result "
         "RunContext RunFigures Scores Source Step StepEnd SupportImages Synonym Taxon TaxonGroup TextBank "
         "TextMatcher TextRequest TreeTensors Validated"),
    ),
    "The rows that sources of images give": (
        ("dataset.database", "open_database"),
        ("records.image_rows", "ROW_COLUMNS"),
    ),
    "Errors": (
        ("errors",
         "BioclipXError DatasetError DescriptorError ImageError LanguageModelError ModelError NoAnswerError "
         "PluginError RecipeError ScoresError TaxonomyError TrainingError"),
        ("messages", "escape_controls list_some pluralise"),
        ("cli.option_types", "PathName RealNumbers"),
        ("validation", "FieldError find_first_error"),
    ),
    "Regions of images": (
        ("regions.masks", "decode_mask encode_mask encode_polygons encode_runs find_box"),
    ),
    "Trees": (
        ("taxonomy", "TAXON Details Taxonomy TaxonomyBuilder"),
        ("taxonomy.beside", "add_beside"),
        ("taxonomy.builder", "from_labels"),
        ("taxonomy.details", "BETWEEN NO_DETAILS Role"),
        ("taxonomy.editing.restrict", "add_inner_classes"),
        ("taxonomy.editing.subset", "mask_of"),
        ("taxonomy.findings", "Findings"),
        ("taxonomy.lineages", "Column Lineages Numbering RankColumn combine_columns from_lineages"),
        ("taxonomy.name_usages", "NameUsage SeveralParents from_usages"),
        ("taxonomy.networkx_graph", "from_networkx to_networkx"),
        ("taxonomy.placeholders", "drop_placeholder is_placeholder"),
        ("taxonomy.ranks", "LINNAEAN ORDER RANKS normalise_rank"),
    ),
    "Names of taxa": (
        ("classes.score_columns", "MatchedColumns match_columns refuse_unmatched spread_columns"),
        ("classes.species_lists", "read_species_list"),
        ("io.labels", "read_labels"),
        ("taxonomy.names.labels", "find_taxa_above match_labels resolve_labels"),
        ("taxonomy.names.lineage_text", "format_taxonomic_name"),
        ("taxonomy.names.matching", "ListMatch match_list match_taxon"),
        ("taxonomy.names.parsing", "ScientificName parse_name split_authorship"),
        ("taxonomy.names.resolver", "Match Resolver"),
    ),
    "Numbers on the tree": (
        ("prediction.ranking", "select_top_nodes"),
        ("taxonomy.scoring.best_classes", "count_ties select_largest"),
        ("taxonomy.scoring.conformal", "find_clades roll_up_sets"),
        ("taxonomy.scoring.costs", "compute_heights compute_lca_costs compute_tree_distances"),
        ("taxonomy.scoring.hedging", "Bets compute_bets count_tied_nodes select_best_bet select_most_specific"),
        ("taxonomy.scoring.path_sums", "sum_down"),
        ("taxonomy.scoring.rollup", "roll_up"),
    ),
    "Examples, linear heads and metrics": (
        ("classes.linear_heads", "SavedHead load_linear_head match_head save_linear_head"),
        ("evaluation.few_shot.key_value_cache", "compute_cache_logits"),
        ("evaluation.few_shot.nearest", "SimpleShot fit_simple_shot"),
        ("evaluation.rank_metrics", "is_smaller_better"),
    ),
    "Prompts and descriptors": (
        ("prompts", "Descriptor DescriptorSet TemplateSet WordList load_template_set load_words"),
        ("prompts.caption_prompts", "CaptionPrompt load_caption_prompt"),
        ("prompts.llm_prompts", "PromptTemplate load_template"),
        ("records.texts.descriptor", "list_as_published"),
    ),
    "Explanations": (
        ("records.explanation", "EXPLANATION_FORMAT"),
    ),
    "Images": (
        ("images.decoding", "open_image"),
        ("images.file_types", "list_brands"),
        ("images.files", "ImageFiles"),
        ("images.places.folders", "LeftOut is_left_out"),
        ("images.places.remote", "is_local_url is_url"),
    ),
    "Files": (
        ("caches", "load_or_fill mark_used open_cache_file"),
        ("io.archives", "Archive is_archive open_archive"),
        ("io.content", "name_content open_content"),
        ("io.storage.disk", "sync_folder"),
        ("io.delimited",
         "DELIMITERS defuse_formulas explain_csv_error guess_delimiter read_delimited_rows restore_formulas "
         "take_first_line"),
        ("io.encodings",
         "BOM BOMS decode_head detect_encoding find_marked_encoding find_text_encoding find_unmarked_utf16 "
         "make_ascii_head"),
        ("limits",
         "ANSWER_TOKENS CELL_CHARACTERS COUNTED_TOKENS DOCUMENT_DEPTH HOMONYMS LINE_CHARACTERS "
         "META_BYTES MODEL_DOCUMENT_BYTES MODEL_FILE_BYTES MODEL_IMAGE_SIDE MODEL_LAYERS MODEL_PARAMETERS "
         "MODEL_PATCHES MODEL_TOKENS MODEL_VOCABULARY MODEL_WIDTH NEWICK_CHARACTERS PACKED_REPLY_BYTES PRIOR_WEIGHT "
         "REPLY_BYTES SCORE SCORES SHARDS TABLE_CELLS TABLE_COLUMNS UNPACKED_BYTES XMP_BYTES"),
        ("io.files", "LegacyNotice read_json read_lines read_stream_lines read_text read_yaml"),
        ("io.paths", "expand_home"),
        ("io.inside", "leaves_folder resolve_inside"),
        ("io.parquet", "open_parquet_writer read_parquet_provenance"),
        ("io.storage.replacement", "is_written_in_place open_replacement"),
        ("io.storage.streams", "BinaryStream Stream escape_surrogates make_temporary_folder open_output"),
        ("io.storage.temporary", "open_temporary sweep"),
        ("settings", "find_cache_folder"),
        ("io.tensor_files", "open_tensors read_tensors"),
        ("io.xml_text", "parse_xml"),
        ("io.numbers", "parse_whole_number"),
        ("io.storage.seals", "open_sealed seal"),
    ),
    "Other components, by name": (
        ("hooks.registry", "Registry create_registry from_environment"),
    ),
    "Progress": (
        ("progress", "report_progress"),
    ),
}
"""Topic → modules, each with the names that come from it: the order of the reference."""
# fmt: on

_MODULE_OF: Final = {name: module for modules in TOPICS.values() for module, names in modules for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        if new := find_new_name(__name__, name):
            return __getattr__(new)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"bioclip_x.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # found at once the next time
    return value


def __dir__() -> list[str]:
    return sorted(_MODULE_OF)
