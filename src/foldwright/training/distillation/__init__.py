"""Structures predicted for sequences of unknown structure, to train on (AF2 Suppl. 1.3)."""
