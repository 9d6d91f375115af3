"""`foldwright.predict`: typed results from a sequence, a file or a job, with or without files."""

import subprocess
import sys

import numpy as np
import pytest

import foldwright
from foldwright.errors import InputError
from foldwright.io.job import ChainInput, Job
from foldwright.pipeline.predict import JobsFailed

TINY = {
    "trunk.num_blocks": 1,
    "trunk.c_m": 16,
    "trunk.c_z": 8,
    "trunk.c_s": 16,
    "trunk.c_triangle": 8,
    "extra_msa.num_blocks": 1,
    "structure.num_layers": 1,
    "recycling.num_recycles": 0,
}
SEQUENCE = "MKTAYIAKQRQISFV"


def predict(inputs, **options):
    return foldwright.predict(inputs, weights="rule", **({"overrides": TINY} | options))


def test_a_sequence_gives_a_structure_with_confidence_and_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (found,) = predict(SEQUENCE)
    assert isinstance(found, foldwright.Prediction)
    assert found.structure.sequences == (SEQUENCE,)
    assert found.plddt.shape == (15,)
    assert found.pae.shape == (15, 15)
    assert found.plddt.std() > 0.01
    assert found.structure.positions.std() > 0.5
    assert found.structure.residue_b_factors == pytest.approx(found.plddt)
    assert 0 <= found.ptm <= 1
    assert found.iptm is None
    assert not found.paths
    assert not list(tmp_path.iterdir())


def test_a_complex_has_scores_for_chains_and_pairs():
    (found,) = predict("MKTAYIAK:MKTAYIAK:GSHMLE", model="model_1_multimer_v3")
    assert found.structure.chain_ids == ("A", "B", "C")
    assert set(found.scores.chains) == {"A", "B", "C"}
    assert set(found.scores.chain_pairs) == {"A-B", "A-C", "B-C"}
    assert 0 <= found.iptm <= 1
    block = found.pae[:8, 16:].ravel().tolist() + found.pae[16:, :8].ravel().tolist()
    assert found.scores.chain_pairs["A-C"]["mean_pae"] == pytest.approx(np.mean(block), rel=1e-5)
    assert found.scores.chain_pairs["A-C"]["min_pae"] == pytest.approx(min(block), rel=1e-5)


def test_several_jobs_come_in_order_the_best_of_each_first():
    jobs = [Job("second", (ChainInput("GSHMLEDPVE"),)), Job("first", (ChainInput(SEQUENCE),))]
    found = predict(jobs, model=["model_1", "model_2_ptm"], num_seeds=2)
    assert [p.job for p in found] == ["second"] * 4 + ["first"] * 4
    assert {p.name for p in found[:4]} == {f"{m}_seed{k}" for m in ("model_1", "model_2_ptm") for k in (0, 1)}
    for four in (found[:4], found[4:]):
        means = [p.scores.mean_plddt for p in four]
        assert means == sorted(means, reverse=True)
        assert len(set(means)) == 2  # by seed: the rule gives both models the same parameters but for the PAE head
    assert all((p.pae is None) == (p.model == "model_1") for p in found)


def test_one_seed_gives_the_same_numbers_and_another_seed_others():
    rows = "".join(f">row{i}\n{SEQUENCE[:i]}{'A' * (15 - i)}\n" for i in range(1, 15))
    first, again, other = (predict(alignment_job(rows), seed=seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(first.structure.positions, again.structure.positions)
    assert np.array_equal(first.pae, again.pae)
    assert not np.array_equal(first.structure.positions, other.structure.positions)


def alignment_job(rows):
    from foldwright.io.a3m import parse_a3m

    alignment = parse_a3m(f">query\n{SEQUENCE}\n{rows}".splitlines())
    return Job("aligned", (ChainInput(SEQUENCE, alignment),))


def test_the_only_bad_input_is_raised_as_it_is():
    with pytest.raises(InputError, match="none of the 20 amino acids"):
        predict("MKB")


def test_a_bad_job_does_not_take_the_good_ones_with_it():
    with pytest.raises(JobsFailed, match=r"nothing\.fasta") as error:
        predict([SEQUENCE, "nothing.fasta"])
    assert [p.job for p in error.value.predictions] == ["query"]
    assert [f.job for f in error.value.failures] == ["nothing"]


def test_importing_the_package_does_not_load_torch():
    code = "import sys, foldwright, foldwright.cli.main; assert 'torch' not in sys.modules; foldwright.predict"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_offers_nothing_else():
    with pytest.raises(AttributeError, match="fold_it"):
        foldwright.fold_it  # noqa: B018
