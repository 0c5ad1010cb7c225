"""Optuna's samplers and pruners by their names in spec files. Optuna is imported only when one is made."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from search_spaces.dimensions import Range
from trainers.error_messages import show, unknown
from trainers.errors import InputError

from .bounded_history import of_bounded_history
from .rungs import HALVING, are_placed, halving_options, up_to_half
from .sections import Named
from .short_look import SHORT_LOOK, look_options, short_look

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

SAMPLERS = {
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
    "qmc": "QMCSampler",
    "random": "RandomSampler",
    "nsgaii": "NSGAIISampler",
    "brute_force": "BruteForceSampler",
}
PRUNERS = {
    "median": "MedianPruner",
    "hyperband": "HyperbandPruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "percentile": "PercentilePruner",
    "patient": "PatientPruner",
    "threshold": "ThresholdPruner",
    "wilcoxon": "WilcoxonPruner",
    SHORT_LOOK: "ShortLook",
    "none": "NopPruner",
}
WILCOXON = "wilcoxon"
"""The pruner that compares seeds; all others compare epochs."""
STARTUP_TRIALS = 8
"""Random trials before a model-based sampler starts to model."""

LEAST = {
    "reduction_factor": 2, "min_resource": 1, "max_resource": 1, "min_early_stopping_rate": 0, "bootstrap_count": 0,
    "n_startup_trials": 0, "n_warmup_steps": 0, "n_min_trials": 1, "interval_steps": 1, "n_ei_candidates": 1,
    "population_size": 2, "patience": 0,
}  # fmt: skip
"""The least values of options, not all of which Optuna checks before a trial runs."""

_CODE = (
    "gamma",
    "weights",
    "search_space",
    "source_trials",
    "x0",
    "consider_prior",
    "prior_weight",
    "consider_magic_clip",
    "consider_endpoints",
    "warn_independent_sampling",
)
"""Options that a spec file cannot set: functions, objects, deprecated ones."""


def make_sampler(section: Named, seed: int) -> BaseSampler:
    """Return the sampler that [sampler] names, with `seed`.

    TPE is set for small budgets unless the options say otherwise: parameters modelled together, trials that still run
    counted as poor; of a long search it models the best and the newest trials. All that model begin after 8 random
    trials. Nothing depends on the number of trials planned, so a search that is given more goes on as if it had had
    them from the start.

    Raises ValueError for an unknown name or option, or a value that Optuna refuses.
    """
    import optuna.samplers

    own: dict[str, Any] = {"seed": seed}
    if section.name == "tpe":
        own |= {
            "n_startup_trials": STARTUP_TRIALS,
            "multivariate": True,
            "group": True,
            "constant_liar": True,
        }
        if section.options.get("multivariate") is False:
            own["group"] = False  # Optuna rejects group without multivariate
    elif section.name in ("gp", "cmaes"):
        own |= {"n_startup_trials": STARTUP_TRIALS}
    make = _class("sampler", SAMPLERS, optuna.samplers, section)
    if section.name == "tpe":
        make = of_bounded_history(make)
    made: BaseSampler = _make("sampler", make, section, own, hidden=("seed",))
    return made


def unsampled(section: Named, dimensions: Mapping[str, Any]) -> list[str]:
    """Return a line for each of a space's dimensions, by path, from which the sampler cannot draw."""
    if section.name != "brute_force":
        return []
    return [
        f"space.{path}: brute_force tries every value, and a range of real numbers has too many; give it a step or"
        " choices, or choose another sampler"
        for path, one in dimensions.items()
        if isinstance(one, Range) and one.step is None and isinstance(one.low + one.high, float)
    ]


def make_pruner(section: Named, epochs: int) -> BasePruner:
    """Return the pruner that [pruner] names, with defaults for runs of `epochs` epochs.

    Successive halving and Hyperband go on with the better third of the trials after a ninth of the epochs, and with the
    better third of these after a third; unless the options place the rungs, none is beyond half of the epochs. The
    median and percentile rules spare the first 4 trials and a quarter of the epochs. The patient pruner waits for as
    many epochs without improvement. The short look stops all trials after a ninth of the epochs; the best 1 in 6 go on.
    Wilcoxon's test compares a trial's seeds with those of the best trial: at p < 0.15, which three seeds reach if all
    are worse (p = 1/8).

    Raises ValueError for an unknown name or option, or a value that Optuna refuses.
    """
    import optuna.pruners

    quarter = max(1, epochs // 4)
    rule = {"n_startup_trials": 4, "n_warmup_steps": quarter}
    own: dict[str, dict[str, Any]] = {
        "median": rule,
        "percentile": {"percentile": 50.0, **rule},
        WILCOXON: {"p_threshold": 0.15},
        "patient": {"wrapped_pruner": None, "patience": quarter},
        SHORT_LOOK: look_options(section, epochs),
    }
    halving = section.name in HALVING
    options = halving_options(section, epochs) if halving else own.get(section.name, {})
    make = short_look() if section.name == SHORT_LOOK else _class("pruner", PRUNERS, optuna.pruners, section)
    if halving and not are_placed(section):
        make = up_to_half(make, epochs)
    made: BasePruner = _make("pruner", make, section, options, hidden=("wrapped_pruner",))
    return made


def _class(what: str, names: dict[str, str], module: Any, section: Named) -> Any:
    if section.name not in names:
        raise InputError(f"{what}.name = {show(section.name)}: {unknown(what, section.name, names)}")
    return getattr(module, names[section.name])


def _make(what: str, make: Any, section: Named, own: dict[str, Any], hidden: tuple[str, ...]) -> Any:
    parameters = inspect.signature(make).parameters
    known = [name for name in parameters if name not in hidden and not _takes_code(name)]
    wrong = [f"{what}.{key}: {unknown('option', key, known)}" for key in section.options if key not in known]
    wrong += [
        f"{what}.{key}: must be {parameters[key].annotation}, not {show(value)}"
        for key, value in section.options.items()
        if key in known and not _fits(value, str(parameters[key].annotation))
    ]
    wrong += [
        f"{what}.{key}: must be at least {LEAST[key]}, not {show(value)}"
        for key, value in section.options.items()
        if key in LEAST and isinstance(value, int | float) and value < LEAST[key]
    ]
    if wrong:
        raise InputError("\n".join(wrong))
    if "warn_independent_sampling" in parameters and section.name != "tpe":
        own = {"warn_independent_sampling": False, **own}
    options = {**own, **section.options}
    if "n_warmup_steps" in options:  # Optuna counts steps from 0, and our first epoch is step 1
        options["n_warmup_steps"] += 1
    try:
        with _quiet():
            return make(**options)
    except (TypeError, ValueError, AssertionError) as error:
        raise InputError(f"{what}: {section.name} rejects its options: {error}") from None


_KINDS: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)}


def _fits(value: Any, annotation: str) -> bool:
    """Whether `value` is of a type that `annotation`, such as "int | None", names; True where it names others."""
    kinds = [
        kind for part in annotation.split("|") if part.strip() != "None" for kind in _KINDS.get(part.strip(), (object,))
    ]
    return object in kinds or (bool in kinds if isinstance(value, bool) else isinstance(value, tuple(kinds)))


def _takes_code(name: str) -> bool:
    """Whether an option cannot be set in a spec file."""
    return name.endswith(("_func", "_sampler")) or name in _CODE


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's warnings about experimental options."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
