"""Reading the folder of a complex, and its page."""

from foldwright.reports.complexes import read_complex


def test_chains_have_kinds_entities_and_a_place_for_every_token(mixed):
    chains = read_complex(mixed).chains
    assert [(chain.name, chain.kind, chain.entity) for chain in chains] == [
        ("A", "protein", 1),
        ("B", "protein", 1),
        ("R", "RNA", 2),
        ("X", "ligand", 3),
        ("Y", "ion", 4),
    ]
    assert [chain.size for chain in chains] == [26, 26, 6, 6, 1]  # a phosphoserine is as many tokens as atoms
    assert [place.atom for place in chains[0].places[3:7]] == ["", "N", "CA", "C"]
    assert [place.atom for place in chains[3].places] == ["C1", "C2", "C3", "C4", "C5", "C6"]
    assert chains[0].sequence[:6] == "AMTWXV"
    assert chains[2].sequence == "GACUGA"
