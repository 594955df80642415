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
"""Files in an archive or folder that is read as a taxonomy."""
ARCHIVE_FOLDERS: Final = 20
"""Subfolders of a folder that is read as a taxonomy."""
LINE_CHARACTERS: Final = 1 << 20
"""Characters in a line of a text file. A longer line is not a record: the file is probably not text."""
JOURNAL_HEADER_BYTES: Final = 1 << 24
"""Bytes of the first line of an unfinished output, which says what it is of."""
RESULT_BYTES: Final = 1 << 28
"""Bytes that the packed result of an image unpacks to."""

WORKERS: Final = 1024
"""Processes that a build of a data set may start."""

# Documents: YAML, JSON

DOCUMENT_BYTES: Final = 1 << 30
"""Bytes of a YAML or JSON document, which is read whole and takes about ten times as much memory."""
DOCUMENT_DEPTH: Final = 200
"""Levels of lists and mappings within one another."""

# Taxonomies

TREE_NODES: Final = 20_000_000
"""Nodes of a tree that is made of a graph in which taxa have several parents, with a copy below each of them."""
NEWICK_CHARACTERS: Final = 1 << 29
"""Characters of a Newick tree."""
META_BYTES: Final = 4 << 20
"""Bytes of a Darwin Core archive's meta.xml."""
CELL_CHARACTERS: Final = 8 << 20
"""Characters of a line, or of a row's cells, of a table of taxa."""

# Images, masks, score files

DOWNLOADED_IMAGE_BYTES: Final = 1 << 28
"""Bytes of an image behind a URL."""
STORED_IMAGE_BYTES: Final = 1 << 30
"""Bytes of an image in an archive or a table, of those that a data set is built from."""
ASPECT_RATIO: Final = 100
"""Ratio of an image's longer to its shorter side."""
VIDEO_FRAMES: Final = 100_000
"""Frames of one video."""
MASK_PIXELS: Final = 1 << 27
"""Pixels of a mask."""
SCORES: Final = 1 << 31
"""Precomputed scores, images times classes, that are in memory."""
XMP_BYTES: Final = 16 << 20
"""Bytes of an image's XMP sidecar file."""

# Language models

ANSWER_CHARACTERS: Final = 1 << 20
"""Characters of a JSON answer."""
ANSWER_LINE_BYTES: Final = 64 << 20
"""Bytes of a stored answer: a line of JSON."""
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
