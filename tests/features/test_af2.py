"""From chains to the batches of every pass."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from foldwright.chem.residues import GAP
from foldwright.errors import InputError
from foldwright.features.af2 import ChainFeatures, Sampler, monomer_example, multimer_example
from foldwright.features.batch import AF2Batch
from foldwright.features.msa import MSA
from foldwright.features.templates import templates_given
from foldwright.io.alignment import Alignment
from foldwright.io.job import TemplateInput
from foldwright.io.structure_files import read_structure


@dataclass(frozen=True)
class Sizes:
    num_clusters: int = 7
    num_extra: int = 9
    num_templates: int = 4
    masked_fraction: float = 0.15
    is_query_repeated: bool = False


def relatives(sequence, num_rows, seed=0):
    """The sequence and rows that resemble it."""
    rng = np.random.default_rng(seed)
    query = np.frombuffer(sequence.encode(), np.uint8)
    other = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY-", np.uint8)[rng.integers(0, 21, (num_rows, len(query)))]
    letters = np.where(rng.random(other.shape) < 0.5, query, other)
    letters[0] = query
    names = [f"row {i}" for i in range(num_rows)]
    return Alignment.of_letters(letters, rng.poisson(0.3, letters.shape).astype(np.int32) * (letters != 45), names)


A, B = "MKVLAAGIVGLLLAQ", "GSHWERTYPLK"


def chain(sequence, num_rows=30, **parts):
    return ChainFeatures(sequence, relatives(sequence, num_rows), **parts)


def same(one: AF2Batch, other: AF2Batch) -> bool:
    a, b = one.flat(), other.flat()
    return a.keys() == b.keys() and all(torch.equal(x, b[name]) for name, x in a.items())


@pytest.fixture(params=["monomer", "multimer"])
def sampler(request):
    is_multimer = request.param == "multimer"
    make = multimer_example if is_multimer else monomer_example
    return Sampler(make([chain(A), chain(B, 25)]), Sizes(), is_multimer, seed=5)


def test_one_seed_reproduces_every_byte_and_another_does_not(sampler):
    first = sampler.draw(1, 2)
    again = replace(sampler, seed=5).draw(1, 2)
    assert same(first, again)
    assert not same(first, replace(sampler, seed=6).draw(1, 2))


def test_every_pass_and_member_has_its_own_draw_whatever_was_drawn_before(sampler):
    alone = sampler.draw(2, 1)
    drawn = {(cycle, member): sampler.draw(cycle, member) for cycle in range(3) for member in range(2)}
    assert same(drawn[2, 1], alone)
    masks = {batch.masked_msa.bert_mask.numpy().tobytes() for batch in drawn.values()}
    assert len(masks) == 6


def test_a_batch_has_the_sizes_asked_for(sampler):
    batch = sampler.draw(0)
    n = len(A) + len(B)
    assert batch.msa.feat.shape == (7, n, 49)
    assert batch.extra_msa.mask.shape == (9, n)
    assert batch.masked_msa.true_msa.shape == batch.msa.mask.shape == (7, n)
    assert batch.templates is None
    assert all(x.isfinite().all() for x in batch.flat().values())
    assert batch.msa.feat.std() > 0.05
    assert torch.equal(batch.masked_msa.true_msa[0], batch.residues.aatype)


def test_a_single_sequence_is_enough():
    for make, is_multimer in ((monomer_example, False), (multimer_example, True)):
        batch = Sampler(make([ChainFeatures.of_sequence(A)]), Sizes(), is_multimer, 0).draw(0)
        assert batch.msa.feat.shape == (1, 15, 49)
        assert batch.extra_msa.mask.tolist() == [[0] * 15]


def test_the_query_stands_in_for_extra_rows_where_the_network_is_trained_so(sampler):
    for make, is_multimer in ((monomer_example, False), (multimer_example, True)):
        example = make([ChainFeatures.of_sequence(A)])
        extra = Sampler(example, Sizes(is_query_repeated=True), is_multimer, 0).draw(0).extra_msa
        assert torch.equal(extra.aatype, example.residues.aatype[None])
        assert extra.mask.tolist() == [[1] * 15]
    assert same(sampler.draw(0), replace(sampler, sizes=Sizes(is_query_repeated=True)).draw(0))  # rows are left


def test_chains_of_which_nothing_is_known_still_share_the_first_row():
    for make in (monomer_example, multimer_example):
        for sequences in ((A, B), (A, A), (A, B, A)):
            example = make([ChainFeatures.of_sequence(sequence) for sequence in sequences])
            assert torch.equal(example.msa.rows, example.residues.aatype[None])
            assert example.msa.bert_mask.min() == example.msa.is_centre.min() == 1


def test_nothing_is_masked_when_nothing_is_to_be_masked(sampler):
    batch = replace(sampler, sizes=Sizes(masked_fraction=0.0)).draw(0)
    assert batch.masked_msa.bert_mask.sum() == 0
    assert torch.equal(batch.msa.feat[..., :23].argmax(-1), batch.masked_msa.true_msa)


def test_sequence_features_equal_deepmind(oracle):
    """Arrays: data/make_sequence_features.npz, data/tf_features_mask.npz (target_feat of the monomer)."""
    case = oracle("data/make_sequence_features.npz")
    sequence = case["sequence"][0].decode()
    example = monomer_example([ChainFeatures.of_sequence(sequence)])
    np.testing.assert_array_equal(example.residues.aatype, case["aatype"].argmax(-1))
    np.testing.assert_array_equal(example.residues.residue_index, case["residue_index"])
    theirs = oracle("data/tf_features_mask.npz")
    assert torch.equal(example.residues.aatype, torch.from_numpy(theirs["out/aatype"][0]).long())
    np.testing.assert_array_equal(example.target_feat, theirs["out/target_feat"][0])


def test_a_monomer_network_sees_a_complex_as_one_chain_with_jumps():
    example = monomer_example([chain(A), chain(B), chain(A)])
    index, asym = example.residues.residue_index, example.residues.asym_id
    steps = index.diff()
    assert steps[steps != 1].tolist() == [201, 201]
    assert torch.equal((steps != 1).nonzero(), asym.diff().nonzero())
    assert asym.unique().tolist() == [1, 2, 3]
    assert torch.equal(example.msa.rows[0], example.residues.aatype)
    covered = torch.stack([(example.msa.rows[1:, asym == i] != GAP).any(1) for i in (1, 2, 3)], 1)
    assert (covered.sum(1) == 1).all()
    assert example.target_feat.shape == (41, 22)


def test_copies_share_the_rows_found_for_any_of_them():
    one, other = chain(A), ChainFeatures(A, relatives(A, 12, seed=9))
    example = multimer_example([one, other])
    assert len(example.msa) == 30 + 11
    assert torch.equal(example.msa.rows[:, :15], example.msa.rows[:, 15:])


def test_given_pairs_come_first_and_do_not_stand_alone_too():
    own, pairs = relatives(A, 30), relatives(A, 6, seed=3)
    both = Alignment.concatenate([own, pairs.rows([1, 2])])
    chains = [ChainFeatures(A, both, paired=pairs), chain(B, paired=relatives(B, 6, seed=4))]
    example = multimer_example(chains)
    assert torch.equal(example.msa.rows[:6, :15], MSA.from_alignment(pairs).rows)
    assert torch.equal(example.msa.rows[:6, 15:], MSA.from_alignment(relatives(B, 6, seed=4)).rows)
    assert len(example.msa) == 6 + 29 + 29
    assert 0 < example.msa.bert_mask.mean() < 1
    assert example.msa.bert_mask[:6].min() == 1


def test_chains_with_unequal_numbers_of_pairs_are_refused():
    chains = [chain(A, paired=relatives(A, 6)), chain(B, paired=relatives(B, 5))]
    with pytest.raises(InputError, match=r"\[5, 6\] paired rows"):
        multimer_example(chains)
    with pytest.raises(InputError, match=r"\[0, 6\] paired rows"):
        multimer_example([chains[0], chain(B)])


def test_rows_of_one_species_are_paired():
    shared = [ChainFeatures(s, replace_species(relatives(s, 8), ["", "HUMAN", "MOUSE", *[""] * 5])) for s in (A, B)]
    example = multimer_example(shared)
    covers = (example.msa.rows[:, :15] != GAP).any(1) & (example.msa.rows[:, 15:] != GAP).any(1)
    assert covers.tolist() == [True] * 3 + [False] * 10


def replace_species(alignment, species):
    names = [f"tr|A0A000001|A0A000001_{name}" if name else "row" for name in species]
    return Alignment(alignment.sequences, alignment.deletions, names)


def test_an_alignment_of_another_query_is_refused():
    with pytest.raises(InputError, match="the first row of the alignment rows is not the sequence"):
        ChainFeatures(A, relatives(B, 3))


def test_templates_reach_the_batch(oracle_file):
    sequence = "SEFKVTVCFGRTRVVVPCGDGRMKVFSLIQQAVTRYRKAVAKDPNYWIQVHRLEHGDGGILDLDDILCDVADDKDRLVAVFDE"
    path = oracle_file("data/inputs/4i6p.cif")
    templates = templates_given([sequence, A], TemplateInput(path), read_structure(path))
    assert templates[1] is None
    chains = [
        ChainFeatures(s, Alignment.of_query(s), templates=t) for s, t in zip((sequence, A), templates, strict=True)
    ]
    monomer = Sampler(monomer_example(chains), Sizes(), False, 0).draw(0).templates
    multimer = Sampler(multimer_example(chains), Sizes(), True, 0).draw(0).templates
    assert monomer is not None
    assert multimer is not None
    assert monomer.mask.tolist() == [1]
    assert multimer.mask.tolist() == [1, 0, 0, 0]
    assert torch.equal(monomer.positions, multimer.positions[:1])
    assert (monomer.aatype[:, len(sequence) :] == GAP).all()
    assert (multimer.aatype[:, len(sequence) :] == 0).all()
    assert 0 < monomer.atom_mask.mean() < 1
    no_templates = Sampler(monomer_example(chains), Sizes(num_templates=0), False, 0)
    assert no_templates.draw(0).templates is None
