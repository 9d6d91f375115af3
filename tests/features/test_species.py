"""Species from the descriptions that databases give to their sequences."""

from pathlib import Path

import pytest

from foldwright.features.species import Organism, by_mnemonic, by_taxon, organism_of, species_of
from foldwright.io.fasta import parse_fasta
from foldwright.io.text import read_lines

DATABASES = Path(__file__).parents[3] / "shared" / "data" / "af3_inputs" / "alphafold3_minidb"
SWISS_PROT = "sp|P99999|CYC_HUMAN Cytochrome c OS=Homo sapiens OX=9606 GN=CYCS PE=1 SV=2"
TREMBL = "tr|A0A0P0EB71|A0A0P0EB71_9MICO/3-70 Ferredoxin OS=Microbacterium sp. No. 7 OX=1714373 GN=x PE=3 SV=1"


@pytest.mark.parametrize(
    ("description", "organism"),
    [
        (SWISS_PROT, Organism("HUMAN", "9606", "Homo sapiens")),
        (TREMBL, Organism("9MICO", "1714373", "Microbacterium sp. No. 7")),
        ("tr|A0A146SKV9|A0A146SKV9_FUNHE/1-73", Organism("FUNHE")),
        # UniRef: the row is the representative; of several members the taxon is only their common ancestor.
        ("UniRef90_P99999 Cyt n=12 Tax=Catarrhini TaxID=9526 RepID=CYC_HUMAN", Organism("HUMAN")),
        (
            "UniRef90_P99999 Cyt n=1 Tax=Homo sapiens TaxID=9606 RepID=CYC_HUMAN",
            Organism("HUMAN", "9606", "Homo sapiens"),
        ),
        ("UniRef100_UPI0001 x n=1 Tax=Pan paniscus TaxID=9597 RepID=UPI0001", Organism("", "9597", "Pan paniscus")),
        ("UniRef90_UPI0001 x n=3 Tax=Bacteria TaxID=2 RepID=UPI0001", Organism()),
        (
            "UniRef90_A0A8C0 x n=1 Tax=Buteo japonicus TaxID=224669 RepID=A0A8C0_9AVES",
            Organism("", "224669", "Buteo japonicus"),
        ),
        ("UniRef90_A0A8C0 x n=2 Tax=Buteo TaxID=30396 RepID=A0A8C0_9AVES", Organism()),
        ("UniRef100_A0A345WS72\t163\t0.31", Organism()),
        ("UniRef90_A0A345WS72/1-69", Organism()),
        ("contig_7 Tax=Nanoarchaeum equitans", Organism("", "", "Nanoarchaeum equitans")),
        ("MGYP000123 FL=1", Organism()),
        ("", Organism()),
    ],
)
def test_an_organism_is_read_from_its_description(description, organism):
    assert organism_of(description) == organism


def test_alphafolds_mnemonic_comes_first_and_taxonomy_only_where_there_is_none():
    assert species_of(SWISS_PROT) == "HUMAN"
    assert species_of(TREMBL) == "9MICO"
    assert species_of("x TaxID=9597") == "9597"


def test_two_ways_to_name_one_species_become_one_where_a_row_knows_both():
    chains = [[SWISS_PROT, TREMBL], ["sp|P68871|HBB_HUMAN", "x OX=9606", "tr|A0A0P0|A0A0P0_9MICO", "x TaxID=4932"]]
    assert by_mnemonic(chains) == [["HUMAN", "9MICO"], ["HUMAN", "HUMAN", "9MICO", "4932"]]
    # A collective mnemonic names no taxon: thousands of species share 9MICO.
    assert by_taxon(chains) == [["9606", "1714373"], ["9606", "9606", "", "4932"]]


@pytest.mark.shared
@pytest.mark.skipif(not DATABASES.exists(), reason="needs ../shared")
def test_descriptions_of_the_databases_are_understood():
    def organisms(name):
        lines = read_lines(DATABASES / f"{name}__subsampled_1000.fasta.gz")
        return [organism_of(record.description) for record in parse_fasta(lines, None)]

    uniprot = organisms("uniprot_all")
    assert all(o.mnemonic and o.taxon and o.name for o in uniprot)
    assert len({o.taxon for o in uniprot}) > 500
    known = sum(bool(o.mnemonic or o.taxon) for o in organisms("uniref90"))
    assert known > 600
