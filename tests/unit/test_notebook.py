"""What notebooks and print show: well-formed, escaped, with the numbers that matter."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from zkhost.provers.options import ProveInfo, Provenance
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt
from zkhost.session import ExitCode, Journal, SegmentInfo, SessionInfo, SessionStats


class Page(HTMLParser):
    """Collects the text, and sees to it that every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def session(segments: int = 3) -> SessionInfo:
    return SessionInfo(
        exit_code=ExitCode.halted(),
        journal=Journal(bytes(range(40))),
        user_cycles=4242,
        total_cycles=32768,
        paging_cycles=None,
        reserved_cycles=1000,
        segments=tuple(SegmentInfo(i, 15, 20000) for i in range(segments)),
        elapsed_s=0.0164,
    )


@dataclass
class FakeReceipt:
    """As much of a receipt as is shown."""

    kind: ReceiptKind = ReceiptKind.COMPOSITE
    journal: Journal = field(default_factory=lambda: Journal(b"<script>"))
    claim: Any = None
    claim_digest: bytes = bytes(32)
    seal_size: int = 209_000

    def to_bytes(self) -> bytes:
        return bytes(209_578)


def test_a_session_shows_its_cycles_and_segments() -> None:
    page = Page(session()._repr_html_())
    for shown in ("not proved", "Halted(0)", "40 bytes: 00010203", "4,242", "32,768", "16 ms", "3 segment(s)"):
        assert shown in page.text
    assert "paging" not in page.text


def test_printed_they_are_one_line() -> None:
    took = "4,242 user cycles in 1,000 segments, 0.02 s"
    assert repr(session(1000)) == f"<SessionInfo Halted(0), Journal(40 bytes: {bytes(range(16)).hex()}...), {took}>"
    receipt: Any = FakeReceipt()
    prover = Provenance("ipc", "r0vm", "3.0.6", "RISC0_PROVER=ipc")
    info = ProveInfo(receipt, SessionStats(1, 4242, 32768, None, None), prover, 14.83)
    assert repr(info) == f"<ProveInfo {receipt!r}, 4,242 user cycles in 1 segment, 14.83 s by ipc>"


def test_a_thousand_segments_stay_a_small_page() -> None:
    html = session(1000)._repr_html_()
    assert len(html) < 30_000
    assert "1,000 segment(s) and 936 more" in Page(html).text


def test_a_proof_names_its_prover_and_escapes_what_it_shows() -> None:
    prover = Provenance("ipc", "r0vm <here>", "3.0.6", "RISC0_PROVER=ipc & so on")
    receipt: Any = FakeReceipt()
    html = ProveInfo(receipt, SessionStats(1, 4242, 32768, None, None), prover, 14.83)._repr_html_()
    page = Page(html)
    assert "<here>" not in html
    for shown in ("ipc (RISC0_PROVER=ipc & so on)", "r0vm <here>", "209,578 bytes", "14.8 s", "4,242"):
        assert shown in page.text


def test_a_fake_receipt_says_that_it_proves_nothing() -> None:
    fake: Any = FakeReceipt(kind=ReceiptKind.FAKE)
    assert "proves nothing" in Page(Receipt._repr_html_(fake)).text
    real: Any = FakeReceipt()
    page = Page(Receipt._repr_html_(real)).text
    assert "call verify(image_id)" in page
    assert "proves nothing" not in page
