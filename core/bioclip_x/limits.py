"""How much the program reads of what it did not write: bytes, levels, nodes, pixels. Beyond a limit there is a clear error.

Each limit is far above what real files need, and low enough that a small file cannot use up a machine's memory or hours of
its time. docs/security.md lists them.
"""

from __future__ import annotations

from typing import Final

# Files and archives

UNPACKED_BYTES: Final = 32 << 30
"""Bytes that a compressed file, or a file of an archive, may unpack to."""
UNPACKED_RATIO: Final = 200
"""Bytes that such a file may unpack to, per packed byte. Checklists reach 20, long runs of one letter 1,000."""
UNPACKED_FREE: Final = 64 << 20
"""Bytes that any file may unpack to, however small it is packed."""
ARCHIVE_FILES: Final = 100_000
"""Files in an archive or folder that is read as a taxonomy. GBIF's downloads have one for each data set that they are of."""
ARCHIVE_FOLDERS: Final = 20
"""Subfolders of a folder that is read as a taxonomy."""
NAME_CHARACTERS: Final = 4096
"""Characters of a model's name, which may be a path."""
PATH_PART_BYTES: Final = 255
"""Bytes of a file's or folder's name; the limit of all usual file systems."""
PATH_BYTES: Final = 4096
"""Bytes of a path, as in Linux."""
SHEET_ROWS: Final = 1 << 20
"""Rows of a sheet of an Excel workbook: as many as Excel has."""
SHEET_CELLS: Final = 1 << 25
"""Cells of such a sheet, with the blank ones between them."""
LINE_CHARACTERS: Final = 1 << 20
"""Characters in a line of a text file. A longer line is not a record: the file is probably not text."""
JOURNAL_HEADER_BYTES: Final = 1 << 24
"""Bytes of the first line of an unfinished output, which says what it is of."""
RESULT_BYTES: Final = 1 << 28
"""Bytes that the packed result of an image unpacks to."""


# Documents: YAML, JSON

DOCUMENT_BYTES: Final = 1 << 30
"""Bytes of a YAML or JSON document, which is read whole and takes about ten times as much memory."""
DOCUMENT_DEPTH: Final = 200
"""Levels of lists and mappings within one another."""
DOCUMENT_ALIASES: Final = 1_000_000
"""Values that the aliases of a YAML document stand for, with all that is within them; each 100 characters of a text count as
one more. Aliases of aliases multiply, so that a document of a kilobyte can stand for one of terabytes."""
EXTENDED_FILES: Final = 20
"""Configurations that extend one another, from one to the next."""

# Taxonomies

TREE_LEVELS: Final = 5000
"""Levels of a tree, from the root to its deepest taxon. Checklists have up to 50, and large phylogenies some hundred. What is
done with a tree takes time per level, and for each taxon the names of all taxa above it."""
TREE_COPIES: Final = 1_000_000
"""Copies of taxa, where a graph in which taxa have several parents becomes a tree with a copy below each of them."""
HOMONYMS: Final = 1000
"""Taxa of one name among which the one that a row means is looked for. Real lists have up to some tens."""
SYNONYM_STEPS: Final = 100
"""Synonyms of synonyms that are followed to an accepted name. Real lists have 2 or 3."""
NEWICK_CHARACTERS: Final = 1 << 29
"""Characters of a Newick tree."""
META_BYTES: Final = 4 << 20
"""Bytes of a Darwin Core archive's meta.xml."""
TABLE_CELLS: Final = 1 << 28
"""Cells of a Parquet table of taxa, rows times columns. The largest checklists have 10 million rows of 20 columns."""
TABLE_COLUMNS: Final = 10_000
"""Columns of a table of taxa."""
CELL_CHARACTERS: Final = 8 << 20
"""Characters of a line, or of a row's cells, of a table of taxa."""

# Images, masks, score files

DOWNLOADED_IMAGE_BYTES: Final = 1 << 28
"""Bytes of an image behind a URL."""
STORED_IMAGE_BYTES: Final = 1 << 30
"""Bytes of an image in an archive or a table, of those that a data set is built from."""
PIPED_IMAGE_BYTES: Final = 1 << 28
"""Bytes of an image, or table, that is read from a pipe."""
PIPE_SECONDS: Final = 10.0
"""Seconds to wait for something to be written to a pipe."""
FETCH_CONNECT_SECONDS: Final = 20.0
"""Seconds to wait for a web server's connection, and for the next bytes of its answer."""
FETCH_SECONDS: Final = 300.0
"""Seconds that an image behind a web address may take."""
JPEG_SCANS: Final = 100
"""Passes over the coefficients of a JPEG; cameras and libjpeg write up to 12. Each takes the time of the whole image."""
TIFF_PAGES: Final = 1000
"""Pages of a TIFF that are counted; the first one is read."""
ASPECT_RATIO: Final = 100
"""Ratio of an image's longer to its shorter side."""
VIDEO_FRAMES: Final = 100_000
"""Frames of one video."""
MASK_PIXELS: Final = 1 << 27
"""Pixels of a mask."""
MASK_OUTLINE: Final = 1 << 22
"""Pixels around all polygons of a mask, for each of which pycocotools takes 40 bytes."""
MASK_POLYGONS: Final = 10_000
"""Polygons of a mask."""
REGIONS: Final = 1000
"""Boxes of one image, which are in memory together."""
SCORES: Final = 1 << 31
"""Precomputed scores, images times classes, that are in memory."""
SCORE: Final = 1e30
"""Size of a precomputed score. Sums of larger ones are beyond float32; a logit below -1e30 excludes its class, as -inf does."""
REASON_CHARACTERS: Final = 400
"""Characters of the reason why an image cannot be read."""
XMP_BYTES: Final = 16 << 20
"""Bytes of an image's XMP sidecar file."""

