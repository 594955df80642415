"""Trees → files of several formats, each of which a reader takes back.

A writer is a module with `document(taxonomy) -> Document`, and is imported when it is used.
"""

from bioclip_x.taxonomy.writers.formats import FORMATS, document_of, format_of

__all__ = ["FORMATS", "document_of", "format_of"]
