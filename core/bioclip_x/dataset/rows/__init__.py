"""What becomes of each row: listed, named, licensed, held out, decided."""
