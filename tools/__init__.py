"""Scripts run by hand when what they make must be made again."""
