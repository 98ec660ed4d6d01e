"""Where requests may go, and which origin sees the API key.

The API key and the risc0 version go to the API's own origin (scheme, host, port) and nowhere else. Upload and download
URLs and redirects may name other hosts, which get neither. From an `https` API, no URL leads to plain `http`.
"""

from __future__ import annotations

import httpx

from zkhost.errors import RemoteAnswerError


class Origins:
    """The API's origin, and the others that requests may go to."""

    def __init__(self, api: str) -> None:
        self._api = httpx.URL(api)
        self._schemes = ("https",) if self._api.scheme == "https" else ("http", "https")

    def is_api(self, url: httpx.URL) -> bool:
        """Return whether this is the API itself: only it gets the key."""
        return _origin(url) == _origin(self._api)

    def checked(self, text: str) -> httpx.URL:
        """Return a URL from the server, checked. Servers behind a TLS proxy call themselves http: that is corrected.

        Raises RemoteAnswerError for a URL that is not allowed.
        """
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            raise RemoteAnswerError("the remote prover sent a URL that is none") from None
        if self._api.scheme == "https" and url.scheme == "http" and url.host == self._api.host:
            url = url.copy_with(scheme="https", port=self._api.port)
        if url.scheme not in self._schemes or not url.host or url.userinfo:
            raise RemoteAnswerError(
                f"the remote prover sends us to {url.scheme}://{url.host}",
                hint=f"only {' or '.join(self._schemes)} URLs without a user name are followed from {self._api}",
            )
        return url


def shown(url: httpx.URL) -> str:
    """Return a URL for messages: without the query, where signed URLs carry their secret."""
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}{url.path}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
