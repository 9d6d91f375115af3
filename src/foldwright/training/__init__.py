"""The loop that makes parameters from structures."""
