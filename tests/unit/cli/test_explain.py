"""`zkhost explain`: sections of the documentation, offline."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from zkhost.cli.explain import explain, section


@pytest.mark.parametrize("name", ["GuestPanicError", "guestpanicerror", "guestpanic", " GuestPanic "])
def test_a_name_is_found_however_it_is_written(name: str) -> None:
    shown = section(name)
    assert shown.startswith("GuestPanicError\n\nThe guest panicked.\n\n")
    assert "`stderr`" in shown
    assert "](" not in shown, "links lead to pages that are not here"


def test_the_section_ends_where_the_next_begins() -> None:
    assert "PolicyError" not in section("VerifierVersionError")
    assert section("PolicyError").rstrip().endswith("the message names the rule.")


def test_without_a_name_it_draws_the_tree() -> None:
    done = CliRunner().invoke(explain, [])
    assert done.exit_code == 0
    assert done.stdout.startswith("ZkhostError\n├── ConfigError")


def test_an_unknown_name_is_refused_with_similar_ones() -> None:
    with pytest.raises(click.ClickException, match=r"no error GuestPaniccError. Did you mean GuestPanicError"):
        section("GuestPaniccError")
    done = CliRunner().invoke(explain, ["Nonsense"])
    assert (done.exit_code, "no error Nonsense" in done.stderr) == (1, True)
