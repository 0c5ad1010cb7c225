"""Numbers that others published, seed by seed: the report says of them what scipy says."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mamlab

DRQ = """\
seed,48k,96k,160k
1,330.858,832.556,863.152
2,396.413,850.504,852.78
3,278.636,655.357,860.417
4,432.049,834.567,856.759
5,389.535,762.918,852.271
6,319.597,781.526,821.647
7,306.186,572.004,863.922
8,311.169,791.302,860.077
9,428.824,684.714,850.876
10,405.561,828.214,731.367
"""
"""Episode rewards of DrQ on cartpole_swingup after 48, 96 and 160 thousand environment steps, ten seeds, from
data/dmc_planet_bench.csv of github.com/denisyarats/drq (Kostrikov, Yarats, Fergus, "Image Augmentation Is All You
Need", ICLR 2021; MIT license), to three decimals.
"""


def test_the_report_of_a_published_table_has_scipys_numbers(tmp_path: Path) -> None:
    file = tmp_path / "drq.csv"
    file.write_text(DRQ)
    table = pd.read_csv(file, index_col="seed")
    found = mamlab.compare(file, metric="episode_reward", better="higher", base="48k", pairing="the run")
    assert found.arms.set_index("arm")["mean"].to_dict() == pytest.approx(table.mean().to_dict())
    differences = np.stack([table["96k"] - table["48k"], table["160k"] - table["48k"]])
    flips = np.array(list(itertools.product((1, -1), repeat=len(table))))
    sizes = np.abs(differences @ flips.T) / np.sqrt((differences**2).sum(1))[:, None]
    for number, (arm, own) in enumerate(found.comparisons.set_index("arm").loc[["96k", "160k"]].iterrows()):
        paired = stats.ttest_rel(table[arm], table["48k"])
        low, high = paired.confidence_interval()
        assert (own["difference"], own["n"]) == (pytest.approx((table[arm] - table["48k"]).mean()), 10)
        assert (own["difference_low"], own["difference_high"]) == pytest.approx((low, high))
        exact = stats.permutation_test(
            (differences[number], np.zeros(10)), lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples", n_resamples=np.inf, vectorized=True,
        )  # fmt: skip
        assert own["p_value"] == pytest.approx(exact.pvalue)
        assert own["p_adjusted"] == pytest.approx((sizes.max(0) >= sizes[number, 0] - 1e-9).mean())
        assert own["verdict"] == "better"
        effect = differences[number].mean() / differences[number].std(ddof=1)
        assert own["cohen_d"] == pytest.approx(effect)
    page = Path(str(found.report(out=tmp_path / "report"))).parent / "report.md"
    text = page.read_text()
    for arm in table:
        assert f"{table[arm].mean():.2f}" in text
