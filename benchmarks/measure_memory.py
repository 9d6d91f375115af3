"""Peak memory of one prediction beside its estimate: `measure_memory.py residues clusters extra templates`."""

import sys
from dataclasses import replace

import torch
from inputs import random_batch
from machine import peak

from foldwright import kernels
from foldwright.kernels.memory import estimate_peak_bytes
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import preset


def main(n: int, num_clusters: int, num_extra: int, num_templates: int) -> None:
    """Two passes through two Evoformer blocks: depth changes the weights and nothing else about memory."""
    kernels.keep_large_allocations()
    config = preset("model_1_ptm")
    config = replace(
        config, trunk=replace(config.trunk, num_blocks=2), extra_msa=replace(config.extra_msa, num_blocks=1)
    )
    plan = kernels.plan("cpu", n, training=False)
    model = kernels.install(AlphaFold(config).eval(), plan)
    batch = random_batch(n, num_clusters, num_extra, num_templates)
    with torch.inference_mode():
        model([[batch], [batch]])
    estimated = estimate_peak_bytes(config, n, num_clusters, num_extra, num_templates, plan)
    print(peak(), estimated)  # of this process alone: ru_maxrss would begin with what the one that started it used


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
