"""Writes trees to files of several formats, each of which a reader can read.

A writer is a module with `make_document(taxonomy) -> Document`, imported on use.
"""

from bioclip_x.taxonomy.writers.formats import FORMATS, find_format, make_document

__all__ = ["FORMATS", "find_format", "make_document"]
