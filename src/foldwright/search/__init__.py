"""From a sequence to alignments and template hits."""
