"""What a SavedModel is made of: a graph from the bytes of a photograph to a mask, and its folder on disk."""
