"""Where the parameters of each network come from, checked before it is built."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from foldwright.models.af2.config import AF2
from foldwright.models.af2.model import AlphaFold
from foldwright.models.af2.presets import preset
from foldwright.weights import formats
from foldwright.weights.identify import Traits
from foldwright.weights.library import PARAMETER_FILE
from foldwright.weights.locate import RULE, available_presets
from foldwright.weights.store import LICENCES, WeightsInfo, load_network, load_weights
from foldwright.weights.trained import CHECKPOINT, NETWORK, find_trained

TRIAL = {"model_1_ptm", "model_1_multimer_v3"}  # one model is enough where the numbers mean nothing


@dataclass(frozen=True)
class Source:
    """The parameters of one network: what was asked for, and what was found."""

    asked: str | None
    info: WeightsInfo

    @property
    def sha256(self) -> str:
        return self.info.sha256

    @property
    def is_rule(self) -> bool:
        return self.info.is_rule

    def load(self, config: AF2) -> AlphaFold:
        """The network with its parameters in place."""
        return load_network(self.asked, config, self.info.preset)[0]


def find_source(asked: str | None, config: AF2, model: str) -> Source:
    """The parameters of a network, read and checked against it; generated ones are only made when they are needed.

    Raises:
        InputError: not found, damaged, or of another network.
    """
    if not is_rule(asked):
        info = load_weights(asked, config, model)[1]
        # A training run may write another checkpoint before the network is built.
        return Source(info.source if info.format in (CHECKPOINT, NETWORK) else asked, info)
    digest = hashlib.sha256(str(asked).encode()).hexdigest()
    info = WeightsInfo(source=str(asked), sha256=digest, format=RULE, preset=model, licence=LICENCES[RULE])
    return Source(asked, info)


def base_config(asked: str | None, model: str) -> AF2:
    """The configuration of a network: what its file says, else that of its name.

    Raises:
        InputError: the file holds another network, or one that cannot be predicted with.
    """
    trained = find_trained(asked, model)
    if trained is None:
        return preset(model)
    trained.require_whole()
    return trained.config


def models_found(asked: str | None) -> set[str]:
    """The models whose parameters are there; of generated ones, one for each kind of input.

    Raises:
        InputError: a file that cannot be read.
    """
    if is_rule(asked):
        return TRIAL
    if asked is None or not Path(asked).is_file():
        return available_presets(asked)
    return _models_of_file(Path(asked))


def is_rule(asked: str | None) -> bool:
    """Whether the parameters are to be generated."""
    return asked is not None and asked.partition(":")[0] == RULE


def _models_of_file(path: Path) -> set[str]:
    """The model that a file says it is of, else the first whose network has such parameters."""
    kind = formats.format_of(path)
    by_name = PARAMETER_FILE.fullmatch(path.name)
    named = by_name[1] if by_name else formats.read_note(path).get("preset") if kind == formats.OURS else None
    if named:
        return {str(named)}
    return set(Traits.of_file(formats.read(path), kind).presets()[:1])
