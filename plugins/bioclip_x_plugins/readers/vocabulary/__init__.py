"""Words of files of taxa: names of columns, ranks and languages, prefixes and epithets. Shared by all readers."""
