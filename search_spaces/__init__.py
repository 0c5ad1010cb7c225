"""What may vary: search spaces and ablations over TrainerConfig."""

from .ablations import COMPONENTS, Arm, add_one_in, compile_arms, leave_one_out, plan
from .dimensions import Choice, Range
from .presets import SPACES
from .space import FixedParams, SearchSpace

__all__ = [
    "COMPONENTS",
    "SPACES",
    "Arm",
    "Choice",
    "FixedParams",
    "Range",
    "SearchSpace",
    "add_one_in",
    "compile_arms",
    "leave_one_out",
    "plan",
]
