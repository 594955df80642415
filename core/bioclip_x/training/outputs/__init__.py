"""What a run leaves and tells: its folder, the exported model, its progress."""
