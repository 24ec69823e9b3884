"""A page in a real browser: Debian's chromium without a window, asked through its DevTools protocol."""

import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import websocket

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1000,2000",
    "--remote-debugging-port=0",
]
PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WAIT = 60


class Page:
    """One open page: evaluate, press keys, move the pointer; remembers requests and uncaught exceptions."""

    def __init__(self, socket):
        self._socket, self._number = socket, 0
        self.requests, self.exceptions = [], []

    def call(self, method, **params):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            self._note(message)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    def _note(self, message):
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.exceptions.append(message["params"]["exceptionDetails"])

    def evaluate(self, expression):
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def text(self, name):
        return self.evaluate(f"document.getElementById('{name}').textContent")

    def press(self, key, code):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def point(self, name, x, y):
        """Move the pointer to a place of a canvas, in its own pixels."""
        box = self.evaluate(
            f"(c => {{ c.scrollIntoView(); const b = c.getBoundingClientRect(); "
            f"return [b.left, b.top, b.width / c.width, b.height / c.height]; }})(document.getElementById('{name}'))"
        )
        at = {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **at)


@contextmanager
def opened(path, profile):
    """The page of a file, in a browser of its own that sees no network."""
    process = subprocess.Popen(
        [PROGRAM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(profile / "DevToolsActivePort")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=WAIT) as answer:
            target = next(item for item in json.load(answer) if item["type"] == "page")
        socket = websocket.create_connection(target["webSocketDebuggerUrl"], timeout=WAIT, suppress_origin=True)
        try:
            page = Page(socket)
            for domain in ("Runtime", "Network", "Page"):
                page.call(f"{domain}.enable")
            page.call(
                "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
            )
            page.call("Page.navigate", url=path.as_uri())
            _until(lambda: page.evaluate("document.readyState") == "complete")
            yield page
        finally:
            socket.close()
    finally:
        process.terminate()
        process.wait(WAIT)


def _port(file):
    _until(lambda: file.exists() and file.read_text().strip())
    return int(file.read_text().splitlines()[0])


def _until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
