"""Bad inputs, and what a user reads about each. Spec files: title -> (text, problems, one a line)."""

HEAD = """
[study]
name = "a"
[data]
source = "glyphs"
"""

SEARCH = (
    HEAD
    + """
[budget]
trials = 10
"""
)

BAD_SPECS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a study name that is a path": (
        """
[study]
name = "../x"
[data]
source = "glyphs"
""",
        (
            "study.name: must be 1 to 64 letters, digits, dots, dashes and underscores, starting with a letter or "
            'digit, not "../x"',
        ),
    ),
    "no study name": (
        """
[study]

[data]
source = "glyphs"
""",
        (
            "study.name: missing; must be 1 to 64 letters, digits, dots, dashes and underscores, starting with a "
            "letter or digit",
        ),
    ),
    "no [study]": (
        """
[data]
source = "glyphs"
""",
        ('study: missing; add a section [study] with name = "..."',),
    ),
    "broken TOML": (
        HEAD
        + """
[trainer
""",
        ("not valid TOML: Expected ']' at the end of a table declaration (at line 7, column 9)",),
    ),
    "a misspelt section": (
        HEAD
        + """
[trianer]
preset = "maml"
""",
        (
            "trianer: unknown key; did you mean trainer? (known: study, data, method, trainer, space, sampler, pruner, "
            "ablation, budget, execution)",
        ),
    ),
    "a misspelt preset": (
        HEAD
        + """
[trainer]
preset = "mampp"
""",
        (
            'trainer.preset = "mampp": unknown preset; did you mean mamlpp? (known: maml, fomaml, meta_sgd, mamlpp, '
            "mamlpp_released)",
        ),
    ),
    "a misspelt trainer key": (
        HEAD
        + """
[trainer.msl]
epcohs = 3
""",
        ("trainer.msl.epcohs: unknown key; did you mean epochs? (known: schedule, epochs, tau)",),
    ),
    "a misspelt switch": (
        HEAD
        + """
[trainer]
msl = "of"
""",
        ('trainer.msl: must be "off" or "on" or a table of settings, not "of"; did you mean "off"?',),
    ),
    "a misspelt schedule": (
        HEAD
        + """
[trainer.msl]
schedule = "liner"
""",
        (
            'trainer.msl.schedule: must be one of "linear", "ema", "cosine", "constant", not "liner"; did you mean '
            '"linear"?',
        ),
    ),
    "two wrong numbers": (
        HEAD
        + """
[trainer.inner]
steps = "3"
lr = -1
""",
        ('trainer.inner.steps: must be a whole number, not "3"', "trainer.inner.lr: must be greater than 0.0, not -1"),
    ),
    "a float for a whole number": (
        HEAD
        + """
[trainer.inner]
steps = 3.0
""",
        ("trainer.inner.steps: must be a whole number, not 3.0",),
    ),
    "a misspelt clip": (
        HEAD
        + """
[trainer.outer]
clip = "of"
""",
        ('trainer.outer.clip: must be a number or "off", not "of"; did you mean "off"?',),
    ),
    "a negative clip": (
        HEAD
        + """
[trainer.outer]
clip = -1.0
""",
        ('trainer.outer: clip must be a positive number or "off", not -1.0',),
    ),
    "a typed setting without effect": (
        HEAD
        + """
[trainer.msl]
tau = 0.3
""",
        ('trainer.msl.tau has no effect: only msl.schedule = "ema" uses it. Leave it out, or change what disables it',),
    ),
    "epochs written as a float": (
        HEAD
        + """
[trainer.msl]
epochs = 10.0
""",
        (
            "trainer.msl.epochs: a fraction of the run must be between 0.0 and 1.0; write a number of epochs as an "
            "integer (10, not 10.0)",
        ),
    ),
    "an unknown device": (
        HEAD
        + """
[trainer]
device = "gpu"
""",
        (
            'trainer.device: must be "auto", "cpu", "cuda" or "cuda:N" (auto: a GPU if there is one, else the CPU; '
            'does not affect the fingerprint), not "gpu"',
        ),
    ),
    "an unknown data source": (
        """
[study]
name = "a"
[data]
source = "omniglott"
""",
        (
            'data: source = "omniglott": unknown value; did you mean omniglot? (known: glyphs, omniglot, cifar_fs, '
            "image_folder, method)",
        ),
    ),
    "no data source": (
        """
[study]
name = "a"
[data]
""",
        ("data: source is missing; say which",),
    ),
    "an option that the glyphs lack": (
        HEAD
        + """
sise = 3
""",
        ("data.sise: unknown key (known: source)",),
    ),
    "two wrong data options": (
        """
[study]
name = "a"
[data]
source = "omniglot"
siz = 3
split = "papr"
""",
        (
            'data.split: must be one of "paper", "alphabets", not "papr"; did you mean "paper"?',
            "data.siz: unknown key; did you mean size? (known: source, split, rotations, resize, size)",
        ),
    ),
    "an image folder without a path": (
        """
[study]
name = "a"
[data]
source = "image_folder"
""",
        (
            "data.path: missing; the image folder: it holds class folders, or the folders train, val and test with "
            "class folders in each. A relative path starts from the current folder, or else from the spec file's",
        ),
    ),
    "fractions that exceed one": (
        """
[study]
name = "a"
[data]
source = "image_folder"
path = "/x"
fractions = [0.5,0.5,0.5]
""",
        ("data: fractions must be three positive numbers (train, val, test) that add up to 1, not [0.5, 0.5, 0.5]",),
    ),
    "a path that is a number": (
        """
[study]
name = "a"
[data]
source = "image_folder"
path = 3
fractions = [0.5,0.5]
""",
        (
            "data.path: must be a path in quotes, not 3",
            "data.fractions[2]: missing; fractions of the classes for train, val and test; flat folders only",
        ),
    ),
    "data that is no table": (
        """
data = "x"
[study]
name = "a"
""",
        ('data: must be a table of settings, not "x"',),
    ),
    "trainer that is no table": (
        """
trainer = "x"
[study]
name = "a"
[data]
source = "glyphs"
""",
        ('trainer: must be a table, not "x"',),
    ),
    "a search and an ablation at once": (
        SEARCH
        + """
[space]
preset = "mamlpp"
[ablation]
design = "both"
""",
        ("[space] makes it a search and [ablation] an ablation, but a study is only one of them; leave one out",),
    ),
    "a sampler in an ablation": (
        HEAD
        + """
[sampler]
name = "tpe"
[ablation]
design = "both"
""",
        ("sampler: only a search uses this, but this is an ablation; leave it out",),
    ),
    "an unknown design": (
        HEAD
        + """
[ablation]
design = "leave_one"
""",
        (
            'ablation.design: must be one of "leave_one_out", "add_one_in", "both", "factorial", "sweep", "arms", not '
            '"leave_one"; did you mean "leave_one_out"?',
        ),
    ),
    "wrong components": (
        HEAD
        + """
[ablation]
design = "both"
components = ["MLS","BNRS","da"]
""",
        (
            'ablation.components "MLS": unknown component; did you mean MSL? (known: MSL, DA, LSLR, CA, BNWB, BNRS)',
            'ablation.components "BNRS": has no effect: norm.queries = "batch" normalises with the batch, so running '
            "statistics reach no prediction; change that, or leave it out",
            'ablation.components "da": unknown component; did you mean DA? (known: MSL, DA, LSLR, CA, BNWB, BNRS)',
        ),
    ),
    "one arm alone": (
        HEAD
        + """
[ablation]
design = "arms"
[[ablation.arms]]
name = "x"
""",
        ('ablation.arms: design = "arms" needs at least two [[ablation.arms]] to compare',),
    ),
    "two arms that are the same training": (
        HEAD
        + """
[ablation]
design = "arms"
[[ablation.arms]]
name = "x"
[[ablation.arms]]
name = "y"
set = {"msl.tau" = 0.3}
""",
        (
            'ablation: arms "x" and "y" are the same training (in the latter msl.tau has no effect: only msl.schedule '
            '= "ema" uses it); leave one out',
        ),
    ),
    "a misspelt arm key": (
        HEAD
        + """
[ablation]
design = "arms"
[[ablation.arms]]
name = "x"
[[ablation.arms]]
name = "y"
set = {"msl.tua" = 0.3}
[[ablation.arms]]
nam = "x"
""",
        (
            "ablation.arms[2].name: missing; the arm's name in tables",
            "ablation.arms[2].nam: unknown key; did you mean name? (known: name, set)",
        ),
    ),
    "an empty space": (
        SEARCH
        + """
[space]
""",
        ('space: nothing varies; write preset = "mamlpp" or a dimension such as [space."outer.lr"]',),
    ),
    "a misspelt dimension": (
        SEARCH
        + """
[space."iner.lr"]
low = 1
high = 2
""",
        ("space.iner.lr: no such setting of the trainer; did you mean inner.lr?",),
    ),
    "low above high": (
        SEARCH
        + """
[space."inner.lr"]
low = 2
high = 1
""",
        ("space.inner.lr: low must be less than high, not 2.0 >= 1.0; to keep it fixed, set it in [trainer]",),
    ),
    "a log range from zero": (
        SEARCH
        + """
[space."inner.lr"]
low = 0.0
high = 1.0
log = true
""",
        ("space.inner.lr: log = true needs low greater than 0, not 0.0",),
    ),
    "a range outside the field's limits": (
        SEARCH
        + """
[space."inner.steps"]
low = 0
high = 100
""",
        ("space.inner.steps: must be at least 1, not 0", "space.inner.steps: must be at most 50, not 100"),
    ),
    "epochs mixed with shares": (
        SEARCH
        + """
[space."msl.epochs"]
low = 1
high = 0.5
""",
        (
            "space.msl.epochs: low = 1 and high = 0.5 mix epochs (whole numbers) with shares of the run (0.0 to 1.0); "
            "write both in one unit",
        ),
    ),
    "a choice that does not exist": (
        SEARCH
        + """
[space."msl.schedule"]
choices = ["linear","cos"]
""",
        (
            'space.msl.schedule: must be one of "linear", "ema", "cosine", "constant", not "cos"; did you mean '
            '"cosine"?',
        ),
    ),
    "a dimension that never acts": (
        SEARCH
        + """
[space."norm.momentum"]
low = 0.1
high = 0.5
""",
        (
            'space.norm.momentum: never has an effect, because norm.queries = "batch" normalises with the batch, so '
            "running statistics reach no prediction; leave it out, or change that",
        ),
    ),
    "a knob of a component that is off": (
        SEARCH
        + """
[trainer]
preset = "maml"
[space."msl.epochs"]
low = 0.1
high = 0.5
""",
        ('space.msl.epochs: never has an effect, because msl is "off"; leave it out, or change that',),
    ),
    "a setting typed and searched": (
        SEARCH
        + """
[trainer.outer]
lr = 0.01
[space]
preset = "mamlpp"
""",
        (
            "trainer.outer.lr: the space searches outer.lr, so this value is never used; leave out one of the two, or "
            "fix it under [space.fix]",
        ),
    ),
    "wrong fixes": (
        SEARCH
        + """
[space]
preset = "mamlpp"
fix = {"inner.stps" = 3, "inner.lr" = -1.0}
""",
        (
            "space.fix.inner.stps: [space] preset has no such dimension; set it in [trainer] instead",
            "space.fix.inner.stps: unknown key; did you mean steps? (known: steps, evaluation_steps, lr)",
            "space.fix.inner.lr: must be greater than 0.0, not -1.0",
        ),
    ),
    "a dimension that is no table": (
        SEARCH
        + """
[space]
foo = 3
""",
        (
            "space.foo: must be a table such as { low = 1, high = 5 } or { choices = [...] }, not 3; to keep it fixed, "
            "set it in [trainer] or in [space] fix",
        ),
    ),
    "a misspelt key of a range": (
        SEARCH
        + """
[space."inner.lr"]
lo = 2
high = 1
""",
        ("space.inner.lr.lo: unknown key; did you mean low? (known: low, high, log, step, choices)",),
    ),
    "an unknown sampler": (
        SEARCH
        + """
[space]
preset = "mamlpp"
[sampler]
name = "tep"
""",
        (
            'sampler.name = "tep": unknown sampler; did you mean tpe? (known: tpe, gp, cmaes, qmc, random, nsgaii, '
            "brute_force)",
        ),
    ),
    "unknown options of sampler and pruner": (
        SEARCH
        + """
[space]
preset = "mamlpp"
[sampler]
name = "tpe"
n_startup = 3
[pruner]
name = "median"
warmup = 3
""",
        (
            "sampler.n_startup: unknown option; did you mean n_startup_trials? (known: n_startup_trials, "
            "n_ei_candidates, multivariate, group, constant_liar)",
            "pruner.warmup: unknown option; did you mean n_warmup_steps? (known: n_startup_trials, n_warmup_steps, "
            "interval_steps, n_min_trials)",
        ),
    ),
    "an option that Optuna refuses": (
        SEARCH
        + """
[space]
preset = "mamlpp"
[pruner]
name = "percentile"
percentile = 300.0
""",
        (
            "pruner: percentile rejects its options: Percentile must be between 0 and 100 inclusive, but got "
            "percentile=300.0.",
        ),
    ),
    "a pruner that is none of ours": (
        SEARCH
        + """
[space]
preset = "mamlpp"
[pruner]
name = "wilcox"
""",
        (
            'pruner.name = "wilcox": unknown pruner; did you mean wilcoxon? (known: median, hyperband, '
            "successive_halving, percentile, patient, threshold, wilcoxon, short_look, none)",
        ),
    ),
    "a pruner of seeds without seeds": (
        SEARCH
        + """
[space]
preset = "mamlpp"
[pruner]
name = "wilcoxon"
""",
        (
            "pruner.name: wilcoxon compares seeds, which needs study.seeds_per_trial of at least 5, not 1; raise it, "
            'or choose a pruner that compares epochs ("successive_halving", "median", ...)',
        ),
    ),
    "a bound of one seed": (
        """
[study]
name = "a"
score = "lower_bound"
[data]
source = "glyphs"
[budget]
trials = 10
[space]
preset = "mamlpp"
""",
        ('study: score = "lower_bound" needs seeds_per_trial of at least 2, not 1; raise it, or leave score out',),
    ),
    "an epoch pruner with two seeds": (
        """
[study]
name = "a"
seeds_per_trial = 2
[data]
source = "glyphs"
[budget]
trials = 10
[space]
preset = "mamlpp"
[pruner]
name = "median"
""",
        (
            "pruner.name: median compares epochs, which needs study.seeds_per_trial = 1, not 2; set it to 1, or choose "
            '"none"',
        ),
    ),
    "presets that cannot be enqueued": (
        """
[study]
name = "a"
enqueue = ["mamlpp","mml"]
[data]
source = "glyphs"
[budget]
trials = 10
[space]
preset = "mamlpp"
[space."inner.steps"]
low = 1
high = 3
""",
        (
            'study.enqueue "mamlpp": inner.steps = 5 is outside 1 to 3; set it in [trainer], widen the space, or leave '
            "the preset out",
            'study.enqueue "mml": unknown preset; did you mean maml? (known: maml, fomaml, meta_sgd, mamlpp, '
            "mamlpp_released, portfolio)",
        ),
    ),
    "a search without an end": (
        HEAD
        + """
[space]
preset = "mamlpp"
""",
        ("budget: a search needs a limit; write trials = ... or hours = ... under [budget]",),
    ),
    "no workers, and two more": (
        HEAD
        + """
[execution]
workers = 0
threads = "2"
[budget]
hours = -1
""",
        (
            "budget.hours: must be greater than 0.0, not -1",
            'execution.workers: must be at least 1 or "auto", not 0',
            'execution.threads: must be a whole number, not "2"',
        ),
    ),
    "workers in words": (
        HEAD
        + """
[execution]
workers = "all"
""",
        ('execution.workers: must be a whole number or "auto", not "all"',),
    ),
    "an unknown size": (
        HEAD
        + """
[trainer]
size = "big"
""",
        ('trainer.size = "big": unknown size (known: omniglot, mini_imagenet)',),
    ),
    "evaluation steps at their default": (
        HEAD
        + """
[trainer]
inner.evaluation_steps = 5
""",
        (
            "trainer.inner.evaluation_steps has no effect: it equals inner.steps, which is its default. Leave it out, "
            "or change what disables it",
        ),
    ),
    "a seed that is true": (
        """
[study]
name = "a"
seed = true
[data]
source = "glyphs"
""",
        ("study.seed: must be a whole number, not true",),
    ),
    "a section that is a number": (
        HEAD
        + """
[trainer]
episodes = 5
""",
        ("trainer.episodes: must be a table of settings, not 5",),
    ),
    "an option of the wrong type": (
        SEARCH
        + """
[space]
preset = "rates"
[sampler]
name = "tpe"
n_startup_trials = "5"
""",
        ('sampler.n_startup_trials: must be int, not "5"',),
    ),
    "a misspelt space": (
        SEARCH
        + """
[space]
preset = "mamlp"
""",
        ('space.preset = "mamlp": unknown space; did you mean mamlpp? (known: mamlpp, components, rates)',),
    ),
    "a switch with another word": (
        SEARCH
        + """
[space.msl]
choices = ["on","of"]
""",
        ("space.msl.choices: msl is a component: choose from \"on\" and \"off\", not ['on', 'of']",),
    ),
    "an arm with a misspelt setting": (
        HEAD
        + """
[ablation]
design = "both"
[[ablation.arms]]
name = "x"
set = {"msl.tua" = 0.3}
""",
        ('ablation.arms "x".msl.tua: unknown key; did you mean tau? (known: schedule, epochs, tau)',),
    ),
    "an ablation of plain MAML": (
        HEAD
        + """
[trainer]
preset = "maml"
[ablation]
design = "both"
""",
        ('ablation: no component is on in [trainer]; start from preset = "mamlpp"',),
    ),
}
