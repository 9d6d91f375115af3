"""Marks at the borders of operations tell their time apart and change nothing else."""

from collections import Counter
from dataclasses import replace

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from foldwright.models.af2.presets import preset
from foldwright.profiling.clock import BACKWARD, FORWARD, Clock, counting, marked, timing
from foldwright.profiling.measure import clocked, measure_operations
from foldwright.profiling.operations import LOSSES, ORDER, OTHER, RESIDUAL, places
from foldwright.profiling.peak import Peak
from foldwright.profiling.workload import make_workload
from foldwright.training.blocks import recompute
from foldwright.training.recipes import variants

CPU = torch.device("cpu")
PEAK = Peak(flops_per_s=1e10, bytes_per_s=1e9)


class Slow(torch.autograd.Function):
    """Takes time on a clock of its own, which stands still otherwise."""

    now = 0

    @staticmethod
    def forward(ctx, x, forward_s, backward_s):
        ctx.backward_s = backward_s
        Slow.now += forward_s
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        Slow.now += ctx.backward_s
        return gradient, None, None


class Sleeper(nn.Module):
    """A layer that does nothing for a while."""

    def __init__(self, forward_s, backward_s):
        super().__init__()
        self.seconds = forward_s, backward_s

    def forward(self, x):
        return Slow.apply(x, *self.seconds)


class Structure(Sleeper):
    """An operation within an operation."""

    def __init__(self, forward_s, backward_s, ipa):
        super().__init__(forward_s, backward_s)
        self.ipa = ipa

    def forward(self, x):
        return super().forward(self.ipa(super().forward(x)))


class Sleepers(nn.Module):
    def __init__(self):
        super().__init__()
        self.row_attention = Sleeper(2, 6)
        self.structure_module = Structure(3, 1, ipa=Sleeper(5, 8))

    def forward(self, x):
        return x + self.structure_module(x + self.row_attention(x))


def test_every_operation_gets_its_own_time_in_both_directions(monkeypatch):
    monkeypatch.setattr("foldwright.profiling.clock.perf_counter", lambda: Slow.now)
    model, x = Sleepers(), torch.randn(3, requires_grad=True)
    clock = Clock(CPU)
    with timing(model, clock):
        clock.switch(OTHER, FORWARD)
        out = model(x)
        clock.switch(LOSSES)
        loss = Slow.apply(out.sum(), 10, 40)
        clock.switch(LOSSES, BACKWARD)
        loss.backward()
        clock.switch(OTHER)
    assert clock.seconds() == {
        (FORWARD, OTHER): 0,
        (BACKWARD, OTHER): 0,
        (FORWARD, "MSA row attention"): 2,
        (FORWARD, "structure module, rest"): 6,
        (FORWARD, "invariant point attention"): 5,
        (FORWARD, LOSSES): 10,
        (BACKWARD, "MSA row attention"): 6,
        (BACKWARD, "structure module, rest"): 2,
        (BACKWARD, "invariant point attention"): 8,
        (BACKWARD, LOSSES): 40,
    }


def test_marks_change_neither_loss_nor_gradients(workload):
    def gradients():
        _, loss = workload.losses(workload.forward())
        loss.backward()
        return loss.detach(), [p.grad.clone() for p in workload.model.parameters()]

    plain_loss, plain = gradients()
    with timing(workload.model, Clock(CPU)), counting(workload.model):
        loss, watched = gradients()
    assert loss == plain_loss
    assert sum(g.abs().sum() > 0 for g in plain) > 100
    for a, b in zip(plain, watched, strict=True):  # sums over the users of a tensor may be taken in another order
        assert (a - b).norm() <= 1e-5 * a.norm() + 1e-6
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in workload.model.modules())


def test_every_operation_of_the_network_is_timed_in_both_directions(workload):
    found = clocked(workload)
    expected = set(ORDER) - {"templates"}
    assert {name for phase, name in found if phase == FORWARD} == expected
    assert {name for phase, name in found if phase == BACKWARD} == expected
    assert all(seconds > 0 for seconds in found.values())


def test_a_recomputed_block_is_timed_where_it_is_recomputed(workload):
    plain = len(calls_of(workload))
    recompute(workload.model)
    again = calls_of(workload)
    assert len(again) > plain
    assert sum(phase == BACKWARD and name == "outer product mean" for phase, name, _ in again) > 2


def calls_of(workload):
    clock = Clock(CPU)
    with timing(workload.model, clock):
        clock.switch(OTHER, FORWARD)
        _, loss = workload.losses(workload.forward())
        clock.switch(LOSSES, BACKWARD)
        loss.backward()
    assert not any(module._forward_hooks for module in workload.model.modules())
    return clock.marks


def test_the_products_of_a_step_are_those_that_torch_counts(workload):
    with counting(workload.model) as counts, FlopCounterMode(display=False) as forward:
        output = workload.forward()
    loss = sum(x.sum() for x in output.flat().values() if x.requires_grad)
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    assert sum(p.flops for _, _, p in counts.products) == forward.get_total_flops() > 1e6
    ours, theirs = sum(p.backward_flops for _, _, p in counts.products), backward.get_total_flops()
    # The first layer's frames have no gradient, nor have the zeros that the first pass recycles.
    assert abs(ours / theirs - 1) < 0.01


def test_passes_without_gradient_have_no_backward_cost(recipe, sizes, setting):
    one = measure_operations(make_workload(recipe, sizes, setting), 1, PEAK)
    three = measure_operations(make_workload(recipe, replace(sizes, passes=3), setting), 1, PEAK)
    for a, b in zip(one, three, strict=True):
        assert b.forward_flops == 3 * a.forward_flops
        # Recycled pairs have no gradient, nor had the zeros of the first pass.
        assert b.backward_flops == a.backward_flops


def test_every_parameter_of_a_published_network_is_part_of_a_counted_layer():
    with torch.device("meta"):
        model = variants.build("alphafold", preset("model_1_ptm"))
    counted = Counter(id(p) for place in places(model) if place.is_counted for p in place.module.parameters())
    lone = [name for name, p in model.named_parameters() if id(p) not in counted]
    assert all("norm" in name for name in lone), lone
    assert max(counted.values()) == 1
    names = {place.operation for place in places(model)}
    assert {"templates", RESIDUAL, "MSA row attention", "invariant point attention"} <= names


def test_an_exchanged_layer_keeps_the_name_of_its_operation(recipe):
    model = variants.build("no_triangles", recipe.model)
    names = {place.operation for place in places(model)}
    assert {"triangle multiplication, outgoing", "triangle attention, ending", "MSA row attention"} <= names


def test_a_value_without_gradients_is_not_marked():
    told = []
    value = (torch.ones(2), [torch.zeros(3)], "text", None)
    assert marked(value, lambda: told.append(1)) is value
    x = torch.ones(2, requires_grad=True)
    out = marked({"not": "entered"}, lambda: told.append(1))
    assert out == {"not": "entered"}
    (y,) = marked([x], lambda: told.append(1))
    y.sum().backward()
    assert told == [1]
    assert torch.equal(x.grad, torch.ones(2))
