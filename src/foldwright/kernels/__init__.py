"""Faster ways to run the same layers, installed after a model is built."""
