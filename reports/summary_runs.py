"""Metrics and tags of the summary runs, which show an arm's or a trial's mean in the MLflow UI.

The names fit narrow columns. Accuracies and differences are in percent, because the UI shows 0.7332 and 0.7290 as the
same text. Earlier versions wrote them in [0, 1] under other names; the study's next report replaces such runs.
"""

MEAN, LOW, HIGH = "acc", "acc_lo", "acc_hi"
"""Mean over seeds of the primary metric, and its 95 % interval."""
DIFFERENCE, DIFFERENCE_LOW, DIFFERENCE_HIGH = "diff", "diff_lo", "diff_hi"
"""Paired difference to the base, and its interval."""
P, P_ADJUSTED, P_HOLM, EFFECT_SIZE = "p", "p_adj", "p_holm", "d"
"""p of the difference: unadjusted, adjusted within its family, and by Holm; Cohen's d of the pairs."""
SEEDS, DIVERGED = "n", "diverged"
SCORE = "score"
"""Score that ranks a trial of several seeds."""
BASE, VERDICT = "base", "verdict"
"""Tags of an arm's summary run: its base, and the verdict in words."""
