"""Films in a browser: they play, are as long as they are, and can be sought in."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Route, async_playwright

from tests.recorder.compose.films import FILM_MS, LONGER_MS, write_film
from tests.web.conftest import CHROMIUM, FLAGS

pytestmark = pytest.mark.browser

SITE = "http://films.test/"

# Plays to here, then seeks over the joint of the chunks and plays on.
PLAYED_S, SOUGHT_S = 0.6, 14.5
PLAY = """async ([source, playedS, soughtS]) => {
  const media = document.createElement(source.endsWith('.ogg') ? 'audio' : 'video');
  media.muted = true;
  media.src = URL.createObjectURL(await (await fetch(source)).blob());
  const until = (reached) => new Promise((resolve, reject) => {
    media.onerror = () => reject(new Error(media.error.message));
    media.ontimeupdate = () => { if (reached()) resolve(); };
    if (reached()) resolve();
  });
  await media.play();
  await until(() => media.currentTime > playedS);
  media.currentTime = soughtS;
  await until(() => !media.seeking && media.currentTime > soughtS + playedS);
  media.pause();
  let row = null;
  if (media.videoWidth) {
    media.currentTime = 13;
    await new Promise((resolve) => { media.onseeked = resolve; });
    const canvas = new OffscreenCanvas(media.videoWidth, media.videoHeight);
    const context = canvas.getContext('2d');
    context.drawImage(media, 0, 0);
    row = [...context.getImageData(0, 90, media.videoWidth, 1).data].filter((_, index) => index % 4 === 0);
  }
  return { durationS: media.duration, seconds: media.currentTime, row };
}"""


async def test_films_play_in_a_browser(tmp_path: Path) -> None:
    async def film_or_page(route: Route) -> None:
        path = tmp_path / route.request.url.rpartition("/")[2]
        if path.suffix:
            await route.fulfill(path=path)
        else:
            await route.fulfill(body="<!doctype html><title>Film</title>", content_type="text/html")

    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = await browser.new_page()
        await page.route(f"{SITE}**", film_or_page)
        await page.goto(SITE)
        for extension in (".mp4", ".webm", ".ogg"):
            film = write_film(tmp_path, extension, still=25)
            played = await page.evaluate(PLAY, [SITE + film.name, PLAYED_S, SOUGHT_S])
            assert abs(played["durationS"] * 1000 - FILM_MS) <= LONGER_MS[extension] + 1, extension
            if extension != ".ogg":  # after a search the picture of that second, though most are repeats
                block = len(played["row"]) // 16
                bits = [played["row"][bit * block + block // 2] > 120 for bit in range(16)]
                assert sum(1 << bit for bit, bright in enumerate(bits) if bright) == 325, extension
        await browser.close()
