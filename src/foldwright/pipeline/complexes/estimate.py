"""`--estimate-memory` of complexes: what every job would need, with no weights at hand and nothing begun."""

from __future__ import annotations

from collections.abc import Iterator

from foldwright.pipeline.complexes.fit import load_of, room
from foldwright.pipeline.complexes.options import MODEL, ComplexOptions
from foldwright.pipeline.complexes.prepare import ComplexInputs, read_inputs
from foldwright.pipeline.memory import gigabytes
from foldwright.pipeline.prepare import find_device
from foldwright.pipeline.results import FailedJob


def complex_estimates(inputs: ComplexInputs, options: ComplexOptions) -> Iterator[str | FailedJob]:
    """A line for each job with the estimated peak, one sample at a time and all at once, and what is free."""
    device = find_device(options.device)
    free, config = room(device, options), options.config()
    read, failures = read_inputs(inputs, options)
    yield from failures
    for item in read:
        table = item.prepared.table
        load = load_of(config, table, device, options.precision)
        together = config.sampling.num_samples
        least, most = load.peak_bytes(1), load.peak_bytes(together)
        fits = "fits" if least <= free else f"too large: {load.largest_fitting(free)} would fit"
        several = f" ({gigabytes(most)} with {together} samples together)" if together > 1 else ""
        size = f"{gigabytes(least)}{several} of {gigabytes(free)} free"
        yield f"{item.job.name} {len(table)} tokens {MODEL} {size}: {fits}"
