"""Rotations, rigid motions, torsions and superposition of points; no biology."""
