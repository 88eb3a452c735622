"""Networks from an image to feature maps; each owns its input normalisation."""
