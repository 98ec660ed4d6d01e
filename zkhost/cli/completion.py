"""`zkhost completion`: completion of commands and options in bash, zsh and fish."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from zkhost.cli._help import notes

_EPILOG = notes(
    """
    zkhost completion bash > ~/.local/share/bash-completion/completions/zkhost
    zkhost completion zsh > "${fpath[1]}/_zkhost"
    zkhost completion fish > ~/.config/fish/completions/zkhost.fish
    """,
    {0: "printed"},
)


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes zkhost's commands and options in SHELL.

    Put it where the shell looks for completions (see the examples), then open a new shell.
    """
    from zkhost.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None, shell  # click has all three
    script = kind(cli, {}, "zkhost", "_ZKHOST_COMPLETE")
    # `source()` would first run the shell to find its version, which the script does not need.
    click.echo(script.source_template % script.source_vars(), nl=True)
