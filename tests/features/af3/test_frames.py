"""`frames_mask` of the released AlphaFold 3: batch_tiny.npz, and ../shared/oracles/af3/featurisation."""

from pathlib import Path

import numpy as np
import pytest

from foldwright.features.af3.frames import bent, has_frame

COMMITTED = Path(__file__).parents[2] / "oracles" / "af3"
SHARED = Path(__file__).parents[4] / "shared" / "oracles" / "af3"


def disagreements(path: Path) -> tuple[int, int]:
    """Tokens for which the stored mask differs, and tokens without a frame."""
    if not path.exists():
        pytest.skip("needs ../shared")
    with np.load(path) as arrays:
        n = int(arrays["seq_length"])
        stored, ligand = arrays["frames_mask"][:n], arrays["is_ligand"][:n]
        found = has_frame(ligand, arrays["ref_pos"][:n, 0], arrays["ref_space_uid"][:n, 0])
    return int((found != stored).sum()), int((~found).sum())


def test_frames_are_those_of_the_released_program():
    assert disagreements(COMMITTED / "batch_tiny.npz") == (0, 0)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["batch_e2e", "featurisation/prot_ptm_lig_seed1", "featurisation/odd_seed1"])
def test_ions_have_no_frame_and_the_other_tokens_here_have(name):
    wrong, without = disagreements(SHARED / f"{name}.npz")
    assert wrong == 0
    assert without > 0


def test_three_atoms_in_line_span_nothing():
    line = np.array([[0.0, 0, 0], [1, 0, 0], [2.1, 0, 0]])
    assert bent(line).tolist() == [False] * 3
    assert bent(line[:2]).tolist() == [False] * 2
    corner = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1.1, 0]])
    assert bent(corner).tolist() == [True] * 3
    mask = has_frame(np.array([True, True, True, False]), np.vstack([line, corner[:1]]), np.array([0, 0, 0, 1]))
    assert mask.tolist() == [False, False, False, True]
