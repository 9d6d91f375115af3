"""Reading mmCIF, against AlphaFold 2's parser (../shared/oracles/af2/data; commands in its README)."""

import json
from pathlib import Path

import numpy as np
import pytest

from foldwright.io.mmcif import read_mmcif

ORACLES = Path(__file__).parents[3] / "shared" / "oracles" / "af2" / "data"


@pytest.mark.shared
@pytest.mark.parametrize("pdb_id", ["2q2k", "3u8v", "3zee", "4i6p", "4zey"])
def test_chains_equal_deepmind(pdb_id):
    theirs = np.load(ORACLES / f"mmcif_{pdb_id}.npz")
    index = json.loads((ORACLES / "index.json").read_text())[f"mmcif_{pdb_id}"]
    structure = read_mmcif(ORACLES / "inputs" / f"{pdb_id}.cif")
    header = index["header"]
    assert structure.header.method == header["structure_method"]
    assert structure.header.release_date == header["release_date"]
    assert structure.header.resolution == header["resolution"]
    assert dict(zip(structure.chain_ids, structure.sequences, strict=True)) == index["seqres"]
    for chain_id, facts in index["chains"].items():
        chain = structure.chain(chain_id)
        np.testing.assert_array_equal(chain.mask, theirs[f"{chain_id}/mask"])
        np.testing.assert_array_equal(chain.positions, theirs[f"{chain_id}/pos"])
        assert np.flatnonzero(~chain.is_resolved).tolist() == facts["missing"]
        assert "".join("H" if het else " " for het in chain.is_hetero) == facts["hetflags"]
        for place, number, code in facts["auth"]:
            assert chain.author_numbers[place] == number
            assert chain.insertion_codes[place] == code.strip()
        assert 0 < chain.mask.mean() < 1
