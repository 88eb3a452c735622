"""Readers of weight files, one a format; nothing in a file is executed."""
