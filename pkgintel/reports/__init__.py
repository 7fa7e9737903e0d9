"""What the pipeline says of itself, as values that every screen reads."""
