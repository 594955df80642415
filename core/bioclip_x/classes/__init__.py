"""The classes that an image may be named as: taxonomy files, species lists, subsets, priors."""
