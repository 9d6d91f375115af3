"""From structure files and alignments to the examples that a network is trained on."""
