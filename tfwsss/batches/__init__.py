"""Streams of training batches, augmented and grouped."""
