"""Descriptor files: what a language model, or a person, says of how a class looks."""

from bioclip_x.prompts.descriptors import FORMAT, Descriptor, DescriptorSet, load_descriptors, write_descriptors

__all__ = ["FORMAT", "Descriptor", "DescriptorSet", "load_descriptors", "write_descriptors"]
