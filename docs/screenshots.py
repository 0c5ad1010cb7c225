"""Renew the pictures of docs/ui.md from a home that `mamlab demo` filled.

`python docs/screenshots.py HOME`; needs `pip install playwright` and a Chromium, whose path may stand in $CHROMIUM.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from reports import records
from reports.links import LAYOUT
from study.engine.views import CHARTS, view_path
from study.mlflow_ui.server import serving
from study.stores.connect import open_mlflow
from study.stores.home import Home

PORT = 5079
IMAGES = Path(__file__).parent / "images"
PAGES = {
    "ui-trials": ("demo-search", "trials", ""),
    "ui-search": ("demo-search", "trials", CHARTS),
    "ui-arms": ("demo-ablation", "arms", CHARTS),
    "ui-summaries": ("demo-ablation", "summary", ""),
}
"""Picture -> study, view, and whether its table or its charts."""
SECONDS = 15.0
"""Until a page has drawn its charts."""


def main(home: Home) -> None:
    """Take every picture."""
    with serving(home, PORT), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 840})
        _close_assistant(page)
        for name, path in {**_views(home), "ui-run": _best_run(home)}.items():
            page.goto(f"http://127.0.0.1:{PORT}/{path}")
            time.sleep(SECONDS)
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def _close_assistant(page: Any) -> None:
    page.goto(f"http://127.0.0.1:{PORT}/")
    time.sleep(SECONDS)
    for button in page.query_selector_all('[data-component-id="mlflow.assistant.chat_panel.close"]'):
        button.click()


def _views(home: Home) -> dict[str, str]:
    ids = {e.name: e.experiment_id for e in open_mlflow(home).search_experiments()}
    return {name: view_path(ids[study], view) + charts for name, (study, view, charts) in PAGES.items()}


def _best_run(home: Home) -> str:
    client = open_mlflow(home)
    experiment = client.get_experiment_by_name("demo-search").experiment_id
    order = [f"metrics.{records.BEST_VAL_ACCURACY} DESC"]
    run = client.search_runs([experiment], f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'", order_by=order)[0]
    return f"#/experiments/{experiment}/runs/{run.info.run_id}/model-metrics?{LAYOUT}"


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])))
