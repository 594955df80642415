"""The formats of descriptor files, one a module: `sniff` tells it by its content, `read` reads it."""
