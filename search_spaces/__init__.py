"""Search spaces and ablations over TrainerConfig."""

from .ablations import COMPONENTS, Arm, add_one_in, compile_arms, factorial, leave_one_out, sweep
from .designs import FamilyOf, Plan, plan
from .dimensions import Choice, Range
from .presets import SPACES
from .space import SearchSpace
from .trials import FixedParams

__all__ = [
    "COMPONENTS",
    "SPACES",
    "Arm",
    "Choice",
    "FamilyOf",
    "FixedParams",
    "Plan",
    "Range",
    "SearchSpace",
    "add_one_in",
    "compile_arms",
    "factorial",
    "leave_one_out",
    "plan",
    "sweep",
]
