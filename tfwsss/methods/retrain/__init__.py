"""A segmentation network trained on masks that are given."""
