"""Keras layers, each with an equation."""
