"""The section [ablation] of a spec file: arms, families, and how comparisons are tested."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from search_spaces.designs import Design
from trainers.errors import InputError
from trainers.sections import Section

from .patterns import NAME, Strings


class ArmSection(Section):
    """[[ablation.arms]]: an arm that you define."""

    name: str = Field(min_length=1, description="the arm's name in tables")
    set: dict[str, Any] = Field(
        default_factory=dict, description="settings that override [trainer], nested or by dotted path"
    )


class FamilySection(Section):
    """[[ablation.families]]: a family of comparisons, some arms against one base; their p values are adjusted
    together.
    """

    name: str = Field(min_length=1, description="the family's name in tables")
    base: str = Field(description="the arm that the others are compared with")
    arms: Strings | None = Field(None, description="arms compared with the base; absent: every other arm")


class OriginTrial(Section):
    """An entry of [ablation.origin.trials]: the search trial that an arm's settings come from."""

    number: int = Field(ge=0, description="the trial's number in the search")
    score: float = Field(
        description=(
            "its validation accuracy in the search, in [0, 1]; biased upward, because the trial was selected by it"
        )
    )
    seeds: int = Field(1, ge=1, description="number of seeds that the score is averaged over")
    rank: int | None = Field(
        None,
        ge=1,
        description="its rank, if the search ranked its best trials by held-out accuracy",
    )


class OriginSection(Section):
    """[ablation.origin]: the search whose trials are retrained; written by `mamlab promote` and `mamlab ablate
    --from`.
    """

    search: str = Field(pattern=NAME, description="name of the search")
    trials: dict[str, OriginTrial] = Field(default_factory=dict, description="arm -> the trial that it comes from")
    data_checksum: str | None = Field(None, description="checksum of the search's data; other data is refused")


class AblationSection(Section):
    """[ablation]: the arms to compare, and the number of seeds."""

    design: Design = Field(
        description='write design = "leave_one_out", "add_one_in", "both", "factorial", "sweep" or "arms"'
    )
    sweep: dict[str, Any] | None = Field(None, description='design "sweep" only: one setting and the values to compare')
    across: dict[str, Any] | None = Field(
        None,
        description=(
            'repeat the whole design at several values of one other setting, such as { "budget.epochs" = [20, 80] },'
            " and test whether each effect changes from the first value to the others; the same seeds at every value"
        ),
    )
    families: Annotated[tuple[FamilySection, ...], Field(strict=False)] = Field(
        (), description="families of comparisons; absent: those of the design. P values are adjusted within a family"
    )
    test: Literal["max_t", "moderated"] = Field(
        "max_t",
        description=(
            'test statistic: "max_t", or "moderated", which has more power with at most 8 seeds and at least 11'
            " comparisons on the same scale; choose it before the runs"
        ),
    )
    adjust: Literal["family", "study"] = Field(
        "family", description='scope of the p-value adjustment: each "family", or all comparisons of the "study"'
    )
    looks: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(strict=False)] = Field(
        (),
        description=(
            "numbers of seeds at which the comparisons are tested, such as [8, 12, 16]; the last equals `seeds`."
            " Declare them before the first look, so that all looks together keep the 5 % error rate. Absent: one"
            " test, with all seeds"
        ),
    )
    stop_early: bool = Field(
        False, description="with `looks`: stop training seeds once a look has decided every comparison"
    )
    margin: float | None = Field(
        None, gt=0, allow_inf_nan=False, strict=False,
        description="equivalence margin in percentage points: smaller differences do not matter, so arms can be found "
                    "equivalent. Choose it before the first look",
    )  # fmt: skip
    allow_underpowered: bool = Field(
        False, description="run even if the seeds are so few that most such studies would miss a large effect"
    )
    components: Strings | None = Field(
        None, description="components that the design switches on and off; absent: all that are on"
    )
    seeds: int = Field(
        3,
        ge=1,
        description="seeds per arm: study.seed, study.seed + 1, ...; the default is refused where it has too little "
        "power: `mamlab plan` prints how many are needed, or set `allow_underpowered`",
    )
    arms: Annotated[tuple[ArmSection, ...], Field(strict=False)] = Field(
        (), description="additional arms that you define"
    )
    base: str | None = Field(
        None, description="base arm that the [[ablation.arms]] are compared with; absent: MAML++, or the first arm"
    )
    origin: OriginSection | None = Field(None, description="the search that the arms come from; shown in the report")

    @model_validator(mode="before")
    @classmethod
    def _until_the_last_look(cls, tree: Any) -> Any:
        if isinstance(tree, dict) and "seeds" not in tree and isinstance(looks := tree.get("looks"), list | tuple):
            return {**tree, "seeds": looks[-1]} if looks else tree
        return tree

    @model_validator(mode="after")
    def _looks_that_rise(self) -> AblationSection:
        looks = self.looks
        if any(later <= earlier for earlier, later in pairwise(looks)):
            raise InputError(f"looks must increase, not {list(looks)}; write each number of seeds once, smallest first")
        if looks and looks[-1] != self.seeds:
            raise InputError(
                f"seeds = {self.seeds} must equal the last number of seeds in looks = {list(looks)}; leave out seeds"
            )
        if self.stop_early and len(looks) < 2:
            raise InputError("stop_early needs at least two looks; add looks = [8, 12, 16], or leave it out")
        return self
