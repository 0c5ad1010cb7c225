"""What changes with the epoch, with numbers that can be checked by hand."""

from typing import Any

import pytest

from tests.toy import toy_config
from trainers.config import TrainerConfig
from trainers.mamlpp.schedules import msl_weights, outer_lr, second_order


def config(**overrides: Any) -> TrainerConfig:
    return toy_config(budget={"epochs": 10}, **overrides)


def test_linear_msl_starts_equal_and_moves_its_weight_to_the_last_step() -> None:
    four = config(inner={"steps": 4}, msl={"schedule": "linear", "epochs": 10})
    assert msl_weights(four, 0) == [0.25] * 4
    assert msl_weights(four, 4) == pytest.approx([0.15, 0.15, 0.15, 0.55])
    assert msl_weights(four, 9) == pytest.approx([0.025, 0.025, 0.025, 0.925])


def test_linear_msl_does_not_fall_below_its_floor() -> None:
    two = config(inner={"steps": 2}, msl={"schedule": "linear", "epochs": 100})
    long = two.model_copy(update={"budget": two.budget.model_copy(update={"epochs": 100})})
    assert msl_weights(long, 99) == pytest.approx([0.015, 0.985])


@pytest.mark.parametrize("schedule", ["linear", "ema", "cosine", "constant"])
def test_msl_weights_sum_to_one_and_end_on_the_last_step(schedule: str) -> None:
    three = config(inner={"steps": 3}, msl={"schedule": schedule, "epochs": 4})
    for epoch in range(4):
        assert sum(msl_weights(three, epoch)) == pytest.approx(1)
    assert msl_weights(three, 4) == [0, 0, 1]


def test_ema_weights_are_those_of_a_moving_average() -> None:
    three = config(inner={"steps": 3}, msl={"schedule": "ema", "tau": 0.5, "epochs": 4})
    assert msl_weights(three, 0) == [0.25, 0.25, 0.5]


def test_cosine_msl_is_halfway_at_half_its_length() -> None:
    two = config(inner={"steps": 2}, msl={"schedule": "cosine", "epochs": 4})
    assert msl_weights(two, 2) == pytest.approx([0.25, 0.75])


def test_without_msl_only_the_last_step_counts() -> None:
    assert msl_weights(config(inner={"steps": 3}), 0) == [0, 0, 1]


def test_da_is_first_order_for_exactly_its_number_of_epochs() -> None:
    three = config(da={"first_order_epochs": 3})
    assert [second_order(three, epoch) for epoch in range(5)] == [False, False, False, True, True]


def test_da_over_the_whole_run_is_fomaml_and_without_da_all_is_second_order() -> None:
    fomaml = config(da={"first_order_epochs": 1.0})
    assert not any(second_order(fomaml, epoch) for epoch in range(10))
    assert all(second_order(config(), epoch) for epoch in range(10))


def test_ca_over_the_whole_run_falls_as_a_cosine() -> None:
    plain = config(ca={"min_lr": 0.0, "period": 1.0})
    assert outer_lr(plain, 0) == 1e-3
    assert outer_lr(plain, 5) == pytest.approx(0.5e-3)
    assert outer_lr(plain, 9) == pytest.approx(1e-3 * (1 - 0.9510565163) / 2)


def test_ca_equals_torchs_schedulers() -> None:
    import torch

    for period, mult in ((10, 1), (2, 2), (3, 1)):
        ca = config(ca={"min_lr": 1e-5, "period": period, "period_mult": mult} if period < 10 else {"period": 10})
        optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-3)
        peer = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, period, mult, 1e-5)
        for epoch in range(10):
            assert outer_lr(ca, epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
            optimizer.step()
            peer.step()


def test_a_restart_begins_at_the_decayed_rate_and_never_below_the_minimum() -> None:
    decayed = config(ca={"min_lr": 1e-5, "period": 2, "restart_decay": 0.05})
    assert outer_lr(decayed, 2) == pytest.approx(5e-5)
    assert outer_lr(decayed, 4) == 1e-5


def test_without_ca_the_rate_is_constant() -> None:
    assert {outer_lr(config(), epoch) for epoch in range(10)} == {1e-3}
