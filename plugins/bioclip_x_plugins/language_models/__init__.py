"""Language models, and captioners: what asks a chat server."""
