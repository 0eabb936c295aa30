"""Which entry of the runbook explains what a page of the console shows."""

from collections.abc import Mapping

from integrahub.console.navigation import ROOT
from integrahub.domain.languages import Language
from integrahub.runbook.pages import ERRORS_PAGE, list_entries

HELP_ROOT = f"{ROOT}/help"
#: Entries of the runbook by what is shown: `kind.value` of an enum or a table, or the name of a chart or list.
ENTRIES: Mapping[str, str] = {
    "attention.dependency": "storage-unavailable",
    "attention.unaccounted": "table-differs",
    "attention.stalled": "batch-does-not-finish",
    "attention.uncounted": "integrahubstatisticsstale",
    "attention.storage": "storage-full",
    "attention.held": "emptied-catalogue",
    "attention.cause": "dead-chunks",
    "attention.failed": "silent",
    "attention.silent": "silent",
    "attention.webhook": "webhook-suspended",
    "attention.key": "api-keys",
    "dependency.postgresql": "postgresql-unavailable",
    "dependency.storage": "storage-unavailable",
    "dependency.bus": "kafka-unavailable",
    "batch.RECEIVED": "batch-does-not-finish",
    "batch.PROCESSING": "batch-does-not-finish",
    "batch.COMPLETED": "product-missing",
    "batch.PARTIAL_FAIL": "rejected-records",
    "batch.FAILED": "replay-batch",
    "batch.CANCELLED": "batch-does-not-finish",
    "cause.key_expired": "api-keys",
    "cause.key_revoked": "api-keys",
    "cause.key_wrong": "api-keys",
    "cause.other_pharmacy": "api-keys",
    "cause.refused": "silent",
    "cause.loads_failed": "silent",
    "cause.no_key": "api-keys",
    "cause.unknown_sender": "api-keys",
    "cause.nothing_arrived": "silent",
    "pharmacy.ok": "silent",
    "pharmacy.held": "emptied-catalogue",
    "pharmacy.failing": "silent",
    "pharmacy.silent": "silent",
    "pharmacy.stopped": "silent",
    "pharmacy.new": "silent",
    "chart.throughput": "backlog-grows",
    "chart.batches": "integrahubbatchsuccessbudget",
    "chart.size": "emptied-catalogue",
    "chart.rejected": "rejected-records",
    "chart.failures": "dead-chunks",
    "list.batches": "batch-does-not-finish",
    "list.pharmacies": "silent",
    "list.products": "product-missing",
    "list.system": "settings",
    "list.users": "console-locked",
    "list.decisions": "emptied-catalogue",
    "list.failures": "dead-chunks",
    "list.refusals": "posts-refused",
    "list.fields": "unknown-fields",
    "list.webhooks": "webhook-suspended",
    "list.processes": "restart-workers",
    "product.absent": "product-missing",
    "error.403": "console-locked",
    "error.429": "console-locked",
    "error.500": "integrahubapierrors",
    "error.503": "integrahubbreakeropen",
    "sign-in": "console-locked",
}


def help_url(subject: str) -> str:
    """Return the address of the entry that explains a subject; the index if none does."""
    anchor = ENTRIES.get(subject, "")
    entry = list_entries(Language.EN).get(anchor)
    return f"{HELP_ROOT}/{entry.page}.html#{anchor}" if entry else f"{HELP_ROOT}/runbook.html"


def error_url(code: str) -> str:
    """Return the address of an error code in the reference."""
    return f"{HELP_ROOT}/{ERRORS_PAGE}.html#{code}"
