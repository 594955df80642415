"""Texts as data files: descriptor files, template sets, word lists, and prompts for language models."""

from bioclip_x.prompts.descriptors import FORMAT, Descriptor, DescriptorSet, load_descriptors, write_descriptors
from bioclip_x.prompts.template_sets import TemplateSet, WordList, load_template_set, load_words

__all__ = [
    "FORMAT",
    "Descriptor",
    "DescriptorSet",
    "TemplateSet",
    "WordList",
    "load_descriptors",
    "load_template_set",
    "load_words",
    "write_descriptors",
]
