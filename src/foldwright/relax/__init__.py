"""Restrained minimisation of a predicted structure."""
