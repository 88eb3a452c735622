"""The one way from a photograph to its mask: `see`, `decide`, `sharpen`, and `Masker`, which puts them together."""
