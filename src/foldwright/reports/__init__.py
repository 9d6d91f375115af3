"""Plots and pages about a finished prediction."""
