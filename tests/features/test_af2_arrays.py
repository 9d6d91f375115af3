"""Features of AlphaFold 2 under the released program's names."""

from dataclasses import dataclass

import numpy as np
import pytest

from foldwright.features.af2 import ChainFeatures, Sampler, monomer_example, multimer_example
from foldwright.features.af2_arrays import monomer_arrays, multimer_arrays
from foldwright.features.templates import templates_given
from foldwright.io.a3m import parse_a3m
from foldwright.io.job import TemplateInput
from foldwright.io.structure_files import read_structure

# Of the released program's random crop, which inference does not make, and of hhsearch's scores.
NOT_OURS = {"random_crop_to_size_seed", "template_sum_probs"}


@dataclass(frozen=True)
class Sizes:
    num_clusters: int = 7
    num_extra: int = 9
    num_templates: int = 4
    masked_fraction: float = 0.15
    is_query_repeated: bool = False


@pytest.fixture
def chain(oracle_file):
    """A chain with relatives and its own structure as template."""
    path = oracle_file("data/inputs/4i6p.cif")
    structure = read_structure(path)
    query = structure.sequences[0]
    rows = "".join(f">r{i}\n{query[:i]}aW{query[i + 1 :]}\n" for i in range(20))
    (templates,) = templates_given([query], TemplateInput(path, structure.chain_ids[0]), structure)
    return ChainFeatures(query, parse_a3m(f">q\n{query}\n{rows}".splitlines()), templates=templates)


def test_a_monomer_has_the_released_arrays_for_every_pass(chain, oracle):
    theirs = {k.removeprefix("out/"): v for k, v in oracle("data/tf_features_mask.npz").items() if k.startswith("out/")}
    sampler = Sampler(monomer_example([chain]), Sizes(), is_multimer=False, seed=3)
    ours = monomer_arrays([sampler.draw(cycle) for cycle in range(3)])
    assert set(ours) == set(theirs) - NOT_OURS
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype, name
        assert array.ndim == theirs[name].ndim, name
        assert array.shape[0] == 3, name
    assert ours["msa_feat"].shape == (3, 7, len(chain.sequence), 49)
    assert (ours["msa_feat"][0] != ours["msa_feat"][1]).any()
    np.testing.assert_array_equal(ours["aatype"][0], sampler.example.residues.aatype)
    assert ours["template_all_atom_masks"].any()
    assert (ours["atom14_atom_exists"].sum(-1) == ours["atom37_atom_exists"].sum(-1)).all()


def test_a_multimer_has_its_whole_alignment(chain, oracle):
    example = multimer_example([chain, chain])
    ours = multimer_arrays(example, num_templates=4)
    theirs = oracle("data/pair_and_merge_hetero.npz")
    shared = set(ours) & set(theirs)
    assert {"msa", "deletion_matrix", "asym_id", "entity_id", "sym_id", "template_all_atom_mask"} <= shared
    assert all(ours[name].ndim == theirs[name].ndim for name in shared)
    assert ours["msa"].shape == (ours["num_alignments"], 2 * len(chain.sequence))
    assert ours["deletion_matrix"].any()
    assert ours["template_aatype"].shape == (4, 2 * len(chain.sequence))
    assert "template_aatype" not in multimer_arrays(example, num_templates=0)
    assert ours["sym_id"].tolist() == [1] * len(chain.sequence) + [2] * len(chain.sequence)
