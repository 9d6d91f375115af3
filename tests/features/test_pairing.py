"""Alignments of several chains brought side by side, against AlphaFold-Multimer."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from foldwright.features.af2 import ChainFeatures, multimer_example
from foldwright.features.msa import MSA
from foldwright.features.pairing import (
    STRATEGIES,
    Chains,
    crop,
    merge,
    pair_by_species,
    paired_rows,
    pairing_record,
    without_paired,
)
from foldwright.features.species import species_of
from foldwright.io.a3m import read_a3m
from foldwright.io.alignment import Alignment
from foldwright.io.stockholm import read_stockholm


@pytest.fixture
def chain_features(oracle_file):
    """Chains A and B of data/pair_and_merge_*.npz: UniRef90, BFD and MGnify rows, and UniProt rows to pair."""

    def own(prefix):
        return Alignment.concatenate(
            [
                read_stockholm(oracle_file(f"data/inputs/{prefix}uniref90_sto__uniref90_hits.sto")),
                read_a3m(oracle_file(f"data/inputs/{prefix}bfd_a3m__bfd_uniclust_hits.a3m")),
                read_stockholm(oracle_file(f"data/inputs/{prefix}mgnify_sto__mgnify_hits.sto")),
            ]
        ).unique()

    uniprot = read_stockholm(oracle_file("data/inputs/A_uniprot_sto__uniprot_hits.sto"))
    like = json.loads(oracle_file("data/inputs/chainB_uniprot_like.json").read_text())
    deletions = np.zeros((len(like["sequences"]), len(like["sequences"][0])), np.int32)
    a, b = own("A_"), own("")
    return {
        "A": ChainFeatures(a.query, a, candidates=uniprot),
        "B": ChainFeatures(b.query, b, candidates=Alignment(like["sequences"], deletions, like["descriptions"])),
    }


@pytest.mark.parametrize(("name", "chains"), [("hetero", "AB"), ("hetero3", "AAB"), ("homo", "AA")])
def test_merged_features_equal_deepmind(oracle, chain_features, name, chains):
    """Arrays: data/pair_and_merge_*.npz, all that a network reads; rows after `num_alignments` are padding."""
    case = oracle(f"data/pair_and_merge_{name}.npz")
    example = multimer_example([chain_features[c] for c in chains])
    num_rows = int(case["num_alignments"])
    assert not case["msa_mask"][num_rows:].any()
    assert example.msa.rows.double().std() > 1
    for ours, theirs in (
        (example.msa.rows, "msa"),
        (example.msa.deletions, "deletion_matrix"),
        (example.msa.mask, "msa_mask"),
        (example.msa.bert_mask, "bert_mask"),
        (example.msa.is_centre, "cluster_bias_mask"),
    ):
        np.testing.assert_array_equal(ours, case[theirs][:num_rows], err_msg=theirs)
    for ours, theirs in (
        (example.residues.aatype, "aatype"),
        (example.residues.residue_index, "residue_index"),
        (example.residues.asym_id, "asym_id"),
        (example.residues.entity_id, "entity_id"),
        (example.residues.sym_id, "sym_id"),
        (example.residues.mask, "seq_mask"),
    ):
        np.testing.assert_array_equal(ours, case[theirs], err_msg=theirs)
    assert example.templates is None
    assert not case["template_all_atom_mask"].any()


def test_chains_keep_the_order_in_which_they_were_given(chain_features):
    """The released program puts copies beside each other; residues are only numbered otherwise here."""
    grouped = multimer_example([chain_features[c] for c in "AAB"])
    given = multimer_example([chain_features[c] for c in "ABA"])
    a, b = len(chain_features["A"].sequence), len(chain_features["B"].sequence)
    order = torch.cat([torch.arange(a), torch.arange(2 * a, 2 * a + b), torch.arange(a, 2 * a)])
    assert torch.equal(given.msa.rows[0], given.residues.aatype)
    assert sorted(map(tuple, given.msa.rows.tolist())) == sorted(map(tuple, grouped.msa.rows[:, order].tolist()))
    assert given.residues.asym_id.unique_consecutive().tolist() == [1, 2, 3]
    assert given.residues.entity_id.unique_consecutive().tolist() == [1, 2, 1]
    assert given.residues.sym_id.unique_consecutive().tolist() == [1, 2]


def test_species_equal_deepmind(oracle, oracle_file):
    """Values: data/index.json "msa_identifiers" and msa_species_identifiers of data/make_msa_features.npz."""
    known = {
        "tr|A0A146SKV9|A0A146SKV9_FUNHE": "FUNHE",
        "sp|P0C2L1|A3X1_LOXLA": "LOXLA",
        "UniRef90_A0A345WS72/1-69": "",
        "tr|A0A146SKV9|A0A146SKV9_FUNHE/1-73": "FUNHE",
        "tr|A0A2W3M096|A0A2W3M096_STAAU Plasmid segregation protein ParR": "STAAU",
        "query": "",
        "": "",
    }
    assert {text: species_of(text) for text in known} == known
    rows = read_a3m(oracle_file("data/inputs/bfd_a3m__bfd_uniclust_hits.a3m"))
    theirs = {name.decode() for name in oracle("data/make_msa_features.npz")["msa_species_identifiers"]}
    assert {species_of(text) for text in rows.descriptions} <= theirs


def letters(*rows):
    return np.array([["ACDE-".index(letter) if letter != "-" else 21 for letter in row] for row in rows])


def test_rows_of_a_species_are_paired_in_order_of_identity_and_fuller_pairs_come_first():
    a = letters("AAAA", "AAAC", "ACCC", "AACC")
    b = letters("DDDD", "DCCC", "DDDC")
    c = letters("EEEE", "EEEC")
    species = [["", "X", "X", "Y"], ["", "X", "X"], ["", "Y"]]
    pairs = pair_by_species([a, b, c], species)
    assert pairs.tolist() == [[0, 0, 0], [1, 2, -1], [2, 1, -1], [3, -1, 1]]


def test_a_row_of_all_chains_comes_before_a_row_of_two_that_ranks_higher():
    rows = [letters("AAAA", "AAAC", "ACCC")] * 3
    species = [["", "X", "Y"], ["", "X", "Y"], ["", "", "Y"]]
    assert pair_by_species(rows, species).tolist() == [[0, 0, 0], [2, 2, 2], [1, 1, -1]]


def test_a_query_of_known_species_pairs_with_the_query_only():
    rows, species = [letters("AAAA", "AAAC", "ACCC")] * 2, [["X", "X", "Y"], ["X", "Y", "X"]]
    assert pair_by_species(rows, species).tolist() == [[0, 0], [1, 2], [2, 1]]


def test_a_species_of_one_chain_or_with_too_many_rows_pairs_nothing():
    rows = [np.zeros((602, 3), int), np.zeros((3, 3), int)]
    species = [["", *["X"] * 601], ["", "X", "Z"]]
    assert pair_by_species(rows, species).tolist() == [[0, 0]]


def test_copies_are_counted():
    chains = Chains.of_sequences(["AC", "DE", "AC", "AC"])
    assert chains == Chains(asym=(1, 2, 3, 4), entity=(1, 2, 1, 1), sym=(1, 1, 2, 3))
    assert chains.by_entity == [0, 2, 3, 1]


def test_a_deep_alignment_is_cut_so_that_paired_and_own_rows_fit():
    rng = np.random.default_rng(0)
    own = MSA.from_rows(rng.integers(0, 20, (50, 4)), np.zeros((50, 4), int))
    paired = MSA.from_rows(rng.integers(0, 20, (30, 4)), np.zeros((30, 4), int))
    paired.rows[3:6] = 21
    kept, pairs = crop(own, paired, max_rows=40)
    assert pairs is not None
    assert len(pairs) == 20
    assert len(kept) == 40 - 17
    assert len(crop(own, None, max_rows=40)[0]) == 40


def test_rows_that_are_paired_do_not_stand_alone_too():
    own = MSA.from_rows(letters("AAAA", "ACDE", "AADE"), np.zeros((3, 4), int))
    paired = MSA.from_rows(letters("AAAA", "AADE"), np.zeros((2, 4), int))
    assert without_paired(own, paired).rows.tolist() == [[0, 1, 2, 3]]


def test_blocks_of_entities_stand_on_a_diagonal():
    a, b = (MSA.from_rows(letters(*rows), np.ones((len(rows), 2), int)) for rows in (("AA", "AC"), ("DD",)))
    merged = merge([a, b, a], None, Chains.of_sequences(["AA", "DD", "AA"]))
    assert merged.rows.tolist() == [[0, 0, 0, 0, 21, 21], [0, 1, 0, 1, 21, 21], [21, 21, 21, 21, 2, 2]]
    assert merged.bert_mask.tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]]
    assert merged.is_centre.tolist() == [1, 0, 0]
    assert merged.mask.min() == 1


A, B, C = "ACDEACDE", "CDEFCDEF", "DEFGDEFG"


def found(query, *rows):
    """Candidates of a chain: rows as (species, sequence), in the order in which a search returns them."""
    descriptions = ["query", *(f"tr|A0A146SKV9|A0A146SKV9_{species} x OX={ord(species[0])}" for species, _ in rows)]
    return Alignment([query, *(row for _, row in rows)], np.zeros((len(rows) + 1, len(query)), np.int32), descriptions)


@pytest.fixture
def three_chains():
    """YEAST has two rows of A, the second more like it; WHEAT has A and B; the MOUSE of B covers too little."""
    return [
        found(A, ("YEAST", "CCCCACDE"), ("YEAST", "ACDEACDC"), ("WHEAT", "ACDEAC--"), ("MOUSE", "ACDEACDD")),
        found(B, ("WHEAT", "CDEFCDEE"), ("YEAST", "CDEFCCCC"), ("YEAST", "CDCCCCCC"), ("MOUSE", "CDE-----")),
        found(C, ("MOUSE", "DEFGDEFF"), ("YEAST", "DEFGDE--"), ("YEAST", "DEFGDD--")),
    ]


def rows_of(paired):
    return list(zip(*(rows.sequences for rows in paired), strict=True))


def test_every_strategy_begins_with_the_queries_and_fills_with_gaps(three_chains):
    for strategy in STRATEGIES:
        paired = paired_rows(three_chains, strategy)
        assert len({len(rows) for rows in paired}) == 1
        assert [rows.query for rows in paired] == [A, B, C]
        assert all(
            set(row) == {"-"}
            for rows in paired
            for row, name in zip(rows.sequences, rows.descriptions, strict=True)
            if name == "no_partner"
        )
    assert len({tuple(rows_of(paired_rows(three_chains, strategy))) for strategy in STRATEGIES}) == len(STRATEGIES)


def test_alphafold_2_ranks_the_rows_of_a_species_by_identity(three_chains):
    pairs = rows_of(paired_rows(three_chains, "af2"))
    assert pairs[1:4] == [
        ("ACDEACDC", "CDEFCCCC", "DEFGDE--"),
        ("CCCCACDE", "CDCCCCCC", "DEFGDD--"),
        ("ACDEACDD", "CDE-----", "DEFGDEFF"),
    ]
    assert pairs[4] == ("ACDEAC--", "CDEFCDEE", "-" * 8)
    assert len(pairs) == 5


def test_alphafold_3_takes_the_rows_of_a_species_as_they_were_found(three_chains):
    pairs = rows_of(paired_rows(three_chains, "af3"))
    assert ("CCCCACDE", "CDEFCCCC", "DEFGDE--") in pairs
    assert ("ACDEACDC", "CDCCCCCC", "DEFGDD--") in pairs
    assert len(pairs) == 5


def test_alphafold_3_takes_the_first_rows_of_a_species_that_has_too_many():
    many = [found(q, *(("YEAST", q) for _ in range(700))) for q in (A, B)]
    assert len(paired_rows(many, "af3")[0]) == 1 + 600
    assert len(paired_rows(many, "af2")[0]) == 1  # equal rows are one, and equal to the query


def test_greedy_pairing_takes_the_best_row_of_every_taxon_of_two_chains(three_chains):
    assert rows_of(paired_rows(three_chains, "greedy")) == [
        (A, B, C),
        ("CCCCACDE", "CDEFCCCC", "DEFGDE--"),  # YEAST
        ("ACDEAC--", "CDEFCDEE", "-" * 8),  # WHEAT
        ("ACDEACDD", "-" * 8, "DEFGDEFF"),  # MOUSE, whose row of B covers three of eight columns
    ]


def test_complete_pairing_asks_for_every_chain(three_chains):
    assert rows_of(paired_rows(three_chains, "complete")) == [(A, B, C), ("CCCCACDE", "CDEFCCCC", "DEFGDE--")]
    assert pairing_record(paired_rows(three_chains, "complete")) == {"rows": 1, "rows_of_all_chains": 1}
    assert pairing_record(paired_rows(three_chains, "greedy")) == {"rows": 3, "rows_of_all_chains": 1}


def test_copies_have_the_rows_of_their_chain_and_do_not_count_as_partners(three_chains):
    """MOUSE of A alone is no pair, although there are two copies of A."""
    a, b, _ = three_chains
    paired = paired_rows([a, b, a], "complete")
    assert rows_of(paired) == [(x, y, x) for x, y in rows_of(paired_rows([a, b], "complete"))]
    assert len(paired[0]) == 3


def test_copies_of_one_chain_are_not_paired(three_chains):
    for strategy in STRATEGIES:
        paired = paired_rows([three_chains[0]] * 2, strategy)
        assert rows_of(paired) == [(A, A)]
        assert pairing_record(paired) == {"rows": 0, "rows_of_all_chains": 0}


def test_a_chain_without_candidates_stays_alone(three_chains):
    a, b, _ = three_chains
    alone = Alignment.of_query(C)
    assert rows_of(paired_rows([a, b, alone], "complete")) == [(A, B, C)]
    greedy = rows_of(paired_rows([a, b, alone], "greedy"))
    assert len(greedy) == 3
    assert {row[2] for row in greedy[1:]} == {"-" * 8}


def test_deletions_and_descriptions_go_with_their_rows():
    a, b = found(A, ("YEAST", A[::-1])), found(B, ("WHEAT", B[::-1]), ("YEAST", B[::-1]))
    b.deletions[2] = 7
    paired = paired_rows([a, b], "greedy")
    assert paired[1].deletions.tolist() == [[0] * 8, [7] * 8]
    assert "YEAST" in paired[0].descriptions[1]
    assert "YEAST" in paired[1].descriptions[1]


def test_rows_paired_beforehand_give_the_features_of_the_released_program(oracle, chain_features):
    """data/pair_and_merge_hetero3.npz once more, the pairs made by name and given with the chains."""
    case = oracle("data/pair_and_merge_hetero3.npz")
    chains = [chain_features[c] for c in "AAB"]
    paired = paired_rows([chain.candidates for chain in chains], "af2")
    given = [replace(chain, candidates=None, paired=rows) for chain, rows in zip(chains, paired, strict=True)]
    example = multimer_example(given)
    np.testing.assert_array_equal(example.msa.rows, case["msa"][: int(case["num_alignments"])])
    np.testing.assert_array_equal(example.msa.deletions, case["deletion_matrix"][: int(case["num_alignments"])])


@pytest.mark.parametrize("strategy", ["af3", "greedy", "complete"])
def test_a_query_that_names_its_species_is_not_the_partner_of_another_row(strategy):
    a, b = found(A, ("YEAST", A[::-1])), found(B, ("YEAST", B[::-1]))
    a.descriptions[0] = "sp|P00001|CYC_YEAST OX=89"
    assert rows_of(paired_rows([a, b], strategy)) == [(A, B), (A[::-1], B[::-1])]
