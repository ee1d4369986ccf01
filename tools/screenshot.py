"""_build/html → .github/screenshot.webp, the picture in the README

After `make build`: .venv/bin/python tools/screenshot.py
"""

from __future__ import annotations

import io
import threading

import browser
import serve
from steps import BUILD, ROOT, main

PICTURE = ROOT / ".github" / "screenshot.webp"
PAGE, FIGURE = "chapters/03_real_model.html", '[data-live="attention_explorer"]'
SIZE = {"width": 1280, "height": 860}


def take(address: str) -> bytes:
    """The page with the explorer awake, as PNG."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser.find(), args=browser.FLAGS
        )
        page = chromium.new_page(viewport=SIZE)
        page.goto(f"{address}/{PAGE}")
        figure = page.locator(FIGURE).first
        figure.scroll_into_view_if_needed()
        page.wait_for_selector(f"{FIGURE}[data-state=alive]")
        figure.evaluate("e => scrollBy(0, e.getBoundingClientRect().top - 60)")
        page.wait_for_timeout(500)
        picture = page.screenshot()
        chromium.close()
    return picture


def screenshot() -> None:
    from PIL import Image

    with serve.bind(BUILD / "html") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        picture = Image.open(io.BytesIO(take(serve.address(server))))
        server.shutdown()
    PICTURE.parent.mkdir(exist_ok=True)
    picture.save(PICTURE, quality=82, method=6)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(screenshot)
