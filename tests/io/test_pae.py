"""Aligned errors as the programs write them, and finding their file."""

import json

import numpy as np
import pytest

from foldwright.chem.atoms import ATOM37_MASK
from foldwright.chem.residues import sequence_to_aatype
from foldwright.errors import InputError
from foldwright.io.pae import find_pae, read_pae
from foldwright.io.structure import Structure

PAE = [[0.5, 9.0, 20.0], [8.0, 0.5, 15.0], [21.0, 16.0, 0.5]]


@pytest.fixture
def written(tmp_path):
    def write(content, name="x.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def structure_of(*sequences, chain_ids=None):
    letters = "".join(sequences)
    mask = ATOM37_MASK[sequence_to_aatype(letters)]
    positions = np.ones((len(letters), 37, 3))
    return Structure.of_sequences(sequences, positions, mask, np.full(len(letters), 50.0), chain_ids=chain_ids)


@pytest.mark.parametrize(
    "content",
    [
        [{"predicted_aligned_error": PAE, "max_predicted_aligned_error": 31.75}],  # AlphaFold database, Foldwright
        {"predicted_aligned_error": PAE, "max_predicted_aligned_error": 31.75},
        {"plddt": [90, 80, 70], "max_pae": 31.75, "pae": PAE, "ptm": 0.5, "iptm": 0.4},  # ColabFold
        [
            {"residue1": [1, 1, 1, 2], "residue2": [1, 2, 3, 1], "distance": np.ravel(PAE).tolist()}
        ],  # AlphaFold database, 2021
    ],
)
def test_errors_are_read_whatever_program_wrote_them(written, content):
    errors = read_pae(written(content))
    np.testing.assert_array_equal(errors.pae, PAE)
    np.testing.assert_array_equal(errors.of_residues(structure_of("AC", "D")), PAE)
    assert errors.ptm == (0.5 if "ptm" in content else None)


def test_tokens_of_ligands_are_left_out_and_a_modified_residue_is_its_first(written):
    """AlphaFold 3: chain B residue 2 is three tokens, chain L a ligand."""
    chains, numbers = list("AABBBBL"), [1, 2, 1, 2, 2, 2, 1]
    pae = np.arange(49.0).reshape(7, 7)
    record = {"pae": pae.tolist(), "token_chain_ids": chains, "token_res_ids": numbers}
    errors = read_pae(written(record))
    structure = structure_of("AC", "DE", chain_ids=["A", "B"])
    np.testing.assert_array_equal(errors.of_residues(structure), pae[:4, :4])
    with pytest.raises(InputError, match="no errors for residue 1 of chain C"):
        errors.of_residues(structure_of("AC", "DE", chain_ids=["A", "C"]), "x.json")


def test_errors_of_another_structure_are_refused(written):
    path = written({"pae": PAE})
    with pytest.raises(InputError, match=r"x\.json: the errors are of 3 residues, the structure has 4"):
        read_pae(path).of_residues(structure_of("ACDE"), path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ([], "no aligned errors"),
        ({"plddt": [1]}, "no aligned errors"),
        ({"pae": [[1, 2], [3]]}, "not a square of numbers"),
        ({"pae": [[1, 2, 3], [3, 4, 5]]}, "not a square"),
        ({"pae": [[1, "x"], [3, 4]]}, "not a square of numbers"),
        ({"pae": [[1, -2], [3, 4]]}, "no distance"),
        ('{"pae": [[1, NaN], [3, 4]]}', "no distance"),
        ({"distance": [1, 2, 3]}, "not a square"),
        ({"pae": PAE, "token_chain_ids": ["A"], "token_res_ids": [1]}, "3 rows of errors"),
    ],
)
def test_a_file_that_holds_no_errors_is_refused_by_name(written, content, message):
    path = written(content)
    with pytest.raises(InputError, match=message) as error:
        read_pae(path)
    assert "x.json" in str(error.value)


@pytest.mark.parametrize(
    ("structure", "pae"),
    [
        ("model_1_ptm_seed0.cif", "model_1_ptm_seed0_scores.json"),
        ("model_1_ptm_seed0_relaxed.pdb", "model_1_ptm_seed0_scores.json"),
        ("model_1_ptm_seed0.pdb", "model_1_ptm_seed0_pae.json"),
        ("unrelaxed_model_1_multimer_v3_pred_0.pdb", "pae_model_1_multimer_v3_pred_0.json"),
        ("relaxed_model_1_multimer_v3_pred_0.pdb.gz", "pae_model_1_multimer_v3_pred_0.json"),
        ("x_unrelaxed_rank_001_alphafold2_ptm_model_3.pdb", "x_scores_rank_001_alphafold2_ptm_model_3.json"),
        ("x_relaxed_rank_001_alphafold2_ptm_model_3.pdb", "x_scores_rank_001_alphafold2_ptm_model_3.json"),
        ("x_unrelaxed_rank_1_model_3.pdb", "x_predicted_aligned_error_v1.json"),
        ("AF-P69905-F1-model_v4.cif", "AF-P69905-F1-predicted_aligned_error_v4.json"),
        ("fold_x_model_0.cif", "fold_x_full_data_0.json"),
        ("x_model.cif", "x_confidences.json"),
        ("model.cif", "confidences.json"),
        ("x_model.cif.gz", "x_confidences.json.gz"),
    ],
)
def test_the_file_beside_a_structure_is_found_by_its_name(tmp_path, structure, pae):
    (tmp_path / pae).write_text("[]")
    (tmp_path / "other_scores.json").write_text("[]")
    assert find_pae(tmp_path / structure) == tmp_path / pae
    assert find_pae(tmp_path / "nothing.pdb") is None


@pytest.mark.parametrize(("table", "pae"), [("ranking.json", "b_scores.json"), ("ranking_debug.json", "pae_b.json")])
def test_a_ranked_structure_has_the_errors_of_the_prediction_it_is(tmp_path, table, pae):
    for name in ("a_scores.json", "pae_a.json", pae):
        (tmp_path / name).write_text("[]")
    (tmp_path / table).write_text(json.dumps({"order": ["a", "b"]}))
    assert find_pae(tmp_path / "ranked_1.pdb") == tmp_path / pae
    assert find_pae(tmp_path / "ranked_2.pdb") is None
