"""Debian's Chromium without a screen, told by its DevTools protocol to be a desktop or a phone."""

import asyncio
import base64
import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.support.waiting import until

CHROMIUM = "/usr/bin/chromium"
# What is wider than the window, and what is cut off inside a box that does not scroll.
WIDE = """
[...document.querySelectorAll("body *")].filter(it => {
  const box = it.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1) && !it.closest("nav");
}).map(it => it.tagName + "." + it.className + ": " + it.textContent.trim().slice(0, 60)).slice(0, 5)
"""
# Short words in tables that are broken over two lines elsewhere than at a hyphen.
BROKEN = r"""
[...document.querySelectorAll("th, td")].flatMap(cell => {
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[^\s-]+/g)) {
    const range = document.createRange();
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    if (word[0].length <= 12 && range.getClientRects().length > 1) found.push(word[0]);
  }
  return found;
})
"""


# What the keyboard comes to next, and whether a person sees that it is there.
FOCUSED = """
(() => {
  const it = document.activeElement, style = getComputedStyle(it), box = it.getBoundingClientRect();
  const seen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
  return [it.tagName, it.textContent.trim().slice(0, 40), seen && box.width > 0 && box.height > 0];
})()
"""


@dataclass(frozen=True)
class Look:
    """What a browser made of a page."""

    picture: bytes  # PNG, the whole page.
    asked: tuple[str, ...]  # Every address that was asked for.
    complaints: tuple[str, ...]  # Of the console, of scripts, and of what did not load.
    wide: tuple[str, ...]  # What does not fit into the width.
    broken: tuple[str, ...]  # Short words of tables that take two lines.
    width: int  # Of the window, as the page sees it.
    text: str
    stops: tuple[tuple[str, str, bool], ...]  # What the key Tab comes to: tag, words, and whether that is seen.


class Browser:
    """A running Chromium; every look has a window and a profile of its own, which nothing is left of."""

    def __init__(self, door: str) -> None:
        self._door = door

    def look(
        self, url: str, width: int, *, phone: bool = False, dark: bool = False, tabs: int = 0, password: str = ""
    ) -> Look:
        """Load a page in a window of `width` CSS pixels, then press Tab so often.

        A phone has a viewport of its own, and a denser screen.
        """
        return asyncio.run(_look(self._door, url, width, phone=phone, dark=dark, tabs=tabs, password=password))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium with its files in `profile`, a new directory, and end it."""
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    words += ["--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--remote-allow-origins=*"]
    words += ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", f"--user-data-dir={profile}", "about:blank"]
    with (profile.parent / "chromium.log").open("wb") as log:
        process = subprocess.Popen([CHROMIUM, *words], stdout=log, stderr=log)
    try:
        port = profile / "DevToolsActivePort"
        until(lambda: port.exists() and len(port.read_text().split()) == 2, "the browser can be told something")
        at, path = port.read_text().split()
        yield Browser(f"ws://127.0.0.1:{at}{path}")
    finally:
        process.terminate()
        process.wait(timeout=20)


async def _look(door: str, url: str, width: int, *, phone: bool, dark: bool, tabs: int, password: str) -> Look:
    async with asyncio.timeout(60):
        connection = await websocket_connect(door, max_message_size=100_000_000)
        session = _Session(connection)
        own = (await session.tell("Target.createBrowserContext"))["browserContextId"]
        target = (await session.tell("Target.createTarget", url="about:blank", browserContextId=own))["targetId"]
        session.id = (await session.tell("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await session.tell(f"{domain}.enable")
        scale = 2 if phone else 1
        size = {"width": width, "height": 800, "deviceScaleFactor": scale, "mobile": phone}
        await session.tell("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await session.tell("Emulation.setEmulatedMedia", features=[scheme])
        if password:
            given = base64.b64encode(password.encode()).decode()
            await session.tell("Network.setExtraHTTPHeaders", headers={"Authorization": f"Basic {given}"})
        await session.tell("Page.navigate", url=url)
        await session.event("Page.loadEventFired")
        wide = await session.evaluate(WIDE)
        broken = await session.evaluate(BROKEN)
        inner = await session.evaluate("innerWidth")
        text = await session.evaluate("document.body.innerText")
        stops = [await session.tab() for _ in range(tabs)]
        picture = await session.tell("Page.captureScreenshot", captureBeyondViewport=True)
        session.id = None
        await session.tell("Target.disposeBrowserContext", browserContextId=own)
        connection.close()
    return Look(
        base64.b64decode(picture["data"]),
        tuple(params["request"]["url"] for name, params in session.events if name == "Network.requestWillBeSent"),
        tuple(
            json.dumps(params)[:500]
            for name, params in session.events
            if name
            in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.loadingFailed", "Log.entryAdded")
        ),
        tuple(wide),
        tuple(broken),
        inner,
        text,
        tuple(stops),
    )


class _Session:
    """One conversation with the browser: what it is told, and what happened meanwhile."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.id: str | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._connection = connection
        self._numbers = itertools.count(1)

    async def tell(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        await self._connection.write_message(json.dumps(message | ({"sessionId": self.id} if self.id else {})))
        answer = await self._read(lambda heard: heard.get("id") == number)
        assert "error" not in answer, answer
        return dict(answer["result"])

    async def event(self, name: str) -> None:
        if not any(seen == name for seen, _ in self.events):
            await self._read(lambda heard: heard.get("method") == name)

    async def tab(self) -> tuple[str, str, bool]:
        """Press Tab; what has the focus then."""
        for kind in ("rawKeyDown", "keyUp"):
            await self.tell("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        tag, words, seen = await self.evaluate(FOCUSED)
        return tag, words, seen

    async def evaluate(self, script: str) -> Any:
        return (await self.tell("Runtime.evaluate", expression=script, returnByValue=True))["result"]["value"]

    async def _read(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            text = await self._connection.read_message()
            assert text is not None, "the browser went away"
            heard = json.loads(text)
            if "method" in heard:
                self.events.append((heard["method"], heard.get("params", {})))
            if wanted(heard):
                return dict(heard)
