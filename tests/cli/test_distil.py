"""`foldwright distil`, as a person types it: from a teacher's checkpoint to chains a student can train on."""

import torch
from typer.testing import CliRunner

from foldwright.cli.main import app
from foldwright.models.af2.config import AF2, Evoformer, ExtraMSAStack, FeatureSizes, Heads, Recycling, StructureModule
from foldwright.training.checkpoint import save_checkpoint
from foldwright.training.data.shards import ShardedChains
from foldwright.training.distillation.teacher import trained_network
from foldwright.training.objective_af2 import LossWeights
from foldwright.training.parallel import Processes
from foldwright.training.recipe import Recipe
from foldwright.training.state import new_network, new_state

RECIPE = Recipe(
    name="teacher",
    model=AF2(
        features=FeatureSizes(num_clusters=4, num_extra=4, num_templates=0),
        trunk=Evoformer(
            num_blocks=1,
            c_m=8,
            c_z=8,
            c_s=8,
            msa_heads=2,
            c_msa_attention=4,
            pair_heads=2,
            c_pair_attention=4,
            c_triangle=4,
            c_outer=4,
        ),
        extra_msa=ExtraMSAStack(num_blocks=1, c_e=4, msa_heads=2, c_msa_attention=2),
        templates=None,
        structure=StructureModule(num_layers=2, heads=2, c_hidden=4, num_query_points=2, num_value_points=2),
        heads=Heads(is_pae_predicted=False),
        recycling=Recycling(num_recycles=0),
    ),
    variant="no_recycling",
    losses=LossWeights(),
)
SHORT = ("--min-length", 5, "--min-depth", 1, "--device", "cpu")


def saved_run(folder):
    """A run of one checkpoint whose averaged parameters, other than those of the last step, are sure of distances."""
    state = new_state(RECIPE, new_network(RECIPE))
    for tensor in state.ema.state.values():
        if tensor.ndim == 2:
            torch.nn.init.normal_(tensor, std=0.3)
    torch.nn.init.normal_(state.ema.state["distogram_head.out.weight"], std=3.0)
    state.step = 3
    return save_checkpoint(folder, state, RECIPE, Processes()), state.ema.state


def run(*words):
    return CliRunner().invoke(app, ["distil", *map(str, words)])


def test_a_teacher_is_the_averaged_network_of_a_run_whatever_its_variant(tmp_path):
    checkpoint, average = saved_run(tmp_path)
    for source in (tmp_path, checkpoint):
        model = trained_network(str(source))
        assert not model.training
        assert all(torch.equal(p, average[name]) for name, p in model.named_parameters())


def test_sequences_become_chains_and_bad_ones_are_named(tmp_path):
    saved_run(tmp_path / "run")
    (tmp_path / "in.fasta").write_text(">one\nACDEFGHIKL\n>bad\nAC1\n>two\nMNPQRSTVWYA\n>short\nAC\n")
    words = (tmp_path / "in.fasta", "--teacher", tmp_path / "run", "--out", tmp_path / "out")
    done = run(*words, *SHORT)
    assert done.exit_code == 0, done.output
    assert [row.id for row in ShardedChains(tmp_path / "out").manifest] == ["one", "two"]
    assert "2 chains · " in done.output
    assert "bad: " in done.output
    assert "short: 2 residues, not 5 to 1024" in done.output


def test_what_cannot_be_used_ends_with_exit_code_2_and_a_remedy(tmp_path):
    (tmp_path / "in.fasta").write_text(">one\nACDEFGHIKL\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "not.safetensors").write_text("text")
    for source, teacher, told in [
        (tmp_path / "in.fasta", tmp_path / "nowhere", "no training run"),
        (tmp_path / "in.fasta", tmp_path / "empty", "no training run"),
        (tmp_path / "in.fasta", tmp_path / "in.fasta", "no training run"),
        (tmp_path / "in.fasta", tmp_path / "not.safetensors", "no training run"),
        (tmp_path / "empty", "model_1", "holds no sequences"),
        (tmp_path / "gone", "model_1", "no such file"),
    ]:
        done = run(source, "--teacher", teacher, "--out", tmp_path / "out")
        assert done.exit_code == 2
        assert told in done.output
    assert "--references" in run(tmp_path / "in.fasta", "--teacher", "x", "--out", "y", "--references", 0).output
    assert not (tmp_path / "out").exists()


def test_a_student_trains_on_what_its_teacher_predicted(tmp_path):
    saved_run(tmp_path / "teacher")
    (tmp_path / "in.fasta").write_text(">one\nACDEFGHIKL\n>two\nMNPQRSTVWYA\n")
    out = tmp_path / "distilled"
    assert run(tmp_path / "in.fasta", "--teacher", tmp_path / "teacher", "--out", out, *SHORT).exit_code == 0
    sizes = ("trunk.num_blocks=1", "trunk.c_m=8", "trunk.c_z=8", "structure.num_layers=1")
    changes = [*(f"model.{size}" for size in sizes), "sampling.crop_size=8", "sampling.max_passes=1"]
    words = ["--recipe", "tiny", "--data", out, "--distilled", out, "--out", tmp_path / "student", "--steps", 1]
    words += [part for change in (*changes, "sampling.distilled_fraction=1.0") for part in ("--set", change)]
    done = CliRunner().invoke(app, ["train", *map(str, words), "--device", "cpu", "--quiet"])
    assert done.exit_code == 0, done.output
    header, numbers = (line.split(",") for line in (tmp_path / "student" / "metrics.csv").read_text().splitlines())
    terms = dict(zip(header, map(float, numbers), strict=True))
    assert terms["backbone_fape"] > 0
    assert terms["plddt"] == 0  # predictions teach no confidence
