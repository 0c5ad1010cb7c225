"""Command lines that cannot work, each with a part of the message that it gets on stderr.

`{search}` and `{ablation}` are good spec files, `{home}` holds no runs. In the folder `{here}` are those of three
reports: `good`, `long` (a cell too many in line 2) and `latin` (not in UTF-8).
"""

from __future__ import annotations

BAD_COMMANDS: dict[str, tuple[list[str], str]] = {
    "no such command": (["serach"], "No such command 'serach'"),
    "no such option": (["search", "{search}", "--trails", "3"], "No such option: --trails"),
    "a search without its spec": (["search"], "Missing argument 'spec'"),
    "trials below one": (
        ["search", "{search}", "--trials", "0"],
        "'--trials': Input should be greater than or equal to 1",
    ),
    "workers that are no number": (
        ["ablate", "{ablation}", "--workers", "many"],
        "'--workers': Input should be a valid integer",
    ),
    "a spec file that is not there": (["search", "{here}/absent.toml"], "absent.toml: no such file"),
    "a misspelt spec file": (["search", "{here}/serach.toml"], "did you mean {here}/search.toml?"),
    "an ablation given to search": (["search", "{ablation}"], "run it with: mamlab ablate {ablation}"),
    "an ablation of nothing": (["ablate"], "name either a spec file, or a search with --from STUDY"),
    "an ablation of both": (
        ["ablate", "{ablation}", "--from", "s"],
        "name either a spec file, or a search with --from STUDY",
    ),
    "a trial beside a spec file": (
        ["ablate", "{ablation}", "--trial", "3"],
        "cannot be combined with a spec file; set it in",
    ),
    "a model of a study that is not there": (
        ["export", "s", "{here}/m", "--home", "{home}"],
        "there is no MLflow store",
    ),
    "a search to promote that is not there": (["promote", "s", "--home", "{home}"], "there is no MLflow store"),
    "a search given to ablate": (["ablate", "{search}"], "run it with: mamlab search {search}"),
    "a search given to train": (["train", "{search}"], "run it with: mamlab search {search}"),
    "options beside a spec": (
        ["train", "{search}", "--preset", "maml"],
        "'--preset': cannot be combined with a spec file",
    ),
    "a misspelt preset": (["train", "--preset", "mampp"], "did you mean mamlpp?"),
    "a data set that is none": (["train", "--data", "mnist"], "glyphs, omniglot, cifar_fs"),
    "a setting without a value": (["train", "--set", "inner.steps"], "--set inner.steps: write NAME=VALUE"),
    "a misspelt setting": (["train", "--set", "inner.setps=3"], "did you mean steps?"),
    "a setting out of range": (["train", "--set", "inner.steps=0"], "--set inner.steps: must be at least 1, not 0"),
    "the same setting by two options": (
        ["train", "--epochs", "2", "--set", "budget.epochs=2"],
        "--set budget.epochs=2 and --epochs 2 both set budget.epochs; keep one of them",
    ),
    "a setting twice": (
        ["train", "--set", "inner.steps=2", "--set", "inner.steps=3"],
        "--set inner.steps=2 and --set inner.steps=3 both set inner.steps",
    ),
    "a component and a part of it": (
        ["train", "--set", "msl=off", "--set", "msl.epochs=3"],
        "--set msl=off and --set msl.epochs=3 both set msl;",
    ),
    "a preset that is a setting": (["train", "--set", "preset=maml"], "both set preset"),
    "a name that no folder can have": (["train", "--name", "a/b"], "--name: must be 1 to 64 letters"),
    "a home that is a file": (["demo", "--home", "{search}"], "{search} is a file; name a folder"),
    "a home with a question mark": (["status", "--home", "{here}/a?b"], "has '?' in its path"),
    "a home with a number sign": (["status", "--home", "{here}/a#b"], "another folder with --home or MAMLAB_HOME"),
    "a home with a percent sign": (["train", "--home", "{here}/100%"], "the home {here}/100% has '%' in its path"),
    "a report of nothing": (["report"], "name a study, or a folder with --from FOLDER"),
    "a report of a study from a folder": (
        ["report", "letters", "--from", "{here}"],
        "with --from it is the spec file of an ablation, and there is no file letters; leave it out to keep the design",
    ),
    "a report from an empty folder": (["report", "--from", "{home}"], "runs.csv"),
    "a table with a cell too many": (
        ["report", "--from", "{here}/long"],
        "{here}/long/runs.csv, line 2: more cells than the header has columns",
    ),
    "a table in another encoding": (
        ["report", "--from", "{here}/latin"],
        "{here}/latin/runs.csv is not a table in UTF-8",
    ),
    "a report into a file": (
        ["report", "--from", "{here}/good", "--out", "{search}"],
        "the report's folder {search} cannot be made: File exists; name another one with --out FOLDER",
    ),
    "a report of a study before any run": (["report", "letters", "--home", "{home}"], "no MLflow store"),
    "a status before any run": (["status", "--home", "{home}"], "there are no runs yet in {home}"),
    "a UI before any run": (["ui", "--home", "{home}"], "there are no runs yet in {home}"),
    "a data set that is not known": (["data", "omniglott"], "did you mean omniglot?"),
    "a folder of one's own by name": (["data", "image_folder"], 'source = "image_folder", path ='),
}
