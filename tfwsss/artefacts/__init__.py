"""Files that stages leave behind, a reader and a writer for each kind."""
