"""Residues, atoms and their ideal geometry: tables, numpy only."""
