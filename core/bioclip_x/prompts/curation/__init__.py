"""Curation of descriptors: automatic, and reported."""

from bioclip_x.prompts.curation.curate import CONTEXT, curate
from bioclip_x.prompts.curation.findings import Curated, Finding, summary
from bioclip_x.prompts.curation.name_leaks import Names

__all__ = ["CONTEXT", "Curated", "Finding", "Names", "curate", "summary"]
