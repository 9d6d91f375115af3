"""What AlphaFold 3 reads: tokens, atoms in windows, alignments, templates, bonds, reference conformers."""
