"""Mirror images are told from amino acids of proteins."""

from dataclasses import replace

from foldwright.relax.chirality import is_mirrored


def test_amino_acids_are_left_handed_and_mirror_images_are_not(peptide):
    structure = peptide.structure
    assert not is_mirrored(structure).any()
    mirrored = is_mirrored(replace(structure, positions=structure.positions * [-1, 1, 1]))
    assert mirrored.tolist() == [name != "GLY" for name in structure.residue_names]
