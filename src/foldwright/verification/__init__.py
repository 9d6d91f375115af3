"""Stored runs of the original programs, and whether this one computes the same."""
