"""Statements named `..._if_...`, with the states in which each finds its rows and those in which it finds none."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

BATCH, OTHER, KEY, TOKEN = (UUID(int=number) for number in range(1, 5))
GIVEN: dict[str, Any] = {"id": BATCH, "batch": BATCH, "other": OTHER, "key": KEY, "token": TOKEN, "worker": TOKEN}
GIVEN |= {"ids": [BATCH], "both": [BATCH, OTHER], "batch_id": BATCH, "batches": [BATCH], "number": 0, "numbers": [0]}
GIVEN |= {"lease": 15, "alone": True, "most": 5000, "kind": "load", "crashes": 5, "error": "", "culprit": ""}
GIVEN |= {"delay": 0, "age": 0}
GIVEN |= {"pharmacy_id": 1000, "pharmacies": [1000], "window": 10, "cnpj": "2", "name": "", "city": "", "state": "none"}
GIVEN |= {"deactivated": 0, "first": 1, "candidates": 0, "active": 0, "reason": None, "facts": None, "proven": True}
GIVEN |= {"hours": 1, "outcome": "done", "after": None, "actor": ""}
GIVEN |= {"sealed": b"", "step": 1, "role": None, "keys_off": None}
GIVEN |= dict.fromkeys(("login", "email", "language", "theme"))
ROWS = """
INSERT INTO pharmacies (id, cnpj, name) OVERRIDING SYSTEM VALUE VALUES (1000, '1', '');
INSERT INTO batches (id, pharmacy_id, received_seq, load_type, body, bytes, sha256)
  VALUES (%(batch)s, 1000, 1, 'delta', '[]', 5000, ''), (%(other)s, 1000, 2, 'delta', '[]', 5000, '');
INSERT INTO batch_chunks (batch_id, number, location, records, ids, hashes)
  VALUES (%(batch)s, 0, 'body', 1, '{1}', '{0}');
INSERT INTO api_keys (id, hash, hint, tenants) VALUES (%(key)s, '', '', 'all');
INSERT INTO bulk_operations (id, actor, filters, letters) VALUES (%(batch)s, '', '{}', 1);
INSERT INTO audit_log (id, actor, action, subject) OVERRIDING SYSTEM VALUE VALUES (77, '', '', '');
INSERT INTO users (id, name, login, role, password) OVERRIDING SYSTEM VALUE
  VALUES (7, '', 'seven', 'admin', '$'), (8, '', 'eight', 'admin', '$');
