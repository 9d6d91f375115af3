"""From what the network returns to what scores are made of."""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from foldwright.features.af3.batch import AF3Batch
from foldwright.metrics.af3_scores import PredictedErrors
from foldwright.models.af3.outputs import Confidence


def predicted_errors(
    batch: AF3Batch, confidence: Confidence, contact_probabilities: Float[Tensor, "n n"]
) -> PredictedErrors:
    """The errors expected of one structure, without padding; `metrics.af3_scores.scores` reads them."""
    keep = batch.tokens.mask.bool().cpu().numpy()

    def of_tokens(x: Tensor) -> np.ndarray:
        return x.detach().cpu().numpy()[keep]

    def of_pairs(x: Tensor) -> np.ndarray:
        return x.detach().float().cpu().numpy()[np.ix_(keep, keep)]

    return PredictedErrors(
        asym_id=of_tokens(batch.tokens.asym_id),
        has_frame=of_tokens(batch.frames_mask),
        tm_global=of_pairs(confidence.tm_global),
        tm_interface=of_pairs(confidence.tm_interface),
        pae=of_pairs(confidence.pae),
        pde=of_pairs(confidence.pde),
        contact_probabilities=of_pairs(contact_probabilities),
    )
