"""The endpoints of the Bonsai REST API, one method each, messages typed and checked.

Served by r0vm 3.0.6: all but logs, stop, version, quotas, the execute-only journal and the snark stage. By Bento: all
but logs, stop, version and quotas.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from zkhost.errors import RemoteRefusedError
from zkhost.provers.bonsai import wire
from zkhost.provers.bonsai.transport import Request, Transport
from zkhost.provers.bonsai.upload import Body

T = TypeVar("T")
_NOT_SERVED = (404, 405, 501)


class Client:
    """The API behind a transport. Every method raises the RemoteErrors of `Transport.send`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._settings = transport.settings
        self._image_locks: dict[str, asyncio.Lock] = {}

    async def upload_image(self, image_id: str, program: Body) -> bool:
        """Store a program under its image ID (64 hex digits) unless it is there; return whether it was sent.

        Concurrent calls for the same image send it once.
        """
        if await self._image_upload_url(image_id) is None:
            return False
        async with self._image_locks.setdefault(image_id, asyncio.Lock()):
            url = await self._image_upload_url(image_id)
            if url is not None:
                await self._put(url, program)
        self._image_locks.pop(image_id, None)
        return url is not None

    async def upload_input(self, data: Body) -> str:
        """Store an input; return its id."""
        return await self._upload("inputs", data)

    async def upload_receipt(self, data: Body) -> str:
        """Store a receipt that a session may use as an assumption; return its id."""
        return await self._upload("receipts", data)

    async def create_session(
        self,
        image_id: str,
        input_id: str,
        assumptions: list[str],
        *,
        execute_only: bool = False,
        exec_cycle_limit: int | None = None,
    ) -> str:
        """Start a session; return its id. `exec_cycle_limit` in millions of cycles. Never sent twice."""
        body = wire.session_request(image_id, input_id, assumptions, execute_only, exec_cycle_limit)
        return wire.parse_created("session", await self._post("sessions/create", body))

    async def session_status(self, session_id: str) -> wire.SessionStatus:
        """Return the status of a session."""
        return wire.SessionStatus.parse(await self._get(f"sessions/status/{session_id}"))

    async def stop_session(self, session_id: str) -> bool:
        """Ask the server to stop a session; return whether it supports that."""
        return await self._where_served(f"sessions/stop/{session_id}", lambda _: True) is not None

    async def session_logs(self, session_id: str) -> str | None:
        """Return the guest's stdout and stderr, merged, once it ran; None where the server stores no logs."""
        limit = self._settings.max_log_bytes
        return await self._where_served(f"sessions/logs/{session_id}", lambda b: b.decode("utf-8", "replace"), limit)

    async def execute_only_journal(self, session_id: str) -> bytes | None:
        """Return the journal of an execute-only session that succeeded; None where the server has none."""
        limit = self._settings.max_journal_bytes
        return await self._where_served(f"sessions/exec_only_journal/{session_id}", bytes, limit)

    async def receipt_url(self, session_id: str) -> str | None:
        """Return the URL of a finished session's receipt, whatever its status; None where there is none."""
        return await self._where_served(f"receipts/{session_id}", lambda b: wire.parse_url("receipt", b))

    async def download_receipt(self, url: str) -> bytearray:
        """Return a receipt (bincode) from the URL that a status named. It may be written a moment after the status."""
        limit = self._settings.max_receipt_bytes
        return (await self._transport.send(Request("GET", url, limit=limit, transfer=True, retry_404=True))).body

    async def create_snark(self, session_id: str) -> str:
        """Start turning a session's receipt into a groth16 one; return the snark's id. Never sent twice."""
        return wire.parse_created("snark", await self._post("snark/create", wire.snark_request(session_id)))

    async def snark_status(self, snark_id: str) -> wire.SnarkStatus:
        """Return the status of a snark."""
        return wire.SnarkStatus.parse(await self._get(f"snark/status/{snark_id}"))

    async def versions(self) -> tuple[str, ...] | None:
        """Return the versions of risc0-zkvm that the server proves for; None where it does not report them."""
        return await self._where_served("version", wire.parse_versions)

    async def quotas(self) -> wire.Quotas | None:
        """Return the quotas of the API key; None where the server has none."""
        return await self._where_served("user/quotas", wire.Quotas.parse)

    async def _image_upload_url(self, image_id: str) -> str | None:
        reply = await self._transport.send(Request("GET", self._transport.url(f"images/upload/{image_id}")))
        return None if reply.status_code == 204 else wire.parse_url("image upload", bytes(reply.body))

    async def _upload(self, kind: str, data: Body) -> str:
        upload = wire.Upload.parse(await self._get(f"{kind}/upload"))
        await self._put(upload.url, data)
        return upload.id

    async def _put(self, url: str, body: Body) -> None:
        await self._transport.send(Request("PUT", url, body, transfer=True))

    async def _post(self, path: str, body: bytes) -> bytes:
        request = Request("POST", self._transport.url(path), Body(body), "application/json", creates=True)
        return bytes((await self._transport.send(request)).body)

    async def _get(self, path: str) -> bytes:
        return bytes((await self._transport.send(Request("GET", self._transport.url(path)))).body)

    async def _where_served(self, path: str, parse: Callable[[bytes], T], limit: int | None = None) -> T | None:
        request = Request("GET", self._transport.url(path), impatient=True)
        if limit is not None:
            request = Request("GET", self._transport.url(path), limit=limit, impatient=True)
        try:
            return parse(bytes((await self._transport.send(request)).body))
        except RemoteRefusedError as exc:
            if exc.status_code in _NOT_SERVED:
                return None
            raise
