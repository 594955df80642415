"""Trees → files of several formats, each of which a reader takes back.

A writer is a module with `make_document(taxonomy) -> Document`, and is imported when it is used.
"""

from bioclip_x.taxonomy.writers.formats import FORMATS, format_of, make_document

__all__ = ["FORMATS", "format_of", "make_document"]
