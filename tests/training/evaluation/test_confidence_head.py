"""The pLDDT head taught again on unseen chains: what it learns, what stays, whom it must not see."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.errors import InputError
from foldwright.models.af2.confidence import plddt
from foldwright.models.af2.heads import PLDDTHead
from foldwright.training.checkpoint import save_checkpoint
from foldwright.training.data.chain import Chain
from foldwright.training.data.shards import ShardedChains, write_shards
from foldwright.training.evaluation.confidence_head import Lesson, chains_to_teach, fit, teach
from foldwright.training.evaluation.evaluate import ChainSet, NetworkPredictor, read_network
from foldwright.training.parallel import Processes
from foldwright.training.state import new_network, new_state
from foldwright.weights.trained import find_trained


@pytest.fixture
def folder(tmp_path):
    """Ten validation chains, two of them core, of which the first shares its cluster with another chain."""

    def made(i):
        rng = np.random.default_rng(i)
        n = 12 + i
        mask = np.zeros((n, 37), bool)
        mask[:, :3] = True
        positions = np.cumsum(rng.normal(size=(n, 1, 3)) * 2, 0) + rng.normal(size=(n, 37, 3))
        return Chain(
            id=f"chain_{i}",
            aatype=rng.integers(20, size=n).astype(np.uint8),
            residue_index=np.arange(n),
            positions=(positions * mask[..., None]).astype(np.float32),
            mask=mask,
            split="val",
            is_core=i < 2,
            cluster="family_1" if i == 2 else f"family_{i}",
        )

    write_shards([made(i) for i in range(11)], tmp_path / "chains")
    return tmp_path / "chains"


@pytest.fixture
def run(tmp_path, recipe):
    state = new_state(recipe, new_network(recipe))
    for tensor in state.ema.state.values():
        tensor.add_(0.1 * torch.randn_like(tensor))
    save_checkpoint(tmp_path / "run", state, recipe, Processes())
    return tmp_path / "run"


def test_the_head_learns_what_can_be_seen_in_unseen_residues():
    single = torch.randn(600, 8)
    lddt = torch.sigmoid(single[:, 0] + 0.1 * torch.randn(600))
    head = PLDDTHead(8, 16, 50)
    steps, before, after = fit(head, Lesson(single[:450], lddt[:450]), Lesson(single[450:], lddt[450:]))
    assert steps > 10
    assert after < before - 0.3
    said = plddt(head(single[450:])).detach()
    assert np.corrcoef(said, lddt[450:])[0, 1] > 0.8
    assert abs(float(said.mean()) / 100 - float(lddt[450:].mean())) < 0.1


def test_what_does_not_hold_elsewhere_is_not_kept():
    single, lddt = torch.randn(40, 8), torch.rand(40)
    head = PLDDTHead(8, 16, 50)
    fit(head, Lesson(single, lddt), Lesson(single, lddt))
    learnt = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    steps, before, after = fit(head, Lesson(single, torch.zeros(40)), Lesson(single, lddt))
    assert (steps, before) == (0, after)
    assert all(torch.equal(learnt[name], tensor) for name, tensor in head.state_dict().items())


def test_no_chain_of_a_judged_family_is_seen(folder):
    chosen = chains_to_teach(ShardedChains(folder))
    assert [chain.id for chain in chosen] == [f"chain_{i}" for i in range(3, 11)]


def test_too_few_chains_are_refused(folder, tmp_path):
    chains = ShardedChains(folder)
    write_shards([chains[i] for i in range(6)], tmp_path / "few")
    with pytest.raises(InputError, match="only 3 chains"):
        chains_to_teach(ShardedChains(tmp_path / "few"))


def test_only_the_head_changes_and_only_for_the_better(folder, run):
    network, _ = read_network(str(run))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = teach(NetworkPredictor.of(network), ChainSet.of_split(ShardedChains(folder), is_core=False))
    assert found.num_chains == 11
    assert found.loss_after < found.loss_before
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("plddt_head.") for name in changed)


def test_the_export_says_how_its_confidence_was_taught(folder, run, tmp_path):
    target = tmp_path / "out.safetensors"
    words = ["weights", "export", str(run), str(target), "--teach-confidence", str(folder)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    written, source = find_trained(target), find_trained(run).state()
    assert written.note["confidence_head"]["num_chains"] == 8
    state = written.state()
    assert not torch.allclose(state["plddt_head.out.bias"], source["plddt_head.out.bias"], atol=1e-3)
    kept = "distogram_head.out.weight"
    torch.testing.assert_close(state[kept], source[kept], rtol=1e-3, atol=1e-3)  # half precision
