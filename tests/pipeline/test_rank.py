"""The best prediction comes first, by a measure that all predictions of the job have."""

import pytest

from foldwright.pipeline.rank import Confidence, ranked, ranking_record


def confidence(plddt, ptm=None, iptm=None):
    return Confidence(mean_plddt=float(plddt), ptm=ptm, iptm=iptm)


def test_one_chain_is_ranked_by_plddt_whatever_ptm_says():
    found = {"a": confidence(70, ptm=0.9), "b": confidence(80, ptm=0.1), "c": confidence(75)}
    assert ranked(found) == ["b", "c", "a"]


def test_a_complex_is_ranked_by_interface_confidence():
    found = {"a": confidence(90, ptm=0.5, iptm=0.3), "b": confidence(50, ptm=0.4, iptm=0.35)}
    assert ranked(found) == ["b", "a"]
    record = ranking_record(found)
    assert record["values"]["b"] == pytest.approx(0.8 * 0.35 + 0.2 * 0.4)
    assert record["files"] == {"ranked_0": "b", "ranked_1": "a"}


def test_a_model_without_interface_confidence_is_compared_by_what_both_have():
    found = {"multimer": confidence(60, ptm=0.5, iptm=0.9), "monomer": confidence(70)}
    assert ranked(found) == ["monomer", "multimer"]
    assert ranking_record(found)["ranked_by"] == "mean pLDDT"


def test_equals_keep_their_order():
    assert ranked({"x": confidence(50), "a": confidence(50)}) == ["x", "a"]
