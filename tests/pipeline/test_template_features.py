"""From the templates of a job to what each of its chains reads."""

import pytest
import torch

from foldwright.chem.residues import GAP
from foldwright.errors import InputError
from foldwright.io.job import ChainInput, Job, TemplateInput
from foldwright.io.structure_files import read_structure
from foldwright.pipeline import features


@pytest.fixture
def file(oracle_file):
    return oracle_file("data/inputs/4i6p.cif")


def test_templates_of_a_chain_keep_their_order_and_each_file_is_read_once(file, oracle_file, monkeypatch):
    read = []
    monkeypatch.setattr(features, "read_structure", lambda path: read.append(path) or read_structure(path))
    other = oracle_file("data/inputs/4zey.cif.gz")
    maps = [TemplateInput(path, "A", ((0, place),)) for path, place in ((file, 20), (other, 30), (file, 40))]
    (templates,) = features.chain_templates(Job("x", (ChainInput("MKT", templates=tuple(maps)),)))
    assert templates is not None
    assert templates.mask.tolist() == [1, 1, 1]
    for slot, item in enumerate(maps):
        chain = read_structure(item.file).chain("A")
        place = item.mapping[0][1]
        torch.testing.assert_close(templates.positions[slot, 0], torch.from_numpy(chain.positions[place]))
        assert templates.aatype[slot].tolist() == [chain.aatype[place], GAP, GAP]
    assert sorted(read) == sorted({file, other})


def test_each_chain_of_a_complex_has_its_own(file):
    sequence = read_structure(file).chain("A").sequence[5:80]
    everywhere, one = TemplateInput(file), TemplateInput(file, "B", ((0, 30),))
    chains = (
        ChainInput(sequence, templates=(everywhere,)),
        ChainInput("G" * 9, templates=(everywhere, one)),
        ChainInput("G"),
    )
    first, second, third = features.chain_templates(Job("x", chains))
    assert first is not None
    assert second is not None
    assert first.aatype.shape == (1, 75)
    assert second.aatype.shape == (1, 9)
    assert (second.aatype[0] != GAP).nonzero().flatten().tolist() == [0]
    assert third is None


def test_a_structure_that_is_a_template_of_no_chain_is_refused(file):
    with pytest.raises(InputError, match="no chain resembles the sequence"):
        features.chain_templates(Job("x", (ChainInput("G" * 40, templates=(TemplateInput(file),)),)))
