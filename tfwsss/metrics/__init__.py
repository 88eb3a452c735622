"""Counts over data sets and the scores made of them."""
