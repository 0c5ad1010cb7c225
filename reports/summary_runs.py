"""Metrics and tags of the runs that show an arm's or a trial's mean in the MLflow UI.

The names fit narrow columns, and accuracies and their differences are in percent, as the UI cuts 0.7332 and 0.7290 to
the same text. Earlier versions wrote them in [0, 1] under other names; such a run is made anew with the study's next
report.
"""

MEAN, LOW, HIGH = "acc", "acc_lo", "acc_hi"
"""The mean over seeds of what decides the study, and the ends of its 95 % interval."""
DIFFERENCE, DIFFERENCE_LOW, DIFFERENCE_HIGH = "diff", "diff_lo", "diff_hi"
"""The paired difference to the base, and the ends of its interval."""
P, P_ADJUSTED, P_HOLM, EFFECT_SIZE = "p", "p_adj", "p_holm", "d"
"""Its p value, alone, within its family, and by Holm; Cohen's d of the pairs."""
SEEDS, DIVERGED = "n", "diverged"
SCORE = "score"
"""What ranks a trial of several seeds."""
BASE, VERDICT = "base", "verdict"
"""Tags of an arm's: what it is compared with, and what was found, in words."""
