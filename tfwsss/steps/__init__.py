"""Ready-made stages that methods share, one file a kind of stage, with its settings."""
