"""From alignments and templates to the typed batch a network reads."""
