"""Peak memory of one prediction of AlphaFold 3 beside its estimate.

`measure_complex_memory.py TOKENS ROWS SAMPLES [BLOCKS OF THE DENOISER [TEMPLATES]]` prints both in bytes.
"""

import sys
from dataclasses import replace

import torch
from complexes import ATOMS, random_complex
from machine import peak

from foldwright import kernels
from foldwright.kernels.memory_complexes import estimate_complex_bytes
from foldwright.models.af3.model import AlphaFold3
from foldwright.models.af3.presets import af3
from foldwright.models.af3.sampler import SeededDraws


def main(n: int, num_rows: int, num_samples: int, num_blocks: int = 8, num_templates: int = 4) -> None:
    """Two passes, one step and the heads, of a few blocks each: depth changes the weights and the denoiser's logits."""
    kernels.keep_large_allocations()
    config = af3()
    config = replace(
        config,
        templates=replace(config.templates, num_blocks=1),
        msa=replace(config.msa, num_blocks=1),
        pairformer=replace(config.pairformer, num_blocks=1),
        diffusion=replace(config.diffusion, num_blocks=num_blocks),
        sampling=replace(config.sampling, num_steps=1),
        heads=replace(config.heads, num_confidence_blocks=1),
    )
    plan = kernels.plan("cpu", n, training=False)
    model = kernels.install(AlphaFold3(config).eval(), plan)
    batch = random_complex(n, num_rows, num_templates)
    with torch.inference_mode():
        model(batch, [torch.arange(num_rows)] * 2, SeededDraws(seed=1, samples=range(num_samples), num_tokens=n))
    print(peak(), estimate_complex_bytes(config, n, ATOMS * n, num_rows, num_samples, plan))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
