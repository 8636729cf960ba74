"""A headless Chromium spoken to over its DevTools pipe: JSON messages ended by a zero byte, on two inherited files."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

Json = Any

SECONDS = 100
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--password-store=basic",  # no desktop is asked, which may not be there
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
# Resolves with the value of an expression as soon as it is true; with true for an object, which cannot travel.
UNTIL = """new Promise((done) => {
  const look = () => {
    const value = %s;
    if (value) done(Object(value) === value ? true : value);
    else setTimeout(look, 20);
  };
  look();
})"""
# Resolves with the middle of an element that has been at one place for a while.
AT_REST = """new Promise((done) => {
  let before;
  const look = () => {
    const element = document.querySelector(%s);
    if (element) {
      element.scrollIntoView({ block: "center", behavior: "instant" });
      const box = element.getBoundingClientRect();
      const place = [box.x + box.width / 2, box.y + box.height / 2];
      if (String(place) === before && element.contains(document.elementFromPoint(...place))) return done(place);
      before = String(place);
    }
    setTimeout(look, 100);
  };
  look();
})"""
# Empties the field that is typed in, by the setter that frameworks watch. Selecting its text would do too, if headless
# Chromium did not then wait half a minute for a desktop that is not there.
EMPTY = """(() => {
  const field = document.activeElement;
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, "");
  field.dispatchEvent(new Event("input", { bubbles: true }));
})()"""


def find() -> str | None:
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class BrowserError(AssertionError):
    """The browser refused a command, took too long, or a script in the page failed."""


class Browser:
    """One browser process, with a profile of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        command, commands = os.pipe()
        answers, answer = os.pipe()
        self._commands, self._answers = commands, answers
        self._numbers = itertools.count(1)
        self._unread = b""
        self.events: list[Json] = []
        executable = find()
        assert executable is not None
        # The browser reads file 3 and writes file 4.
        shell = f'exec "$0" "$@" 3<&{command} 4>&{answer}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, executable, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(command, answer),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(command)
        os.close(answer)

    def close(self) -> None:
        """End the browser and all of its processes."""
        os.close(self._commands)
        os.close(self._answers)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def command(self, method: str, session: str | None = None, **params: Json) -> Json:
        """The result of a command; events that come meanwhile are kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            found = self._receive(deadline, method)
            if found.get("id") != number:
                self.events.append(found)
            elif "error" in found:
                raise BrowserError(f"{method}: {found['error']['message']}")
            else:
                return found["result"]

    def _receive(self, deadline: float, method: str) -> Json:
        while b"\0" not in self._unread:
            if not select.select([self._answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise BrowserError(f"{method} took more than {SECONDS} s")
            read = os.read(self._answers, 1 << 16)
            if not read:
                raise BrowserError("the browser has ended")
            self._unread += read
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def page(self, width: int = 1280, height: int = 900) -> Page:
        """A new tab."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        made = Page(self, target, attached["sessionId"])
        made.command("Page.bringToFront")  # what is behind gets few turns
        made.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        return made


class Page:
    """One tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.browser = browser
        self.target = target
        self.session = session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def close(self) -> None:
        """Close the tab."""
        self.browser.command("Target.closeTarget", targetId=self.target)

    def command(self, method: str, **params: Json) -> Json:
        """The result of a command to this tab."""
        return self.browser.command(method, self.session, **params)

    def open(self, url: str) -> None:
        """Go to an address; the page need not have loaded yet."""
        failed = self.command("Page.navigate", url=url).get("errorText")
        if failed:
            raise BrowserError(f"{url}: {failed}")

    def evaluate(self, expression: str) -> Json:
        """The value of a JavaScript expression, awaited if it is a promise."""
        found = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            about = found["exceptionDetails"]
            raise BrowserError(about.get("exception", {}).get("description") or about["text"])
        return found["result"].get("value")

    def until(self, expression: str) -> Json:
        """The value of an expression once it is true."""
        return self.evaluate(UNTIL % f"({expression})")

    def click(self, selector: str) -> None:
        """Click the middle of an element as a person would: once it is there, at rest, and nothing covers it."""
        x, y = self.evaluate(AT_REST % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, selector: str, text: str, replace: bool = False) -> None:
        """Click into a field and type; `replace`: over what is there."""
        self.click(selector)
        if replace:
            self.evaluate(EMPTY)
        self.command("Input.insertText", text=text)

    def text(self, selector: str) -> str:
        """The text of an element, once it is there."""
        self.until(f"document.querySelector({json.dumps(selector)})")
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def screenshot(self, path: Path) -> None:
        """What the tab shows, as a PNG file."""
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def events(self, method: str) -> list[Json]:
        """The parameters of all events of one kind so far."""
        self.evaluate("0")  # what has happened by now is told before this is answered
        own = (each for each in self.browser.events if each.get("sessionId") == self.session)
        return [each["params"] for each in own if each["method"] == method]
