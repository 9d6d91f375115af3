"""The ledger knows what is allocated, when, and for what."""

from dataclasses import replace

import torch

from foldwright.profiling.memory import ACTIVATIONS, KINDS, TEMPORARIES, Ledger, measure_memory, split, storage_bytes
from foldwright.profiling.workload import make_workload

KILOBYTE = 256  # float32 numbers


def test_storages_are_counted_from_first_to_last_use_and_views_not_at_all():
    with Ledger() as ledger:
        ledger.begin("forward")
        a = torch.ones(KILOBYTE)
        b = a.view(16, 16)[3]
        a.add_(1)
        ledger.begin("backward")
        c = a * 2
        del a, b
        d = c + 1
        del c
    sizes = [(x.bytes, x.stage, x.died is None) for x in ledger.allocations]
    assert sizes == [(1024, "forward", False), (1024, "backward", False), (1024, "backward", True)]
    found = split(ledger, {"parameters": 5})
    assert found.peak == {"parameters": 5, ACTIVATIONS: 1024, TEMPORARIES: 1024}
    assert found.kept == 1024
    assert found.stage == "backward"
    assert d.numel() == KILOBYTE


def test_what_the_graph_keeps_stays_until_the_backward_pass():
    w = torch.ones(KILOBYTE, requires_grad=True)
    with Ledger() as ledger:
        ledger.begin("forward")
        loss = (w * 3).exp().sin().sum()  # exp keeps its result, sin its input: the same; the product keeps nothing
        ledger.begin("backward")
        loss.backward()
        del loss
    found = split(ledger, {})
    assert 1024 <= found.kept <= 1024 + 8
    assert found.timeline[-1][1][ACTIVATIONS] <= 8


def test_a_step_is_split_into_what_it_holds(workload):
    workload.step()
    found = measure_memory(workload)
    parameters = 4 * sum(p.numel() for p in workload.model.parameters())
    assert set(found.peak) == set(KINDS)
    assert found.peak["parameters"] == parameters == found.peak["average"]
    assert 2 * parameters <= found.peak["optimiser"] < 2.01 * parameters  # two moments, and one count for each tensor
    assert 2 * parameters <= found.peak["gradients"] < 2.2 * parameters  # of an example and of the step, aligned
    assert found.peak["batch"] == storage_bytes(
        [*workload.passes[0][0].flat().values(), *workload.labels.flat().values()]
    )
    assert found.peak[ACTIVATIONS] > 1e5
    assert found.total == sum(found.peak.values()) == max(found.by_stage.values())
    assert found.timeline[-1][1][ACTIVATIONS] < found.kept / 20


def test_checkpointed_blocks_keep_little(recipe, sizes, setting):
    recipe = replace(recipe, model=replace(recipe.model, trunk=replace(recipe.model.trunk, num_blocks=4)))
    kept = {}
    for is_checkpointed in (False, True):
        workload = make_workload(replace(recipe, is_checkpointed=is_checkpointed), sizes, setting)
        with Ledger() as ledger:
            ledger.begin("forward")
            output = workload.forward()
            ledger.begin("backward")
        kept[is_checkpointed] = split(ledger, {}).kept
        assert output.positions.std() > 0
    assert kept[True] < 0.5 * kept[False]
