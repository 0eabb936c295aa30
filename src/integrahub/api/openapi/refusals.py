"""Codes with which each operation may be refused, for the examples of the OpenAPI document."""

import re
from typing import Any

from integrahub.api.auth.guarded_route import LEGACY_PATHS
from integrahub.domain.messages.catalog import MESSAGES
from integrahub.domain.messages.statuses import status_of

_INGEST_PATH = "/v1/inovafarma/products"
_CNPJ = "cnpj_shape cnpj_check_digits"
_OF_ALL = "request_unreadable dependency_unavailable connections_limited"
_OF_KEYS = "key_missing key_malformed key_invalid key_expired failed_keys_limited"
_OF_CLIENTS = "reads_limited reads_at_once"
_OF_POSTS = f"""
load_type_missing load_type_invalid idempotency_key_long item_count_unreadable dry_run_invalid
content_type_invalid content_encoding_invalid charset_unknown encoding_invalid
body_absent body_array_as_ndjson body_csv body_empty body_html body_json_text body_ndjson body_single_object
body_wrapped body_xml ndjson_multiline not_array
body_archive body_compressed body_compressed_twice body_not_utf8 body_utf16 body_inflates body_too_large
cnpj_missing cnpj_typo {_CNPJ} other_pharmacy pharmacy_not_registered idempotency_key_reused
rate_limited pharmacies_limited encoded_uploads_at_once backlog_long commit_queue_full hub_decoding turn_busy
"""
_TARGETS = " ".join(
    code for code in MESSAGES if re.match(r"webhook_(url|host|port|address)_", code) and status_of(code)
)
_CHANGES = "batch_unfinished changes_expired"
_REPLAYS = "replay_unfinished replay_pending replay_not_a_load replay_body_expired replay_later_expired"
_NEW_KEYS = f"key_reserved key_unsendable key_weak key_taken {_CNPJ}"
# Pattern of `verb path`, and the codes that such an operation may answer besides those that depend on its key.
BY_PATTERN: tuple[tuple[str, str], ...] = (
    (f"post {_INGEST_PATH}$", _OF_POSTS),
    ("get /metrics$", f"{_OF_KEYS} operator_only"),
    ("get /v1/products", f"cnpj_not_named other_pharmacy pharmacy_not_found {_CNPJ}"),
    ("get /v1/products$", "value_unreadable query_has_nul query_too_long"),
    ("get /v1/products/changes$", "cursor_expired"),
    (r"get /v1/products/\{product_id\}", "product_not_found"),
    (".*/history$", "history_off"),
    (r".* /v1/batches/\{batch_id\}", "batch_not_found"),
    ("get /v1/batches$", "other_pharmacy"),
    ("get .*/errors$", "report_expired"),
    ("get .*/rejected$", "report_expired records_expired records_damaged"),
    ("get /v1/batches/.*/changes$", f"{_CHANGES} history_off"),
    ("get .*/deactivation/products$", _CHANGES),
    ("get .*/events$", "streams_limited"),
    ("get .*/receipt$", "receipts_off receipt_not_a_post"),
    ("post .*/cancel$", "nothing_to_cancel"),
    ("post .*/deactivation$", "nothing_held"),
    (r"post .*\{batch_id\}/replay$", _REPLAYS),
    ("post /v1/dead-letters/replay$", "filter_missing replay_records_expired"),
    (r".*/dead-letters/replays/\{operation_id\}", "bulk_operation_not_found"),
    ("post .*/stop$", "bulk_operation_ended"),
    (".*/dead-letters/{letter_id}", "dead_letter_not_found"),
    (r".* /v1/webhook(?!/deliveries)", "cnpj_not_named other_pharmacy pharmacy_not_found webhook_key_unstored"),
    (r".* /v1/webhook/deliveries", "other_pharmacy pharmacy_not_found webhook_key_unstored"),
    (r".* /(v1|admin)/webhook(?!/deliveries)", "webhook_not_found"),
    ("put .*/webhook$", f"webhooks_off webhook_events_unfit {_TARGETS}"),
    ("post .*/webhook/test$", "webhook_tests_limited"),
    (r"post .*/webhook/(test|replay|deliveries/\{delivery_id\}/replay)$", "webhook_closed"),
    (r".*/webhook/deliveries/\{delivery_id\}", "delivery_not_found"),
    (r".* /admin/pharmacies/\{cnpj\}$", f"pharmacy_not_found {_CNPJ}"),
    ("post /admin/pharmacies/.*api-key$", _NEW_KEYS),
    ("post /admin/pharmacies/api-key$", "cnpj_not_named"),
    ("post /admin/keys$", f"key_expiry_past scopes_unfit {_CNPJ}"),
    (r".* /admin/keys/\{key_id\}", "key_not_found"),
)


def list_codes(verb: str, path: str, operation: dict[str, Any]) -> dict[int, list[str]]:
    """Return the codes of an operation's refusals by status. A status without a code is none that it answers."""
    texts = [_OF_ALL, *(codes for pattern, codes in BY_PATTERN if re.match(pattern, f"{verb} {path}"))]
    if operation.get("security") != []:
        texts += _codes_of_key(verb, path, is_operators="admin" in operation["tags"])
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        texts.append("cursor_invalid")
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(" ".join(texts).split()):
        by_status.setdefault(status_of(code) or 0, []).append(code)
    return by_status


def _codes_of_key(verb: str, path: str, *, is_operators: bool) -> list[str]:
    texts = [_OF_KEYS, "body_timeout", "operator_only" if is_operators else "scope_missing"]
    if verb == "get":
        texts.append(f"{_OF_CLIENTS} read_too_slow")
    elif path.startswith("/v1/webhook"):
        texts.append(_OF_CLIENTS)
    if path != _INGEST_PATH:
        texts.append("value_invalid request_too_large" + (" parameter_unknown" if path not in LEGACY_PATHS else ""))
    return texts
