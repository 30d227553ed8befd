"""The click-prediction networks of deepctr-torch, on the fields.

The library has the architectures; the training is here, because its own takes no weights and
keeps the last epoch, not the best. A number goes in twice: standardised, and as an embedded
quantile bin, without which a table of numbers only would leave attention and factorisation
nothing to work on. Hidden layers are smaller than the library's defaults, which are
for tables of millions of clicks, and its start of N(0, 0.0001) is widened, from which a
small table never gets away.
"""

import copy
import sys
from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from leadrank.compare.bins import fit_bins
from leadrank.compare.inputs import need_fields
from leadrank.compare.study import Scored, Study
from leadrank.compare.tuning import Configuration, Floats, Outcomes, outcomes, tuned
from leadrank.errors import UserError

CONFIGURATIONS = [
    {"rate": rate, "dropout": dropout, "penalty": penalty}
    for rate, dropout, penalty in product((1e-3, 5e-3), (0.0, 0.3), (1e-5, 1e-3))
]
HIDDEN = (128, 64)
EMBEDDING = 8
RANGES = 10
START = 0.05
MOST_EPOCHS = 50
PATIENCE = 5
#: Batches hold a hundredth of the training rows, within these.
BATCH = (64, 1024)
SCORING_BATCH = 8192


def score_network(study: Study, seed: int, kind: str, **architecture: Any) -> Scored:
    """Log-odds of deepctr-torch's model `kind`, e.g. `DeepFM`, tuned on validation.

    Raises UserError when there are no fields, or the library is not installed.
    """
    need_fields(study)
    known = outcomes(study)
    library = _library()
    inputs = _inputs(study, known)

    def fit(configuration: Configuration, seed: int) -> Floats:
        columns = _columns(library, inputs)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            network = getattr(library.models, kind)(
                columns,
                columns,
                dnn_hidden_units=HIDDEN,
                dnn_dropout=configuration["dropout"],
                l2_reg_embedding=configuration["penalty"],
                init_std=START,
                seed=seed,
                task="regression",  # gives the logit itself
                **architecture,
            )
            _train(network, inputs.values, known, configuration["rate"], seed)
        return _scores(network, inputs.values, known.asked)

    return tuned(study, kind, CONFIGURATIONS, fit, seed)


@dataclass(frozen=True)
class NetworkInputs:
    """Columns side by side [rows c]: embedded codes first, `sizes` of each; then numbers."""

    values: Tensor
    sizes: tuple[int, ...]
    numbers: int


def _inputs(study: Study, known: Outcomes) -> NetworkInputs:
    bins = fit_bins(study, known.train, RANGES)
    codes = [one.code.astype(np.float32) for one in bins]
    numeric = [field.column for field in study.table.crm.fields.numeric]
    numbers = [
        column
        for name in numeric
        for column in _standardised(study.table.rows[name].to_numpy(), known.train)
    ]
    values = np.column_stack([*codes, *numbers]).astype(np.float32)
    sizes = tuple(len(one.names) for one in bins)
    return NetworkInputs(torch.from_numpy(values), sizes, len(numbers))


def _standardised(value: Floats, train: NDArray[np.int64]) -> list[Floats]:
    """[rows] the number in standard deviations, at most 5, and whether it is missing."""
    value = value.astype(np.float64)
    missing = np.isnan(value)
    seen = value[train][~missing[train]]
    mean, scale = (seen.mean(), seen.std()) if len(seen) else (0.0, 1.0)
    standard = np.clip((value - mean) / (scale or 1.0), -5, 5)
    return [np.where(missing, 0.0, standard), missing.astype(np.float64)]


def _columns(library: ModuleType, inputs: NetworkInputs) -> list[Any]:
    """deepctr-torch's names for the columns, in their order."""
    make = library.inputs
    codes = [make.SparseFeat(f"c{k}", n, EMBEDDING) for k, n in enumerate(inputs.sizes)]
    return codes + [make.DenseFeat(f"n{k}", 1) for k in range(inputs.numbers)]


def _train(network: Any, values: Tensor, known: Outcomes, rate: float, seed: int) -> None:
    """Adam on the weighted log loss until validation's stops falling; the best epoch stays."""
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    label = torch.from_numpy(known.label).float()
    weight = torch.from_numpy(known.weight).float()
    train = torch.from_numpy(known.train)
    size = int(np.clip(len(train) // 100, *BATCH))
    order = torch.Generator().manual_seed(seed)
    best, best_state, waited = np.inf, network.state_dict(), 0
    for _ in range(MOST_EPOCHS):
        network.train()
        shuffled = train[torch.randperm(len(train), generator=order)]
        for rows in shuffled.split(size):
            loss = binary_cross_entropy_with_logits(
                network(values[rows]).squeeze(-1), label[rows], weight[rows]
            )
            optimiser.zero_grad()
            (loss + network.get_regularization_loss().sum()).backward()
            optimiser.step()
        held = known.log_loss(_scores(network, values, known.validation))
        waited = 0 if held < best else waited + 1
        if held < best:
            best, best_state = held, copy.deepcopy(network.state_dict())
        if waited == PATIENCE:
            break
    network.load_state_dict(best_state)


@torch.no_grad()
def _scores(network: Any, values: Tensor, asked: NDArray[np.int64]) -> Floats:
    """[rows] logits where they are asked for, NaN elsewhere."""
    network.eval()
    score = np.full(len(values), np.nan)
    batches = [network(values[rows]) for rows in torch.from_numpy(asked).split(SCORING_BATCH)]
    score[asked] = torch.cat(batches).squeeze(-1).double().numpy()
    return score


def _library() -> ModuleType:
    """deepctr_torch, kept from asking the network for its newest version when imported."""
    name = "deepctr_torch.utils"
    if name not in sys.modules:
        silent = ModuleType(name)
        silent.check_version = lambda version: None  # type: ignore[attr-defined]
        sys.modules[name] = silent
    try:
        import deepctr_torch
    except ImportError:
        del sys.modules[name]
        raise UserError(
            "this system needs the library deepctr-torch, which is not installed; install it "
            "with: pip install -c constraints.txt 'leadrank[rivals]'"
        ) from None
    import deepctr_torch.inputs

    return deepctr_torch
