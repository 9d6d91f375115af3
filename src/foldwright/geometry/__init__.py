"""Rotations, rigid motions, torsions, superposition: tensors, no biology."""
