"""HTTP status of each code that a refusal may have, and whether the same request may succeed later."""

_BY_STATUS: dict[int, tuple[str, ...]] = {
    400: (
        "mute_invalid",
        *("body_absent", "body_array_as_ndjson", "body_csv", "body_html", "body_json_text", "body_ndjson", "body_xml"),
        *("body_single_object", "body_wrapped", "ndjson_multiline", "not_array", "body_empty", "encoding_invalid"),
        *("cnpj_check_digits", "cnpj_missing", "cnpj_not_named", "cnpj_shape", "cnpj_typo", "cursor_invalid"),
        *("dry_run_invalid", "filter_missing", "http_unreadable", "idempotency_key_long", "item_count_unreadable"),
        *("key_expiry_past", "key_reserved", "key_unsendable", "key_weak", "load_type_invalid", "load_type_missing"),
        *("parameter_unknown", "query_has_nul", "query_too_long", "request_unreadable", "scopes_unfit"),
        *("value_invalid", "value_unreadable", "webhook_events_unfit", "webhook_host_invalid"),
        *("webhook_host_unresolvable", "webhook_port_closed", "webhook_port_invalid", "webhook_url_fragment"),
        *("webhook_url_malformed", "webhook_url_plain_http", "webhook_url_scheme", "webhook_url_too_long"),
        *("webhook_url_user_info", "code_wrong", "password_easy", "password_short", "user_invalid"),
    ),
    401: ("key_expired", "key_invalid", "key_malformed", "key_missing"),
    403: (
        *("operator_only", "other_pharmacy", "pharmacy_not_registered", "scope_missing", "cross_site", "link_invalid"),
        *("password_needed", "password_wrong", "role_missing", "second_factor_needed", "sign_in_needed"),
        "sign_in_wrong",
    ),
    404: (
        *("batch_not_found", "bulk_operation_not_found", "dead_letter_not_found", "delivery_not_found"),
        "failure_not_found",
        *("key_not_found", "pharmacy_not_found", "product_not_found", "route_not_found", "session_not_found"),
        *("user_not_found", "verify_nothing", "webhook_not_found"),
    ),
    405: ("method_unknown",),
    408: ("body_timeout", "head_slow"),
    409: (
        *(
            "batch_unfinished",
            "bulk_operation_ended",
            "history_off",
            "key_taken",
            "nothing_held",
            "count_not_confirmed",
            "nothing_to_cancel",
            "receipt_not_a_post",
            "receipts_off",
        ),
        *("replay_body_expired", "replay_later_expired", "replay_not_a_load", "replay_pending", "replay_unfinished"),
        *("second_factor_off", "user_last_admin", "user_not_removed", "user_taken"),
        *("replay_nothing_open", "replay_records_expired", "webhook_closed", "webhook_key_unstored", "webhooks_off"),
    ),
    410: ("changes_expired", "cursor_expired", "records_damaged", "records_expired", "report_expired"),
    413: ("body_inflates", "body_too_large", "request_too_large"),
    415: (
        *("body_archive", "body_compressed", "body_compressed_twice", "body_not_utf8", "body_utf16"),
        *("charset_unknown", "content_encoding_invalid", "content_type_invalid"),
    ),
    422: ("idempotency_key_reused",),
    429: (
        *("encoded_uploads_at_once", "failed_keys_limited", "pharmacies_limited", "rate_limited", "reads_at_once"),
        *("reads_limited", "sign_in_limited", "webhook_tests_limited"),
    ),
    431: ("head_too_large",),
    500: ("internal_error",),
    503: (
        *("backlog_long", "commit_queue_full", "connections_limited", "dependency_unavailable", "hub_decoding"),
        *("read_too_slow", "sign_in_busy", "streams_limited", "turn_busy"),
    ),
}
_FAMILIES = {"webhook_address_": 400}  # codes that are put together
_RETRYABLE = frozenset({408, 429, 500, 503})
STATUSES = {code: status for status, codes in _BY_STATUS.items() for code in codes}
ERRORS_PATH = "/docs/errors"


def status_of(code: str) -> int | None:
    """Return the HTTP status of a code; None for the codes of batches and records, which no request is refused with."""
    family = next((status for prefix, status in _FAMILIES.items() if code.startswith(prefix)), None)
    return STATUSES.get(code, family)


def is_retryable(status: int) -> bool:
    """Return whether the same request may succeed later, after the seconds of `Retry-After` if there is one."""
    return status in _RETRYABLE


def type_of(code: str) -> str:
    """Return the `type` of a problem: its section on the page of errors, relative to the address of the request."""
    return f"{ERRORS_PATH}#{code}"
