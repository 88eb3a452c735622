"""Image sets, decoding, augmentation and batches."""