"""
ENDED = "finished_at = now(), status = 'COMPLETED'"
CLAIMED = "stage = 'splitting', claim_token = %(token)s"
TAKEN = "status = 'PROCESSING', claim_token = %(token)s"
OTHERS = "claim_token = %(other)s"
OTHER_IS_FIRST = "received_seq = CASE WHEN id = %(other)s THEN 0 ELSE 1 END"
OTHER_WAS_FIRST = (
    f"{OTHER_IS_FIRST}, finished_at = CASE WHEN id = %(other)s THEN now() END, "
    "status = CASE WHEN id = %(other)s THEN 'COMPLETED' ELSE 'PROCESSING' END"
)
OTHER_IS_LONG = "stage = CASE WHEN id = %(other)s THEN 'upserting' ELSE 'received' END"
ONLY_ADMIN = (
    "role = CASE WHEN id = 8 THEN 'operator' ELSE 'admin' END",
    "password = CASE WHEN id = 8 THEN NULL ELSE '$' END",
    "removed_at = CASE WHEN id = 8 THEN now() END",
)
REMOVED = "removed_at = CASE WHEN id = 7 THEN now() END"
NO_ADMINS = "role = 'operator'"


@dataclass(frozen=True)
class Case:
    """A statement, and states of a table: in `ready`, and `ready` with one that `fits`, it finds `rows`.

    In `ready` with one that is `unfit` it finds none.
    """

    file: str
    block: str
    table: str
    ready: str
    unfit: tuple[str, ...]
    fits: tuple[str, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)
    rows: int = 1


CASES = (
    Case(
        "batches.split_claims",
        "claim_split_if_free",
        "batches",
        "stage = 'received'",
        (
            "kind = 'approval'",
            ENDED,
            "stage = 'waiting'",
            "stage = 'splitting', lease_until = now() + interval '10 seconds'",
            "next_attempt_at = now() + interval '1 minute'",
        ),
        (
            "kind = 'replay'",
            "crashes = 1",
            "stage = 'splitting', lease_until = now() - interval '1 second'",
            "stage = 'splitting', lease_until = now() + interval '1 hour'",
            "next_attempt_at = now() + interval '1 hour'",
        ),
    ),
    Case(
        "batches.split_claims",
        "claim_split_if_free",
        "batches",
        "stage = 'received'",
        ("crashes = 1", "stage = 'splitting', lease_until = now() - interval '1 second'"),
        given={"alone": False},
    ),
    Case("batches.split_claims", "renew_splits_if_held", "batches", CLAIMED, (OTHERS, "stage = 'waiting'")),
    Case("batches.split_claims", "lock_if_claimed", "batches", CLAIMED, (OTHERS, "stage = 'waiting'")),
    Case(
        "batches.turns",
        "grant_turns_if_free",
        "batches",
        "stage = 'waiting'",
        (
            "stage = 'received'",
            "stage = 'upserting'",
            f"{OTHER_IS_FIRST}, stage = CASE WHEN id = %(other)s THEN 'upserting' ELSE 'waiting' END",
        ),
        (f"{OTHER_WAS_FIRST}, stage = CASE WHEN id = %(other)s THEN 'done' ELSE 'waiting' END",),
    ),
    Case("batches.finish", "lock_if_finishing", "batches", "stage = 'finishing'", ("stage = 'upserting'", ENDED)),
    Case(
        "batches.decisions",
        "decide_if_held",
        "batches",
        "deactivation_state = 'held'",
        ("deactivation_state = 'superseded'",),
    ),
    Case(
        "batches.decisions",
        "decide_if_waiting",
        "batches",
        "deactivation_state = 'waiting'",
        ("deactivation_state = 'superseded'",),
    ),
    Case(
        "chunks.claims",
        "renew_if_held",
        "batch_chunks",
        TAKEN,
        (OTHERS, "status = 'RETRYING'", "finished_at = now()"),
    ),
    *(
        Case("chunks.claims", block, "batch_chunks", TAKEN, (OTHERS, "status = 'RETRYING'", "status = 'CANCELLED'"))
        for block in ("lock_if_claimed", "release_if_claimed", "retry_if_claimed", "dead_letter_if_claimed")
    ),
    Case(
        "chunks.claims",
        "dead_letter_if_crash_limit",
        "batch_chunks",
        "status = 'RETRYING', crashes = 5",
        ("crashes = 4", "status = 'PROCESSING'"),
    ),
    *(
        Case(
            file,
            "uncount_crash_if_lost",
            table,
            "crashes = 1",
            ("claim_token = %(token)s", "finished_at = now(), status = 'COMPLETED'", "crashes = 0"),
            (OTHERS,),
        )
        for file, table in (("batches.split_claims", "batches"), ("chunks.claims", "batch_chunks"))
    ),
    Case(
        "batches.fast_path",
        "claim_if_free",
        "batches",
        "stage = 'received'",
        (
            "kind = 'replay'",
            "load_type = 'full'",
            "stage = 'splitting'",
            ENDED,
            "body = NULL",
            "bytes = 5001",
            "next_attempt_at = now()",
            "crashes = 1",
        ),
    ),
    Case(
        "batches.fast_path",
        "claim_if_free",
        "batches",
        OTHER_IS_LONG,
        (OTHER_IS_FIRST,),
        (OTHER_WAS_FIRST,),
    ),
    Case("batches.fast_path", "claim_if_free", "batches", OTHER_IS_FIRST, (), (), {"ids": [BATCH, OTHER]}, 2),
    Case(
        "batches.fast_path",
        "claim_fulls_if_free",
        "batches",
        "stage = 'received', load_type = 'full'",
        (
            "kind = 'replay'",
            "kind = 'dry_run'",
            "load_type = 'delta'",
            "stage = 'splitting'",
            ENDED,
            "bytes = 5001",
            "body = NULL, location = 'batches/1', encoding = 'gzip'",
            "next_attempt_at = now()",
            "crashes = 1",
            OTHER_IS_FIRST,
        ),
        ("encoding = 'gzip'", "body = NULL, location = 'batches/1'", OTHER_WAS_FIRST),
        {"window": 0},
    ),
    Case(
        "batches.fast_path",
        "lock_if_next",
        "batches",
        CLAIMED,
        (OTHERS, "stage = 'waiting'", OTHER_IS_FIRST),
        (OTHER_WAS_FIRST,),
    ),
    Case(
        "batches.fast_path",
        "lock_if_next",
        "batches",
        f"{CLAIMED}, {OTHER_IS_FIRST}",
        (),
        (),
        {"ids": [BATCH, OTHER]},
        2,
    ),
    Case(
        "batches.full_uploads",
        "start_if_windowed",
        "pharmacies",
        "full_window_minutes = NULL",
        ("full_window_minutes = 0",),
    ),
    Case(
        "batches.full_uploads",
        "start_if_windowed",
        "pharmacies",
        "full_window_minutes = 5",
        ("full_window_minutes = NULL",),
        given={"window": 0},
    ),
    Case("accounts.pharmacies", "create_if_absent", "pharmacies", "cnpj = '1'", ("cnpj = '2'",)),
    Case(
        "accounts.api_keys",
        "revoke_if_live",
        "api_keys",
        "revoked_at = NULL",
        ("revoked_at = now()",),
        given={"id": KEY},
    ),
    Case(
        "accounts.api_keys",
        "expire_if_later",
        "api_keys",
        "revoked_at = NULL",
        ("revoked_at = now()",),
        given={"id": KEY},
    ),
    Case(
        "accounts.audit_log",
        "complete_if_open",
        "audit_log",
        "outcome = NULL",
        ("outcome = 'refused'",),
        given={"id": 77},
    ),
    Case(
        "accounts.users",
        "update_if_admin_left",
        "users",
        "removed_at = NULL",
        (*ONLY_ADMIN, REMOVED),
        (NO_ADMINS,),
        {"id": 7, "role": "viewer"},
    ),
    Case("accounts.users", "update_if_admin_left", "users", NO_ADMINS, (REMOVED,), ONLY_ADMIN, {"id": 7}),
    Case(
        "accounts.users",
        "remove_if_admin_left",
        "users",
        "removed_at = NULL",
        (*ONLY_ADMIN, REMOVED),
        (NO_ADMINS,),
        {"id": 7},
    ),
    Case(
        "accounts.users",
        "store_totp_if_off",
        "users",
        "totp_enabled_at = NULL",
        ("totp_enabled_at = now()", REMOVED),
        given={"id": 7},
    ),
    Case(
        "accounts.users",
        "enable_totp_if_off",
        "users",
        "sealed_totp = ''",
        ("totp_enabled_at = now()", "sealed_totp = NULL", REMOVED),
        given={"id": 7},
    ),
    Case("accounts.users", "anonymise_if_removed", "users", REMOVED, ("removed_at = NULL",), given={"id": 7}),
    *(
        Case("chunks.bulk_operations", block, "bulk_operations", "state = 'running'", ("state = 'stopped'",))
        for block in ("complete_if_running", "stop_if_running")
    ),
)
