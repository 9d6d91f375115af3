"""Layers whose equation is shared by several networks."""
