"""Reports in the exchange formats of camera trap studies, museums and maps."""
