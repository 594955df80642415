"""The candidate classes of a run: taxonomy files, species lists, subsets, priors."""
