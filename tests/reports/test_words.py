"""What the page says in words agrees with the numbers."""

import json

import numpy as np
import pytest

from foldwright.reports.results import Chain, read_results
from foldwright.reports.words import describe_errors, describe_plddt, stretches, verdicts

A, B = Chain(name="A", sequence="A" * 6, start=0), Chain(name="B", sequence="A" * 4, start=6)


def test_stretches_end_at_the_chain_and_count_from_one():
    chosen = np.array([1, 1, 0, 0, 1, 1, 1, 0, 0, 1], bool)
    assert stretches(chosen, [A, B]) == ["A 1-2", "A 5-6", "B 1", "B 4"]
    assert stretches(chosen, [A, B], most=2) == ["A 1-2", "A 5-6", "and 2 shorter stretches"]


def test_shares_of_confidence_and_the_doubtful_part_are_named():
    text = describe_plddt(np.array([95, 95, 80, 60, 40, 30], np.float32), [A])
    assert "Mean 66.7: 33% very high, 17% confident, 17% low, 33% very low." in text
    assert "Very low: 5-6." in text


def test_errors_between_chains_are_told_apart_from_those_within():
    pae = np.full((10, 10), 2.0)
    pae[:6, 6:], pae[6:, :6] = 8.0, 12.0
    assert describe_errors(pae, [A, B]) == (
        "Mean expected error within chains: A 2.0 Å, B 2.0 Å. Between chains: 8.0 to 12.0 Å."
    )


@pytest.mark.parametrize(
    ("iptm", "says"), [(0.9, "expected to be right"), (0.7, "right or wrong"), (0.3, "not to be trusted")]
)
def test_the_verdict_follows_the_score(dimer, iptm, says):
    path = dimer / "model_1_multimer_v3_seed0_scores.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"iptm": iptm}), "utf-8")
    found = {name: (value, text) for name, value, text in verdicts(read_results(dimer))}
    assert found["ipTM"][0] == f"{iptm:.2f}"
    assert says in found["ipTM"][1]


def test_a_single_chain_has_no_verdict_on_interfaces(monomer):
    assert [name for name, _, _ in verdicts(read_results(monomer))] == ["mean pLDDT", "pTM"]
