"""Readers of weak labels: one file a form, and what makes labels of an image set of them."""
