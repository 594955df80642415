"""Automatic curation of descriptors, with a report."""

from bioclip_x.prompts.curation.curate import CONTEXT, curate
from bioclip_x.prompts.curation.findings import Curated, Finding, summarise_findings
from bioclip_x.prompts.curation.name_leaks import Names

__all__ = ["CONTEXT", "Curated", "Finding", "Names", "curate", "summarise_findings"]
