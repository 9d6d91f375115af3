"""The mean over the atoms of each token beside the textbook: tokens without atoms, atoms anywhere, several pieces."""

from copy import deepcopy

import pytest
import torch

from foldwright.features.af3.batch import AtomLayout, Gather
from foldwright.kernels.cpu_atoms import ATOM_SUMS
from foldwright.kernels.fast import become
from foldwright.models.af3.atom_encoder import AtomAttentionEncoder
from foldwright.models.af3.config import AtomAttention


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("piece_bytes", [1, 5000, 10**9])
@pytest.mark.parametrize("samples", [(), (3,)])
@torch.inference_mode()
def test_tokens_take_the_mean_of_their_atoms(samples, piece_bytes, threads):
    torch.manual_seed(5)
    layer = AtomAttentionEncoder(AtomAttention(num_blocks=1, heads=2, c_atom=16), 20000)  # enough for two threads
    torch.nn.init.normal_(layer.out.weight)
    fast = deepcopy(layer)
    become(fast, ATOM_SUMS[AtomAttentionEncoder])
    fast.piece_bytes = piece_bytes
    way = Gather(indices=torch.randint(0, 64, (11, 24)), mask=torch.rand(11, 24) > 0.2)
    layout = AtomLayout(
        queries=way, keys=way, tokens_to_queries=way, tokens_to_keys=way, queries_to_tokens=way, pseudo_beta=way
    )
    atom_mask = (torch.rand(11, 24) > 0.5).float()
    atom_mask[[0, 4, 10]] = 0
    q = torch.randn(*samples, 2, 32, 16)
    found, expected = fast.aggregate(q, layout, atom_mask), layer.double().aggregate(q.double(), layout, atom_mask)
    assert found[..., [0, 4, 10], :].eq(0).all()
    assert expected.std() > 0.1
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
