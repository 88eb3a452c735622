"""Pages, pictures and scores of finished runs."""
