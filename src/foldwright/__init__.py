"""AlphaFold 2 and AlphaFold 3 in one PyTorch package: predict, train, profile and learn."""

from typing import TYPE_CHECKING

from foldwright.version import __version__

if TYPE_CHECKING:
    from foldwright.pipeline.complexes.predict import ComplexPrediction, predict_complexes
    from foldwright.pipeline.predict import Prediction, predict

__all__ = ["ComplexPrediction", "Prediction", "__version__", "predict", "predict_complexes"]


def __getattr__(name: str):
    """`foldwright.predict` loads torch when it is first used, not when the package is imported."""
    if name in ("Prediction", "predict"):
        from foldwright.pipeline import predict as module

        return getattr(module, name)
    if name in ("ComplexPrediction", "predict_complexes"):
        from foldwright.pipeline.complexes import predict as module

        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
