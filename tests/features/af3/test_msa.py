"""The alignment that AlphaFold 3 reads is the released program's, number by number."""

from dataclasses import replace

import numpy as np
import pytest

from foldwright.chem.residues import GAP
from foldwright.errors import InputError
from foldwright.features.af3 import msa as af3_msa
from foldwright.features.af3.msa import ChainRows, mnemonic_of, msa_features, pair_by_species


def columns_of(chains):
    """One token for each residue."""
    return np.array([(i, j) for i, chain in enumerate(chains) for j in range(len(chain.sequence))])


def test_every_array_is_the_released_one(each_af3_case):
    case = each_af3_case
    made = msa_features(case.chains, case.columns)
    assert set(made) == {"msa", "msa_mask", "deletion_matrix", "profile", "deletion_mean", "num_alignments"}
    for key, array in made.items():
        assert array.dtype == case.arrays[key].dtype, key
        np.testing.assert_array_equal(array, case.arrays[key], err_msg=key)
    assert len(np.unique(made["msa"])) > 5


def test_the_jobs_have_pairs_and_residues_that_are_several_tokens(af3_case):
    """What the test above would not see if the stored jobs lacked it."""
    assert af3_msa.is_paired(af3_case("hetero_paired_userccd_seed1").chains)
    assert not af3_msa.is_paired(af3_case("prot_ptm_lig_seed42").chains)
    columns = af3_case("prot_ptm_lig_seed42").columns
    assert len(np.unique(columns, axis=0)) < len(columns)


def test_species_of_more_chains_come_first_and_then_rows_that_stand_high():
    species = [
        ["", "MOUSE", "HUMAN", "YEAST", "MOUSE"],
        ["", "HUMAN", "MOUSE", "RAT", ""],
        ["", "YEAST", "HUMAN", "HUMAN", "HUMAN"],
    ]
    assert pair_by_species(species).tolist() == [[0, 0, 0], [2, 1, 2], [1, 2, -1], [3, -1, 1]]


def test_rows_that_stand_high_in_both_come_before_those_in_the_middle_of_both():
    species = [["", "HUMAN", "", "MOUSE"], ["", "", "", "MOUSE", "", "", "HUMAN"]]
    assert pair_by_species(species).tolist() == [[0, 0], [1, 6], [3, 3]]


def test_pairs_that_stand_equally_high_stay_in_the_order_of_their_species():
    species = [["", "YEAST", "HUMAN", "RAT", "MOUSE"], ["", "MOUSE", "HUMAN", "", "YEAST"]]
    assert pair_by_species(species).tolist() == [[0, 0], [2, 2], [4, 1], [1, 4]]


def test_a_crowded_species_gives_only_some_of_its_rows():
    species = [["", *["HUMAN"] * 700], ["", *["HUMAN"] * 800]]
    pairs = pair_by_species(species)
    assert len(pairs) == 601
    assert all(len(set(column)) == 601 for column in pairs.T.tolist())


def test_pairs_of_many_deep_chains_do_not_overflow():
    species = [["", *(f"S{i}" for i in range(300))]] * 20
    assert len(pair_by_species(species)) == 301


def test_half_of_the_rows_may_be_paired_and_the_query_is_one_of_them(af3_case, monkeypatch):
    monkeypatch.setattr(af3_msa, "MAX_ROWS", 8)
    monkeypatch.setattr(af3_msa, "MAX_PAIRS", 4)
    case = af3_case("hetero_paired_userccd_seed1")
    made = msa_features(case.chains, case.columns)
    np.testing.assert_array_equal(made["msa"][:4], case.arrays["msa"][:4])
    np.testing.assert_array_equal(made["profile"], case.arrays["profile"])
    assert made["num_alignments"] == 8


def test_rows_that_are_paired_do_not_stand_a_second_time():
    rows = ">q\nACDEF\n>tr|A0A001|A0A001_HUMAN\nACDEW\n"
    other = ">q\nGHIKL\n>tr|A0A002|A0A002_HUMAN\nGHIKW\n"
    chains = [ChainRows("protein", "ACDEF", 1, rows, rows), ChainRows("protein", "GHIKL", 2, other, other)]
    made = msa_features(chains, columns_of(chains))
    assert made["msa"].shape == (2, 10)
    alone = msa_features([replace(chain, paired="") for chain in chains], columns_of(chains))
    assert alone["msa"].shape == (2, 10)
    np.testing.assert_array_equal(alone["msa"], made["msa"])


def test_short_chains_have_no_alignment():
    chains = [
        ChainRows("protein", "ACDE", 1, ">q\nACDE\n>a\nWWWW\n"),
        ChainRows("rna", "GACUG", 2, ">q\nGACUG\n>a\nNNAA-\n"),
    ]
    made = msa_features(chains, columns_of(chains))
    assert made["msa"].tolist()[-1] == [GAP] * 4 + [30, 30, 22, 22, GAP]
    assert made["profile"][:4].max(axis=1).tolist() == [1.0] * 4
    assert made["profile"][4].max() == 0.5


def test_ligands_alone_have_one_row_of_gaps():
    chains = [ChainRows("ligand", "--", 1)]
    made = msa_features(chains, np.array([(0, 0), (0, 0), (0, 1)]))
    assert made["msa"].tolist() == [[GAP] * 3]
    assert made["num_alignments"] == 1


def test_long_insertions_count_as_127_but_enter_the_mean_whole():
    chains = [ChainRows("protein", "ACDEF", 1, f">q\nACDEF\n>a\nAC{'w' * 200}DEF\n")]
    made = msa_features(chains, columns_of(chains))
    assert made["deletion_matrix"].max() == 127
    assert made["deletion_mean"].tolist() == [0, 0, 100, 0, 0]


def test_an_alignment_of_another_sequence_is_refused_by_its_chain():
    chains = [ChainRows("protein", "ACDEF", 1, ">q\nACDEW\n", name="B")]
    with pytest.raises(InputError, match="chain B begins with ACDEW"):
        msa_features(chains, columns_of(chains))


def test_a_row_of_another_length_is_named_with_its_chain():
    chains = [ChainRows("protein", "ACDEF", 1, ">q\nACDEF\n>short\nACD\n", name="B")]
    with pytest.raises(InputError, match="chain B, line 4"):
        msa_features(chains, columns_of(chains))


@pytest.mark.parametrize(
    ("description", "species"),
    [
        ("tr|A0A146SKV9|A0A146SKV9_FUNHE", "FUNHE"),
        ("sp|P0C2L1|A3X1_LOXLA/12-80 [subseq from] text", "LOXLA"),
        ("tr|A0A146SKV9_1|A0A146SKV9_FUNHE", "FUNHE"),
        ("sp|O88974-2|SETB1_MOUSE", ""),
        ("UniRef100_A0A146SKV9 n=1 RepID=A0A146SKV9_FUNHE", ""),
        ("tr|A0A146SKV9|A0A146SKV9_FUNHEX", ""),
        ("", ""),
    ],
)
def test_only_entries_of_uniprot_have_a_species(description, species):
    assert mnemonic_of(description) == species
