"""zkhost.boundless against boundless-market's own crate: the same bytes, the same JSON, the same judgement."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest

from zkhost.boundless import (
    ClaimDigestMatch,
    Fulfillment,
    GuestEnv,
    Offer,
    ProofRequest,
    RequestID,
)
from zkhost.boundless.predicate import Predicate, predicate_from_plain, predicate_plain
from zkhost.errors import MarketFormatError, VerificationError
from zkhost.image_id import ImageID
from zkhost.receipt.claim import ok_claim_digest

Vectors = dict[str, Any]


def number(text: str | int) -> int:
    return int(text, 16) if isinstance(text, str) else text


def read(plain: Any) -> ProofRequest:
    return ProofRequest.from_json(json.dumps(plain))


def test_input_files_are_the_same_bytes(vectors: Vectors) -> None:
    assert len(vectors["guest_envs"]) >= 10
    for each in vectors["guest_envs"]:
        stdin = bytes(index % 251 for index in range(each["size"]))
        encoded = GuestEnv(stdin).encode()
        assert encoded == bytes.fromhex(each["head"]) + stdin
        assert GuestEnv.decode(encoded) == GuestEnv(stdin)
        assert GuestEnv(stdin).digest == hashlib.sha256(encoded).digest()


def test_input_files_are_read_alike(vectors: Vectors) -> None:
    judged = {True: 0, False: 0}
    for each in vectors["guest_envs_read"]:
        data = bytes.fromhex(each["file"])
        judged[each["stdin"] is None] += 1
        if each["stdin"] is None:
            with pytest.raises(MarketFormatError):
                GuestEnv.decode(data)
        else:
            assert GuestEnv.decode(data).stdin.hex() == each["stdin"], each["file"]
    assert min(judged.values()) >= 8


def test_requests_are_the_same_json_and_hash_to_the_same(vectors: Vectors) -> None:
    assert len(vectors["requests"]) >= 20
    for each in vectors["requests"]:
        request = ProofRequest.from_json(each["request"])
        assert request.to_json() == each["request"] + "\n"
        digest = request.signing_hash(each["market"], each["chain_id"])
        assert f"0x{digest.hex()}" == each["signing_hash"]


def test_orders_are_the_same_json(vectors: Vectors) -> None:
    for each in vectors["requests"]:
        request = ProofRequest.from_json(each["request"])
        order = request.order_json(bytes.fromhex(each["signature"]), each["market"], each["chain_id"])
        assert order == each["order"] + "\n"


def test_other_spellings_are_the_same_request(vectors: Vectors) -> None:
    request = read(vectors["requests_read"]["request"])
    assert len(vectors["requests_read"]["spellings"]) >= 5
    for spelling in vectors["requests_read"]["spellings"]:
        assert read(spelling) == request


def test_request_ids_are_packed_alike(vectors: Vectors) -> None:
    for each in vectors["request_ids"]:
        packed, known = number(each["number"]), each["id"]
        if known is None:
            with pytest.raises(MarketFormatError, match="flags"):
                RequestID.of(packed)
        else:
            request_id = RequestID.of(packed)
            assert request_id == RequestID(known["addr"], known["index"], known["smart_contract_signed"])
            assert int(request_id) == packed


def test_offers_are_judged_alike(vectors: Vectors) -> None:
    judged = {True: 0, False: 0}
    for each in vectors["offers_checked"]:
        judged[each["error"] is None] += 1
        if each["error"] is None:
            assert Offer.from_plain(each["offer"]).plain() == each["offer"]
        else:
            with pytest.raises(MarketFormatError) as caught:
                Offer.from_plain(each["offer"])
            assert caught.value.path.startswith(".offer."), each["error"]
    assert min(judged.values()) >= 8


def test_prices_are_the_same(vectors: Vectors) -> None:
    for each in vectors["prices"]:
        assert Offer.from_plain(each["offer"]).price_at(each["at"]) == number(each["price"]), each


def test_suggested_times_are_those_of_the_market(vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000
    monkeypatch.setattr("time.time", lambda: now + 0.5)
    for each in vectors["offers"]:
        offer = Offer.for_cycles(each["cycles"], max_price=1, lock_collateral=0)
        assert offer.ramp_up_start - now == each["delay"]
        assert (offer.ramp_up_period, offer.lock_timeout, offer.timeout) == (
            each["ramp_up_period"],
            each["lock_timeout"],
            each["timeout"],
        )
        assert offer.required_khz(each["cycles"]) == pytest.approx(each["required_khz"])


def holds(predicate: Predicate, image_id: str, journal: str) -> bool:
    try:
        predicate.check(ImageID(image_id), bytes.fromhex(journal))
    except VerificationError:
        return False
    return True


def test_predicates_are_evaluated_alike(vectors: Vectors) -> None:
    judged = {True: 0, False: 0}
    for each in vectors["predicates"]:
        predicate = predicate_from_plain(each["predicate"], ".predicate")
        assert predicate_plain(predicate) == each["predicate"]
        if each["image_id"] is None:  # only the seal was delivered
            expected = predicate.claim_digest.hex() if isinstance(predicate, ClaimDigestMatch) else None
            assert each["claim"] == expected
            continue
        judged[each["claim"] is None] += 1
        assert holds(predicate, each["image_id"], each["journal"]) == (each["claim"] is not None), each
        if each["claim"] is not None:
            digest = hashlib.sha256(bytes.fromhex(each["journal"])).digest()
            assert ok_claim_digest(ImageID(each["image_id"]), digest).hex() == each["claim"]
    assert min(judged.values()) >= 8


def test_fulfillments_are_read_alike(vectors: Vectors) -> None:
    for each in vectors["fulfillments"]:
        found = Fulfillment.from_contract(
            each["type"], bytes.fromhex(each["data"]), bytes.fromhex(each["seal"].removeprefix("0x"))
        )
        assert found == Fulfillment.from_cli(each["printed"])
        assert (None if found.image_id is None else str(found.image_id)) == each["image_id"]
        assert (None if found.journal is None else found.journal.hex()) == each["journal"]


def paths(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every object's field."""
    if not isinstance(value, dict):
        return []
    return [found for key, child in value.items() for found in [(*path, key), *paths(child, (*path, key))]]


def test_a_request_with_a_field_missing_misspelt_or_of_another_type_is_refused_by_name(vectors: Vectors) -> None:
    plain = vectors["requests_read"]["request"]
    assert len(paths(plain)) >= 20
    for path in paths(plain):
        for change in ("missing", "misspelt", "wrong"):
            changed = copy.deepcopy(plain)
            place = changed
            for key in path[:-1]:
                place = place[key]
            if change == "misspelt":
                place[f"{path[-1]}_"] = place[path[-1]]
            if change == "wrong":
                place[path[-1]] = [None]
            else:
                del place[path[-1]]
            with pytest.raises(MarketFormatError) as caught:
                read(changed)
            assert caught.value.path == "." + ".".join(path), change
            assert caught.value.path in caught.value.message
