"""Networks and baselines on whole chains; the command from a training run to a table of scores."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.errors import InputError
from foldwright.io.alignment import Alignment
from foldwright.training.checkpoint import save_checkpoint
from foldwright.training.data.chain import Chain
from foldwright.training.data.shards import ShardedChains, write_shards
from foldwright.training.evaluation import baselines
from foldwright.training.evaluation.baselines import NearestTrainingChain, helix, untrained
from foldwright.training.evaluation.evaluate import (
    ChainSet,
    NetworkPredictor,
    evaluate,
    evaluation_in_training,
    read_network,
)
from foldwright.training.parallel import Processes
from foldwright.training.state import new_network, new_state

CA = 1
LETTERS = np.frombuffer(b"ARNDCQEGHILKMFPSTWYV", np.uint8)


def made(number, aatype, split, **values):
    """A chain on a random walk of its own."""
    rng = np.random.default_rng(number)
    n = len(aatype)
    mask = np.zeros((n, 37), bool)
    mask[:, :3] = True
    mask[n // 2, CA] = False
    positions = (np.cumsum(rng.normal(size=(n, 3)) * 2.2, 0)[:, None] + rng.normal(size=(n, 37, 3))).astype(np.float32)
    index = np.arange(n)
    blank = Chain(id=f"chain_{number}", aatype=aatype, residue_index=index, positions=positions, mask=mask, split=split)
    return replace(blank, positions=positions * mask[..., None], **values)


@pytest.fixture
def folder(tmp_path):
    """Four chains to train on and three to be judged by; one of these has a relative, one an alignment."""
    rng = np.random.default_rng(0)
    sequences = [rng.integers(20, size=n).astype(np.uint8) for n in (24, 30, 21, 26)]
    train = [made(i, aatype, "train") for i, aatype in enumerate(sequences)]
    relative = sequences[1][5:25].copy()
    relative[[3, 9]] = (relative[[3, 9]] + 1) % 20
    rows = rng.integers(20, size=(6, 22))
    aligned = Alignment.of_letters(LETTERS[rows], np.zeros(rows.shape, np.int32), [""] * len(rows))
    val = [
        made(7, relative, "val", is_core=True),
        made(8, rows[0].astype(np.uint8), "val", is_core=True, alignment=aligned),
        made(9, rng.integers(20, size=19).astype(np.uint8), "val"),
    ]
    write_shards([*train, *val], tmp_path / "chains")
    return tmp_path / "chains"


@pytest.fixture
def chains(folder):
    return ShardedChains(folder)


@pytest.fixture
def run(tmp_path, recipe):
    """A training run that was stopped before its first step, with averages that are not its parameters."""
    state = new_state(recipe, new_network(recipe))
    for tensor in state.ema.state.values():
        tensor.add_(0.1 * torch.randn_like(tensor))
    save_checkpoint(tmp_path / "run", state, recipe, Processes())
    return tmp_path / "run", state


def test_only_core_chains_of_the_split_are_scored(chains):
    assert [chain.id for chain in ChainSet.of_split(chains)] == ["chain_7", "chain_8"]
    assert len(ChainSet.of_split(chains, is_core=False)) == 3
    assert [chain.id for chain in ChainSet.of_split(chains, "train", is_core=False, max_chains=2)] == [
        "chain_0",
        "chain_2",
    ]
    assert [chain.depth for chain in ChainSet.of_split(chains, is_single_sequence=True)] == [1, 1]
    with pytest.raises(InputError, match="at most 5 residues"):
        ChainSet.of_split(chains, max_length=5)


def test_a_network_is_shown_the_sequence_and_the_alignment_and_not_the_answer(chains, run):
    network, _ = read_network(str(run[0]))
    chain = chains[chains.index["chain_8"]]
    predictor = NetworkPredictor.of(network, num_recycles=1)
    found = predictor(chain)
    assert found.positions.std() > 0.1
    assert found.plddt.std() > 0
    hidden = replace(chain, positions=np.zeros_like(chain.positions), mask=np.zeros_like(chain.mask))
    torch.testing.assert_close(predictor(hidden).positions, found.positions)
    alone = predictor(replace(chain, alignment=None)).positions
    assert (alone - found.positions).abs().max() > 1e-3


def test_a_run_is_evaluated_with_its_averaged_parameters(run):
    folder, state = run
    network, info = read_network(str(folder))
    assert info.preset == "small"
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.detach(), state.ema.state[name])


def test_an_ablated_network_is_evaluated_as_it_was_trained(tmp_path, recipe):
    ablated = replace(recipe, variant="no_ipa")
    save_checkpoint(tmp_path / "run", new_state(ablated, new_network(ablated)), ablated, Processes())
    network, _ = read_network(str(tmp_path / "run"))
    assert type(network.structure_module).__name__ == "DirectProjection"


def test_published_weights_need_the_name_of_their_network():
    with pytest.raises(InputError, match="not clear which network"):
        read_network("params.npz")


def test_the_nearest_training_chain_is_found_and_copied(chains):
    nearest, chain = NearestTrainingChain.of(chains), chains[chains.index["chain_7"]]
    number, _ = nearest.best(chain)
    assert chains.manifest[number].id == "chain_1"
    found = nearest(chain).positions
    source = chains[number]
    is_known = source.mask[5:25, CA]
    np.testing.assert_allclose(found.numpy()[is_known], source.positions[5:25, CA][is_known], atol=1e-5)
    assert found.isnan().all(-1).numpy().tolist() == (~is_known).tolist()


@pytest.mark.parametrize(
    ("cigar", "ours", "theirs"),
    [
        ("3M", [0, 1, 2], [0, 1, 2]),
        ("2D2M1I1M", [0, 1, 3], [2, 3, 4]),
        ("2I2M1D1M", [2, 3, 4], [0, 1, 3]),
        ("2I", [], []),
    ],
)
def test_partners_of_an_alignment(cigar, ours, theirs):
    found = baselines.partners(cigar)
    assert [part.tolist() for part in found] == [ours, theirs]


def test_what_overhangs_an_alignment_costs_nothing():
    def score(query, target):
        return baselines.overlap_score(baselines.align(*(baselines._names(text) for text in (query, target))))

    word = "WHKDEFMCYW"
    assert score(word, word) == score(word, f"{word}GGGGGG") == score(f"AAAA{word}", word) > 40
    assert score(word, f"{word[:5]}GGGGGG{word[5:]}") < score(word, word)


def test_the_helix_has_the_pitch_and_spacing_of_an_alpha_helix(chains):
    positions = helix(chains[0]).positions
    assert (positions[1:] - positions[:-1]).norm(dim=-1).mean() == pytest.approx(3.8, abs=0.05)
    assert (positions[18] - positions[0]).norm() == pytest.approx(5 * 5.4, abs=0.01)  # five turns


def test_an_untrained_network_is_always_the_same_and_disturbs_no_draw(recipe, chains):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one, other = untrained(recipe.model), untrained(recipe.model)
    torch.testing.assert_close(torch.rand(3), expected)
    torch.testing.assert_close(one(chains[0]).positions, other(chains[0]).positions)


def test_scores_in_training_are_means_over_the_validation_chains(chains, run, recipe):
    network, _ = read_network(str(run[0]))
    found = evaluation_in_training(chains)(network)
    again = evaluate(NetworkPredictor.of(network), ChainSet.of_split(chains))
    assert found == again.means
    assert 0 < found["lddt_ca"] < 1


def command(*words):
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_the_command_scores_a_run_beside_baselines(run, folder, tmp_path):
    result = command("--weights", run[0], "--data", folder, "--baselines", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    for text in ("small", "untrained", "helix", "nearest training chain", "lDDT-Cα above helix", "correlate"):
        assert text in result.output
    found = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert found["network"]["chains"] == 2
    assert found["about"]["weights"].endswith("step_00000000.safetensors")
    assert set(found["baselines"]) == {"untrained", "helix", "nearest training chain"}
    rows = (tmp_path / "out" / "chains.tsv").read_text().splitlines()
    assert len(rows) == 1 + 4 * 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "no network is named"),
        (("--model", "model_9"), "not clear which network"),
        (("--weights", "nowhere"), "not clear which network"),
    ],
)
def test_what_cannot_be_evaluated_is_said(folder, words, complaint, capsys):
    result = command("--data", folder, *words)
    assert result.exit_code == 2
    assert complaint in result.output + capsys.readouterr().err


def test_a_split_without_chains_is_refused(folder, run):
    result = command("--weights", run[0], "--data", folder, "--split", "test")
    assert result.exit_code == 2
