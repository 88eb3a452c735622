"""Keras losses: one value per image."""