# Numbers that a user gives

COUNT: Final = 1_000_000_000
"""What an option of the command line counts: seconds, rows, tries."""
MOST_FOLDS: Final = 10_000
"""Folds of an evaluation with few examples."""
SEED: Final = (1 << 63) - 1
"""Seed of random numbers, and any whole number among the options of a component."""
BATCH_SIZE: Final = 1 << 20
"""Images per batch."""
WORKERS: Final = 1024
"""Threads or processes of one machine."""
PREDICTIONS: Final = 1_000_000
"""Predictions per image that are reported."""
NUMBER: Final = 1e30
"""Size of a number among the options of a component, and of a weight: products of several fit in float32 no more."""
OFFSET: Final = 1e6
"""What a prior adds to a logit at most; beyond it, the differences of logits are lost. It may take away any amount."""
PRIOR_WEIGHT: Final = 1000.0
"""By which log-odds of a prior are multiplied."""
SMALLEST_WEIGHT: Final = 1e-30
"""Of a text or of a prior. Smaller ones are 0 in float32, and their sums divide by 0."""
TEMPERATURES: Final = (0.01, 100.0)
"""By which logits are divided. CLIP's own are of the order of 100: an optimum beyond these is not finite in practice."""

# Terminals

TERMINAL: Final = (20, 10_000)
"""Columns, and lines, that COLUMNS and LINES may name; fewer count as the fewest, other values are ignored."""
MESSAGE_CHARACTERS: Final = 10_000
"""Characters of an error that are printed: its beginning and its end."""

# Models and training

MODEL_DOCUMENT_BYTES: Final = 4 << 20
"""Bytes of a model's configuration and of its card."""
MODEL_FILE_BYTES: Final = 1 << 30
"""Bytes of each other file in a model's folder, such as that of its tokenizer; weights may have more."""
MODEL_WIDTH: Final = 1 << 16
"""Width of a tower, and size of an embedding."""
MODEL_LAYERS: Final = 1000
"""Layers of a tower, or of one of its four stages."""
MODEL_IMAGE_SIDE: Final = 1 << 13
"""Pixels of a side of a model's images."""
MODEL_PATCHES: Final = 1 << 16
"""Patches of an image."""
MODEL_TOKENS: Final = 1 << 13
"""Tokens of a text."""
MODEL_VOCABULARY: Final = 1 << 23
"""Tokens that a model knows."""
MODEL_PARAMETERS: Final = 1 << 36
"""Parameters of a model that is made anew. Of one with weights, the file of weights has at least a byte for each."""
SHARDS: Final = 1_000_000
"""Shards that a data set's pattern names."""
EPOCHS: Final = 1_000_000
"""Epochs of a training run."""
STEPS: Final = 1 << 40
"""Any number of steps in the configuration of a run."""
BATCH_IMAGES: Final = 1 << 24
"""Images in a batch of training, over all processes."""
TRAINING_PROCESSES: Final = 4096
"""Processes that make batches; also threads of a process."""
TEXTS_PER_IMAGE: Final = 1024
"""Texts that are drawn for an image in a step of training."""
LARGEST_RATE: Final = 1e6
"""Largest learning rate, weight decay, or weight of a loss, a text or a data set."""

# Descriptors, templates, prompts

DESCRIPTOR_CHARACTERS: Final = 10_000
"""Characters of a descriptor, a name or a template in a descriptor file or template set."""
CLASS_DESCRIPTORS: Final = 10_000
"""Descriptors that a file may list for a class."""
TEMPLATES: Final = 10_000
"""Templates of a set, or words of a list."""
DESCRIPTOR_WEIGHTS: Final = (1e-6, 1e6)
"""The smallest and the largest weight of a descriptor in a file."""
PROMPT_CHARACTERS: Final = 100_000
"""Characters of a prompt to a language model."""
ANSWER_TOKENS: Final = 1_000_000
"""Tokens that a prompt may allow an answer to have."""
REFERENCE_CHARACTERS: Final = 10_000
"""Characters of a component's name with its options."""

# Language models

ANSWER_LINE_BYTES: Final = 64 << 20
"""Bytes of a stored answer: a line of JSON."""
ANSWER_CHARACTERS: Final = 100_000
"""Characters of an answer, without what the model thought before it."""
COUNTED_TOKENS: Final = 10**12
"""Tokens that a server may count for an answer; a larger number is no count."""
REPLY_BYTES: Final = 4 << 20
"""Bytes of a server's reply."""
PACKED_REPLY_BYTES: Final = 64 << 10
"""Bytes of a compressed reply; gzip expands no more than a thousandfold, which is 64 MiB."""
CAPTION_CHARACTERS: Final = 20_000
"""Characters of a captioner's answer that are read."""
PHRASE_CHARACTERS: Final = 200
"""Characters of a descriptor that a language model writes."""
PHRASES: Final = 30
"""Descriptors in one answer."""
