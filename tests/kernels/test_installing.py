"""What installing a plan changes in a model, and what it does not."""

import logging
from dataclasses import replace

import pytest
import torch

from foldwright import kernels
from foldwright.kernels import installing, precision
from foldwright.kernels.cpu_rows import CPUTransition
from foldwright.kernels.fast import Fast
from foldwright.kernels.planning import CPU_TRAINING
from foldwright.models.af2.config import Evoformer, ExtraMSAStack
from foldwright.models.af2.evoformer import EvoformerStack
from foldwright.models.af2.evoformer import ExtraMSAStack as ExtraStack
from foldwright.nn.msa_attention import MSAColumnAttention
from foldwright.nn.transition import Transition

SIZES = Evoformer(
    num_blocks=2,
    c_m=16,
    c_z=16,
    c_s=20,
    msa_heads=2,
    c_msa_attention=16,
    pair_heads=2,
    c_pair_attention=16,
    c_triangle=16,
)


def randomised(model):
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def inputs(s=5, n=7, c_m=16):
    msa_mask, pair_mask = (torch.rand(s, n) > 0.3).float(), (torch.rand(n, n) > 0.3).float()
    msa_mask[1] = 0
    return torch.randn(s, n, c_m), torch.randn(n, n, 16), msa_mask, pair_mask


@pytest.fixture(params=["evoformer", "multimer", "extra"])
def stack_and_inputs(request):
    sizes = replace(SIZES, outer_product_first=request.param == "multimer")
    if request.param == "extra":
        extra = ExtraMSAStack(num_blocks=2, c_e=8, msa_heads=2, c_msa_attention=4)
        return randomised(ExtraStack(sizes, extra)), inputs(c_m=8)
    return randomised(EvoformerStack(sizes)), inputs()


def values(stack, arguments):
    with torch.inference_mode():
        out = stack(*(x.clone() for x in arguments))
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("training", [False, True])
def test_an_installed_model_computes_the_same(stack_and_inputs, training):
    stack, arguments = stack_and_inputs
    expected = values(stack, arguments)
    kernels.install(stack, replace(kernels.plan("cpu", 7, training), piece_bytes=2000))
    assert any(isinstance(layer, Fast) for layer in stack.modules())
    for found, value in zip(values(stack, arguments), expected, strict=True):
        torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-4)
        assert value.std() > 0.1


def test_keys_and_parameters_stay(stack_and_inputs):
    stack, _ = stack_and_inputs
    before = {name: id(parameter) for name, parameter in stack.named_parameters()}
    keys = list(stack.state_dict())
    kernels.install(stack, kernels.plan("cpu", 7, training=False, precision="bfloat16"))
    assert {name: id(parameter) for name, parameter in stack.named_parameters()} == before
    assert list(stack.state_dict()) == keys


def test_gradients_pass_through_an_installed_model(stack_and_inputs):
    stack, arguments = stack_and_inputs
    gradients = []
    for install in (False, True):
        if install:
            kernels.install(stack, kernels.plan("cpu", 7, training=True))
        stack.zero_grad()
        out = stack(*arguments)
        (out[1] if isinstance(out, tuple) else out).sin().sum().backward()
        gradients.append({name: p.grad.clone() for name, p in stack.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    size = max(float(x.norm()) for x in gradients[0].values())
    for name, expected in gradients[0].items():
        assert float((gradients[1][name] - expected).norm()) < 1e-4 * size, name


def test_residual_updates_overwrite_the_stream_in_inference_alone():
    stack, (m, z, msa_mask, pair_mask) = randomised(EvoformerStack(SIZES)), inputs()
    before = z.clone()
    kernels.install(stack, kernels.plan("cpu", 7, training=False))
    out = stack(m, z, msa_mask, pair_mask)  # gradients are recorded
    assert torch.equal(z, before)
    assert out[1].requires_grad
    with torch.no_grad():
        _, changed, _ = stack(m, z, msa_mask, pair_mask)
    assert changed.data_ptr() == z.data_ptr()
    assert not torch.equal(z, before)


def test_a_plan_can_be_replaced_and_removed():
    stack = randomised(EvoformerStack(SIZES))
    classes = [type(layer) for layer in stack.modules()]
    kernels.install(stack, kernels.plan("cpu", 7, training=False))
    kernels.install(stack, kernels.plan("cpu", 7, training=True))
    assert type(stack.blocks[0].column_attention) is CPU_TRAINING[MSAColumnAttention]
    kernels.uninstall(stack)
    assert [type(layer) for layer in stack.modules()] == classes


def test_a_kernel_that_disagrees_is_left_out_and_said_once(caplog):
    class Wrong(Fast, Transition):
        def positions(self, x):
            return super().positions(x) + 1

    stack, arguments = randomised(EvoformerStack(SIZES)), inputs()
    expected = values(stack, arguments)
    plan = kernels.plan("cpu", 7, training=False)
    with caplog.at_level(logging.WARNING, "foldwright.kernels"):
        kernels.install(stack, replace(plan, kernels={**plan.kernels, Transition: Wrong}))
    assert not any(isinstance(layer, Wrong) for layer in stack.modules())
    assert [record.message for record in caplog.records if "Wrong" in record.message] == [
        f"Wrong is not used on cpu: it is off by {installing.check(Transition, Wrong, plan.device).error:.1e}"
    ]
    torch.testing.assert_close(values(stack, arguments)[1], expected[1], rtol=1e-4, atol=1e-4)


def test_where_a_kernel_disagrees_the_one_it_is_built_on_serves():
    class Wrong(CPUTransition):
        def positions(self, x):
            return super().positions(x) + 1

    stack, plan = randomised(EvoformerStack(SIZES)), kernels.plan("cpu", 7, training=False)
    kernels.install(stack, replace(plan, kernels={**plan.kernels, Transition: Wrong}))
    assert type(stack.blocks[0].msa_transition) is CPUTransition


def test_every_kernel_passes_on_this_machine():
    results = kernels.self_check(torch.device("cpu"))
    assert len(results) > 15
    assert [result.name for result in results if not result.passed] == []


def test_a_plan_can_be_read():
    text = str(kernels.plan("cpu", 200, training=False, precision="bfloat16"))
    assert "cpu · bfloat16 products" in text
    assert "TriangleMultiplicationOutgoing   CompiledTriangleMultiplicationOutgoing" in text
    assert "copied" in str(kernels.plan("cpu", 200, training=True))


def test_half_precision_is_refused():
    with pytest.raises(ValueError, match="float16"):
        kernels.plan("cpu", 10, training=False, precision="float16")


@pytest.mark.parametrize(("speed_up", "chosen"), [(0.0, "float32"), (1.2, "float32"), (3.0, "bfloat16")])
def test_auto_takes_bfloat16_where_it_is_measured_faster(monkeypatch, speed_up, chosen):
    monkeypatch.setattr(precision, "speed_up", lambda device_type: speed_up)
    assert kernels.plan("cpu", 10, training=False, precision="auto").precision == chosen


def test_bfloat16_products_stay_within_the_promised_accuracy(stack_and_inputs):
    stack, arguments = stack_and_inputs
    expected = values(stack, arguments)
    kernels.install(stack, kernels.plan("cpu", 7, training=False, precision="bfloat16"))
    for found, value in zip(values(stack, arguments), expected, strict=True):
        assert found.dtype == torch.float32
        error = float((found - value).norm() / value.norm())
        assert 1e-5 < error < precision.RELATIVE_ERROR["bfloat16"]


def test_large_allocations_are_kept_where_the_c_library_can():
    assert kernels.keep_large_allocations() in (True, False)
