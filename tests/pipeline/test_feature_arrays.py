"""From a job's sequences to the features of the released program: search, templates and all."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from foldwright.features.af3.msa import MAX_ROWS
from foldwright.pipeline.evidence import evidence_of
from foldwright.pipeline.feature_arrays import FeatureOptions, features_of

pytest.importorskip("biotite", reason="extra af3")
pytest.importorskip("rdkit", reason="extra af3")

SHARED = Path(__file__).parents[3] / "shared"
INPUTS = SHARED / "data" / "af3_inputs"
SEQUENCE = (  # of 5tgy, with which the released program tests itself
    "SEFEKLRQTGDELVQAFQRLREIFDKGDDDSLEQVLEEIEELIQKHRQLFDNRQEAADTEAAKQGDQWVQLFQRFREAIDKGDKDSLEQLLEELEQALQKIRELAEKKN"
)


@pytest.mark.shared
def test_a_searched_job_has_the_features_that_the_released_program_tests_itself_with(tmp_path, monkeypatch):
    """Hashes: test_data/featurised_example.json of AlphaFold 3, made with the miniature databases beside it."""
    golden = INPUTS / "alphafold3" / "src" / "alphafold3" / "test_data" / "featurised_example.json"
    if not golden.is_file():
        pytest.skip("no ../shared")
    monkeypatch.setenv("FOLDWRIGHT_CACHE", str(tmp_path / "cache"))
    chains = [{"protein": {"id": "P", "sequence": SEQUENCE}}, {"ligand": {"id": "LL", "ccdCodes": ["7BU"]}}]
    job = {"name": "5tgy", "modelSeeds": [1234], "sequences": chains, "dialect": "alphafold3", "version": 4}
    (tmp_path / "job.json").write_text(json.dumps(job))
    evidence = evidence_of(preset="af3", databases=INPUTS / "alphafold3_minidb")
    ccd = SHARED / "oracles" / "af3" / "ccd_subset.json.gz"
    _, arrays = features_of(tmp_path / "job.json", FeatureOptions(evidence=evidence, is_strict=False, ccd=ccd))
    made = dict(arrays)
    for name in ("msa", "msa_mask", "deletion_matrix"):
        made[name] = np.pad(made[name], ((0, MAX_ROWS - len(made[name])), (0, 0)))
    hashes = {name: text for name, text in json.loads(golden.read_text())[0].items() if not text.startswith("<<")}
    assert {name: hashlib.sha256(made[name].tobytes()).hexdigest() for name in hashes} == hashes
    assert made["template_atom_mask"].any(axis=(1, 2)).all()  # four templates were found
    assert len(hashes) > 50
