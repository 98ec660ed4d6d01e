"""A headless Chromium, driven over its debugging pipe: no port, no driver, no further package."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """The browser's path. A test that needs one fails without it: `make browser` installs it."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise AssertionError(f"no browser ({', '.join(_NAMES)}) on PATH: run `make browser`")


class Browser:
    """One page in a browser of its own, 1400 x 1000 pixels."""

    def __init__(self, width: int = 1400, height: int = 1000) -> None:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        read_ours, write_theirs = os.pipe()
        read_theirs, write_ours = os.pipe()
        # The browser reads commands from descriptor 3 and writes answers to 4.
        shell = f'exec "$@" 3<&{read_theirs} 4>&{write_theirs}'
        command = [
            find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--remote-debugging-pipe", f"--user-data-dir={self._profile.name}", f"--window-size={width},{height}",
            "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "browser", *command],
            pass_fds=(read_theirs, write_theirs),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_theirs)
        os.close(write_theirs)
        self._in, self._out = os.fdopen(read_ours, "rb"), os.fdopen(write_ours, "wb", buffering=0)
        self._ids = itertools.count(1)
        self._session = ""
        self.problems: list[str] = []
        """What the page logged as an error, and requests it made."""
        target = next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attach = {"targetId": target["targetId"], "flatten": True}
        self._session = self.send("Target.attachToTarget", attach)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._out.close()
        self._in.close()
        self._process.terminate()
        self._process.wait(20)
        self._profile.cleanup()

    def send(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """One command of the DevTools protocol; gives its result."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params or {}}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _receive(self) -> Any:
        data = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            assert byte, "the browser ended"
            data += byte
        return json.loads(data)

    def _note(self, event: Any) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "data:")):
            self.problems.append(f"request: {params['request']['url']}")

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file and wait until its script has drawn it."""
        self.send("Page.navigate", {"url": "about:blank"})
        self.send("Page.navigate", {"url": f"{path.resolve().as_uri()}#{fragment}"})
        waiting = """new Promise(done => { const look = () => "ready" in (document.documentElement?.dataset ?? {})
            ? done(true) : setTimeout(look, 20); look(); })"""
        self.run(waiting)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is awaited."""
        params = {"expression": script, "awaitPromise": True, "returnByValue": True}
        result = self.send("Runtime.evaluate", params)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """A key, as its DOM name: "ArrowDown", "Enter", "/"."""
        codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        event: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0]))}
        if len(key) == 1:
            event["text"] = key
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", {"type": kind, **event})

    def click(self, selector: str) -> None:
        """A click in the middle of the first element that matches."""
        box = self.run(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            "found.scrollIntoView({block: 'center'}); const box = found.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", event)

    def screenshot(self, selector: str = "html") -> Image:
        """The page, or the first element that matches, as drawn."""
        self.run("scrollTo(0, 0)")
        box = self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            " return {x: b.x, y: b.y, width: b.width, height: b.height, scale: 1}; })()"
        )
        params = {"format": "png", "captureBeyondViewport": True, "clip": box}
        return Image(base64.b64decode(self.send("Page.captureScreenshot", params)["data"]))


class Image:
    """A PNG of 8 bits a channel, RGB or RGBA: enough to look at its pixels."""

    def __init__(self, png: bytes) -> None:
        self.png = png
        self.width, self.height, depth, colour = struct.unpack_from(">IIBB", png, 16)
        assert png.startswith(b"\x89PNG")
        assert depth == 8
        self._step = {2: 3, 6: 4}[colour]

    @functools.cached_property
    def _rows(self) -> list[bytearray]:
        """The rows of pixels (PNG specification, section 9)."""
        at, packed = 8, b""
        while at < len(self.png):
            size, kind = struct.unpack_from(">I4s", self.png, at)
            packed += self.png[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
            at += size + 12
        data, stride, step = zlib.decompress(packed), self.width * self._step, self._step
        rows: list[bytearray] = []
        above = bytearray(stride)
        for start in range(0, len(data), stride + 1):
            kind_of_row, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
            for i in range(stride if kind_of_row else 0):
                left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
                row[i] = (row[i] + _guess(kind_of_row, left, above[i], corner)) & 255
            rows.append(row)
            above = row
        return rows

    def pixel(self, x: float, y: float) -> tuple[int, int, int]:
        at = int(x) * self._step
        red, green, blue = self._rows[int(y)][at : at + 3]
        return red, green, blue


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        paeth = left + up - corner
        return min((left, up, corner), key=lambda value: abs(paeth - value))
    return (0, left, up, (left + up) // 2)[kind]
