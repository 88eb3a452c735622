"""Tags in the forms in which people and annotation tools keep them."""
