"""Renew the pictures of docs/ui.md from a home that `mamlab demo` filled.

`python docs/screenshots.py HOME`; needs `pip install playwright` and a Chromium, whose path may stand in $CHROMIUM.
"""

from __future__ import annotations

import os
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
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
    "ui-trials": ("demo-search", "trials", "", 760),
    "ui-search": ("demo-search", "trials", CHARTS, 800),
    "ui-arms": ("demo-ablation", "arms", CHARTS, 800),
    "ui-summaries": ("demo-ablation", "summary", "", 460),
}
"""Picture -> study, view, whether its table or its charts, and the picture's height."""
WIDTH, RUN_HEIGHT = 1500, 580
CURVES = 1150
"""How far down a run's page its curves are, in pixels."""
SECONDS = 12.0
"""Until a page has drawn its charts."""
ASIDE = "[data-component-id^='mlflow.assistant'], [data-assistant-ui='true'] { visibility: hidden !important; }"
"""Hides MLflow's assistant."""
COLOURS = 256


def main(home: Home) -> None:
    """Take every picture."""
    with serving(home, PORT), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": RUN_HEIGHT})
        _make_room(page)
        heights = {name: height for name, (*_, height) in PAGES.items()}
        for name, path in {**_views(home), "ui-run": _best_run(home)}.items():
            page.set_viewport_size({"width": WIDTH, "height": heights.get(name, RUN_HEIGHT)})
            page.goto(f"http://127.0.0.1:{PORT}/{path}")
            time.sleep(SECONDS)
            _click(page, "[aria-label='Hide banner']")
            page.add_style_tag(content=ASIDE)
            if name == "ui-run":
                page.mouse.move(WIDTH / 2, RUN_HEIGHT / 2)
                page.mouse.wheel(0, CURVES)
                page.mouse.move(0, 0)
            time.sleep(3)
            _save(page, IMAGES / f"{name}.png")
        browser.close()


def _make_room(page: Any) -> None:
    """Close the assistant and the sidebar; both stay closed."""
    page.goto(f"http://127.0.0.1:{PORT}/")
    time.sleep(SECONDS)
    _click(page, "[data-component-id='mlflow.assistant.chat_panel.close']")
    _click(page, "[aria-label='Toggle sidebar']")


def _click(page: Any, selector: str) -> None:
    for button in page.query_selector_all(selector):
        button.click()


def _save(page: Any, file: Path) -> None:
    """Save the page as a PNG of few colours, which is a third of the size and looks the same."""
    with Image.open(BytesIO(page.screenshot())) as full:
        full.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def _views(home: Home) -> dict[str, str]:
    ids = {e.name: e.experiment_id for e in open_mlflow(home).search_experiments()}
    return {name: view_path(ids[study], view) + charts for name, (study, view, charts, _) in PAGES.items()}


def _best_run(home: Home) -> str:
    client = open_mlflow(home)
    experiment = client.get_experiment_by_name("demo-search").experiment_id
    order = [f"metrics.{records.BEST_VAL_ACCURACY} DESC"]
    run = client.search_runs([experiment], f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'", order_by=order)[0]
    return f"#/experiments/{experiment}/runs/{run.info.run_id}/model-metrics?{LAYOUT}"


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])))
