"""The class maps beside which CIAN is judged; its own masks are those of the last round's network."""

from tfwsss.steps.classifier import class_maps_of

class_maps = class_maps_of
"""The plain class maps of a run; there are none where seeds are given."""
