"""Tables of the schema by who may see their rows."""

OF_PHARMACIES = (
    *("pharmacies", "pharmacy_turns", "products", "product_changes", "batches", "batch_chunks", "record_issues"),
    *("full_uploads", "dry_runs", "dry_run_changes"),
    *("webhook_endpoints", "webhook_deliveries", "webhook_attempts"),
)
OF_THE_OPERATOR = (
    *("api_keys", "audit_log", "dead_letters", "failure_groups", "workers", "worker_restarts", "reconciliations"),
    *("statistics", "refusals", "bulk_operations"),
)
OF_WORKERS = (
    *("history", "batch_estimates", "figure_minutes", "figure_hours", "pharmacy_days", "pharmacy_rhythms"),
    *("failure_hours", "unknown_fields"),
)
OF_THE_CONSOLE = ("users", "user_links", "user_sessions")
PUBLIC = ("receipt_keys",)  # public keys: the API reads them for anyone
NOBODYS = ("bus_messages", "rate_windows", "schema_migrations")
