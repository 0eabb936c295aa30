-- What each table and column holds. Applied whole after the migrations, whenever it has changed.
-- docs/reference/data-model.md is generated from these comments.

COMMENT ON TABLE pharmacies IS 'One row per pharmacy, found by its CNPJ.';
COMMENT ON COLUMN pharmacies.id IS 'Internal number of the pharmacy; all other tables refer to it.';
COMMENT ON COLUMN pharmacies.cnpj IS 'Tax number of the pharmacy, 14 characters without punctuation.';
COMMENT ON COLUMN pharmacies.name IS 'Name of the pharmacy; an operator sets it, or ingest takes it from the first record.';
COMMENT ON COLUMN pharmacies.city IS 'City of the pharmacy; may be empty.';
COMMENT ON COLUMN pharmacies.state IS 'Two-letter state of Brazil; may be empty.';
COMMENT ON COLUMN pharmacies.time_zone IS 'IANA time zone in which times without a zone in records are read.';
COMMENT ON COLUMN pharmacies.deactivation_limit IS 'Share of the active products that a FULL may deactivate without approval; null: the setting of the hub.';
COMMENT ON COLUMN pharmacies.full_window_minutes IS 'Quiet minutes after which a FULL in parts is complete, 0 if every FULL is whole; null: the setting of the hub.';
COMMENT ON COLUMN pharmacies.full_seen_at IS 'Time at which the last finished FULL whose deactivation was not held was received.';
COMMENT ON COLUMN pharmacies.created_at IS 'Time at which the pharmacy was created.';
COMMENT ON COLUMN pharmacies.has_products IS 'True once a batch was applied; until then the merge does not look up stored products.';
COMMENT ON COLUMN pharmacies.silent_since IS 'Time of the last post of a pharmacy that was reported as silent; null: it is not, or no webhook reports it.';
COMMENT ON COLUMN pharmacies.rate_limit IS 'Ingest rate limit of the pharmacy, as requests/seconds; null: the setting of the hub.';

COMMENT ON TABLE pharmacy_turns IS 'One small row per pharmacy; a transaction locks it to decide which batch is applied next.';
COMMENT ON COLUMN pharmacy_turns.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN pharmacy_turns.last_seq IS 'Last receive number given to a batch of the pharmacy.';

COMMENT ON TABLE api_keys IS 'API keys that operators created; keys from settings have no row.';
COMMENT ON COLUMN api_keys.id IS 'Internal id of the key.';
COMMENT ON COLUMN api_keys.hash IS 'HMAC-SHA256 of the key with the pepper of the hub; the key itself is not stored.';
COMMENT ON COLUMN api_keys.hint IS 'First characters of the key, enough for an operator to recognise it.';
COMMENT ON COLUMN api_keys.tenants IS 'Which pharmacies the key may use.
pharmacies: Those in `cnpjs`.
all: All pharmacies.';
COMMENT ON COLUMN api_keys.cnpjs IS 'CNPJs that the key may use, if `tenants` is `pharmacies`.';
COMMENT ON COLUMN api_keys.created_at IS 'Time at which the key was created.';
COMMENT ON COLUMN api_keys.expires_at IS 'Time at which the key expires; null: it does not.';
COMMENT ON COLUMN api_keys.revoked_at IS 'Time at which an operator revoked the key; null: it is not revoked.';
COMMENT ON COLUMN api_keys.last_used_at IS 'Time of the last use, accurate to a minute.';
COMMENT ON COLUMN api_keys.public_id IS 'The id inside a generated key; null: a key chosen by its bearer, found by its hash.';
COMMENT ON COLUMN api_keys.scopes IS 'What the key may do: `ingest`, `read`, `viewer`, `operator`, `admin`.';
COMMENT ON COLUMN api_keys.rate_limit IS 'Rate limit of the key, as requests/seconds; null: that of the pharmacy.';
COMMENT ON COLUMN api_keys.replaces IS 'The key that this key was created to replace.';
COMMENT ON COLUMN api_keys.weak IS 'True if a chosen key is easy to guess.';
COMMENT ON COLUMN api_keys.family IS 'The first key of a chain of rotations; null: this key is the first. Webhook endpoints of a key belong to its family.';

COMMENT ON TABLE products IS 'The catalogue: one row per pharmacy and product, as the latest batch left it.';
COMMENT ON COLUMN products.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN products.product_id IS 'Product id in the ERP.';
COMMENT ON COLUMN products.record_hash IS 'Hash of the records that last wrote the product, used to skip unchanged ones; null: read the next record in any case.';
COMMENT ON COLUMN products.batch_id IS 'The batch that last changed the product.';
COMMENT ON COLUMN products.created_at IS 'Time at which the product was inserted.';
COMMENT ON COLUMN products.updated_at IS 'Time at which the product was last changed.';
COMMENT ON COLUMN products.last_seen_at IS 'Time at which the last FULL that contained the product was received; stored when the product is deactivated.';
COMMENT ON COLUMN products.deactivated_at IS 'Time at which the product was deactivated; null: it is active.';
COMMENT ON COLUMN products.is_active IS 'False if a FULL no longer contained the product.';
COMMENT ON COLUMN products.title IS 'Title; never empty.';
COMMENT ON COLUMN products.description IS 'Description.';
COMMENT ON COLUMN products.brand IS 'Brand.';
COMMENT ON COLUMN products.ncm IS 'NCM tax classification.';
COMMENT ON COLUMN products.category IS 'Category.';
COMMENT ON COLUMN products.image_link IS 'URL of the image.';
COMMENT ON COLUMN products.color IS 'Color.';
COMMENT ON COLUMN products.ean IS 'EAN bar code.';
COMMENT ON COLUMN products.shop_id IS 'Shop id in the ERP.';
COMMENT ON COLUMN products.size IS 'Size.';
COMMENT ON COLUMN products.price IS 'Price.';
COMMENT ON COLUMN products.wholesale_price IS 'Wholesale price.';
COMMENT ON COLUMN products.price_promos IS 'Promotional prices.';
COMMENT ON COLUMN products.stock IS 'Quantity in stock.';
COMMENT ON COLUMN products.wholesale_min IS 'Quantity from which the wholesale price applies.';
COMMENT ON COLUMN products.measure IS 'Unit of measure.';
COMMENT ON COLUMN products.indice IS 'Index of the record in the ERP.';
COMMENT ON COLUMN products.source_created_at IS 'Creation time as the ERP sent it, without a zone.';
COMMENT ON COLUMN products.source_updated_at IS 'Update time as the ERP sent it, without a zone.';
COMMENT ON COLUMN products.stock_updated_at IS 'Time of the last stock update as the ERP sent it, without a zone.';
COMMENT ON COLUMN products.extra IS 'Members of the record that have no column of their own, as sent.';
COMMENT ON COLUMN products.search_text IS 'Title and description in capitals and without accents, for the search; PostgreSQL generates it.';

COMMENT ON TABLE product_changes IS 'The record of changes: one row per product that a batch changed, partitioned by `stock_only`, then by day (UTC).';
COMMENT ON COLUMN product_changes.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN product_changes.seq IS 'Receive number of the batch whose turn wrote the change; an operation has its own.';
COMMENT ON COLUMN product_changes.product_id IS 'The product; 0 for `reset`, which is about all products.';
COMMENT ON COLUMN product_changes.at IS 'Time at which the transaction of the change began.';
COMMENT ON COLUMN product_changes.batch_id IS 'The batch with the number `seq`.';
COMMENT ON COLUMN product_changes.kind IS 'What happened to the product.
inserted: The product is new.
updated: Some of its columns changed.
deactivated: It became inactive.
reactivated: It became active again; other columns may have changed, too.
reset: The first load filled an empty catalogue; the changes of single products are not recorded.';
COMMENT ON COLUMN product_changes.stock_only IS 'True if no column but the stock (and times) of an active product changed; such rows are kept for a shorter time.';
COMMENT ON COLUMN product_changes.fields IS 'Changed columns with their values before and after, as `{"price": [1.5, 2]}`; the index, hashes and times do not count. Of an inserted product, the columns that are not blank, and `is_active` if it is inactive. Null: none changed (deactivated, reset), or the setting HISTORY was off.';

COMMENT ON TABLE batches IS 'One row per accepted post, and per operation queued on a batch (approval, end of a window, replay).';
COMMENT ON COLUMN batches.id IS 'UUIDv7; also the trace id of the batch.';
COMMENT ON COLUMN batches.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN batches.received_seq IS 'Receive number of the batch within its pharmacy; batches are applied in this order.';
COMMENT ON COLUMN batches.kind IS 'What the row stands for.
load: A catalogue that a client posted.
dry_run: A catalogue that a client posted to learn what it would change; applied and rolled back.
approval: An approved deactivation.
window: The end of a FULL in parts.
replay: A whole batch applied again.
chunk_replay: Dead chunks of a batch applied again.';
COMMENT ON COLUMN batches.parent_id IS 'The batch on which an operation works; null for a load.';
COMMENT ON COLUMN batches.load_type IS 'What the batch claims to be.
full: The whole catalogue: what is absent is deactivated.
delta: Changes only: what is absent stays.';
COMMENT ON COLUMN batches.media_type IS 'Media type of the body.';
COMMENT ON COLUMN batches.encoding IS 'Content encoding of the stored body: empty, `gzip` or `zstd`. A body stored as frames of zstd has `zstd`.';
COMMENT ON COLUMN batches.idempotency_key IS 'Idempotency key of the post; null if the client sent none.';
COMMENT ON COLUMN batches.full_from_seq IS 'Receive number of the first part, if the batch is part of a FULL.';
COMMENT ON COLUMN batches.item_count_claimed IS 'Number of records that the client announced (X-Inova-Item-Count).';
COMMENT ON COLUMN batches.body IS 'The stored body, if it is small.';
COMMENT ON COLUMN batches.location IS 'Storage name of the body, if it is large.';
COMMENT ON COLUMN batches.bytes IS 'Size of the decoded body.';
COMMENT ON COLUMN batches.stored_bytes IS 'Size of the object of the body; null for a body in the row, and for one of a version before 0.3.';
COMMENT ON COLUMN batches.sha256 IS 'SHA-256 of the decoded body.';
COMMENT ON COLUMN batches.status IS 'State of the batch as clients see it.
RECEIVED: The body is durable; nothing has been read yet.
PROCESSING: The body is being split or its chunks applied.
COMPLETED: Every record was applied.
PARTIAL_FAIL: Some records were rejected or some chunk is dead; the rest was applied.
FAILED: Nothing was inserted, updated, found unchanged or superseded.
CANCELLED: An operator stopped it; what was applied before stands.';
COMMENT ON COLUMN batches.stage IS 'The step that works on the batch next.
received: Waiting to be split.
splitting: The body is being cut into chunks.
waiting: Split; an earlier batch of the pharmacy is not finished.
upserting: Its chunks are being applied.
finishing: All chunks are settled; deactivation and totals are due.
done: Nothing is left to do.';
COMMENT ON COLUMN batches.first_byte_at IS 'Time at which the first byte of the body arrived.';
COMMENT ON COLUMN batches.received_at IS 'Time at which the batch was committed.';
COMMENT ON COLUMN batches.started_at IS 'Time at which a worker first claimed the batch.';
COMMENT ON COLUMN batches.split_at IS 'Time at which the split ended.';
COMMENT ON COLUMN batches.finished_at IS 'Time at which the batch became final; null until then.';
COMMENT ON COLUMN batches.dispatched_at IS 'Time of the last event that announced the batch to a step.';
COMMENT ON COLUMN batches.dispatches IS 'Number of times the event was sent again.';
COMMENT ON COLUMN batches.claim_token IS 'Token of the claim under which a worker splits the batch.';
COMMENT ON COLUMN batches.worker_id IS 'The worker that holds the claim.';
COMMENT ON COLUMN batches.lease_until IS 'Time at which the claim expires unless the worker renews it.';
COMMENT ON COLUMN batches.attempts IS 'Failed attempts to split the batch.';
COMMENT ON COLUMN batches.crashes IS 'Claims that expired because the worker was lost.';
COMMENT ON COLUMN batches.next_attempt_at IS 'Earliest time of the next attempt.';
COMMENT ON COLUMN batches.chunks_total IS 'Number of chunks; null until the split ends.';
COMMENT ON COLUMN batches.chunks_left IS 'Chunks that are not settled; the batch finishes when it is 0.';
COMMENT ON COLUMN batches.items_total IS 'Number of records in the body; null until the split ends.';
COMMENT ON COLUMN batches.unreadable_ids IS 'Records whose product id could not be read.';
COMMENT ON COLUMN batches.inserted IS 'Records that inserted a product.';
COMMENT ON COLUMN batches.updated IS 'Records that updated a product.';
COMMENT ON COLUMN batches.unchanged IS 'Records that the table already contained.';
COMMENT ON COLUMN batches.merged IS 'Records that were merged into another record of the same product.';
COMMENT ON COLUMN batches.rejected IS 'Records that were rejected.';
COMMENT ON COLUMN batches.superseded IS 'Records of a replay that later batches had overwritten.';
COMMENT ON COLUMN batches.cancelled IS 'Records of chunks that were cancelled.';
COMMENT ON COLUMN batches.dead IS 'Records of chunks that are dead.';
COMMENT ON COLUMN batches.reactivated IS 'Products that became active again.';
COMMENT ON COLUMN batches.deactivated IS 'Products that were deactivated.';
COMMENT ON COLUMN batches.deactivation_state IS 'The decision about products that the FULL does not contain.
none: Nothing to deactivate, or not a FULL.
waiting: The FULL comes in parts; its window is still open.
applied: The absent products are inactive.
held: Too many or too uncertain: a person decides.
approved: A person approved; the absent products are inactive.
rejected: A person rejected; everything stays active.
superseded: A later FULL replaced this decision.';
COMMENT ON COLUMN batches.deactivation_candidates IS 'Active products that the FULL does not contain.';
COMMENT ON COLUMN batches.deactivation_active IS 'Active products at the decision; null: they were not counted.';
COMMENT ON COLUMN batches.deactivation_reason IS 'Code of the reason why the deactivation is held.';
COMMENT ON COLUMN batches.deactivation_facts IS 'Numbers that belong to the reason.';
COMMENT ON COLUMN batches.error_code IS 'Code of the error for which the whole batch failed.';
COMMENT ON COLUMN batches.error_facts IS 'Values that belong to the error.';
COMMENT ON COLUMN batches.error_offset IS 'Position of the error in the decoded body.';
COMMENT ON COLUMN batches.origin_seq IS 'Receive number of the batch that is replayed; its records count under it.';
COMMENT ON COLUMN batches.chunks_removed_at IS 'Time at which retention deleted the chunk objects.';
COMMENT ON COLUMN batches.body_removed_at IS 'Time at which retention deleted the body.';
COMMENT ON COLUMN batches.rows_removed_at IS 'Time at which retention deleted the chunk rows.';
COMMENT ON COLUMN batches.report_removed_at IS 'Time at which retention deleted the record issues.';
COMMENT ON COLUMN batches.change_counts IS 'Counts of the batch''s changes, as the first read of them found them; null: never read.';
COMMENT ON COLUMN batches.warnings IS 'Number of warnings about records.';
COMMENT ON COLUMN batches.read_zone IS 'Time zone in which the records are read: that of the pharmacy at the split.';
COMMENT ON COLUMN batches.absence_proven IS 'True if the FULL was compared with the catalogue and not held, so what it lacks is absent.';
COMMENT ON COLUMN batches.api_key_id IS 'The API key that posted the batch; null for keys from settings and for operations.';

COMMENT ON TABLE full_uploads IS 'Parts of a FULL that are being uploaded; they keep the window of the FULL open.';
COMMENT ON COLUMN full_uploads.batch_id IS 'The batch that the upload will become.';
COMMENT ON COLUMN full_uploads.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN full_uploads.begun_at IS 'Time at which the first byte arrived.';
COMMENT ON COLUMN full_uploads.renewed_at IS 'Time of the last sign of life; an upload silent for long is pruned.';

COMMENT ON TABLE dry_runs IS 'What a dry run decided about the products that it does not have; their rows in batches decide nothing.';
COMMENT ON COLUMN dry_runs.batch_id IS 'The dry run.';
COMMENT ON COLUMN dry_runs.deactivated IS 'Products that the FULL would deactivate at once.';
COMMENT ON COLUMN dry_runs.deactivation_state IS 'The decision that the FULL would lead to: that of batches.deactivation_state.';
COMMENT ON COLUMN dry_runs.deactivation_candidates IS 'Active products that the FULL does not contain.';
COMMENT ON COLUMN dry_runs.deactivation_active IS 'Active products at the decision; null: they were not counted.';
COMMENT ON COLUMN dry_runs.deactivation_reason IS 'Code of the reason why the deactivation would be held.';
COMMENT ON COLUMN dry_runs.deactivation_facts IS 'Numbers that belong to the reason.';

COMMENT ON TABLE dry_run_changes IS 'Changes that dry runs would make, as product_changes has those of loads; deleted after DRY_RUN_DAYS.';
COMMENT ON COLUMN dry_run_changes.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN dry_run_changes.batch_id IS 'The dry run.';
COMMENT ON COLUMN dry_run_changes.product_id IS 'The product that would change.';
COMMENT ON COLUMN dry_run_changes.kind IS 'As product_changes.kind.';
COMMENT ON COLUMN dry_run_changes.stock_only IS 'As product_changes.stock_only.';
COMMENT ON COLUMN dry_run_changes.fields IS 'As product_changes.fields.';

COMMENT ON TABLE batch_chunks IS 'Chunks of a batch: groups of records that workers claim and apply.';
COMMENT ON COLUMN batch_chunks.batch_id IS 'The batch.';
COMMENT ON COLUMN batch_chunks.number IS 'Number of the chunk within its batch, from 0.';
COMMENT ON COLUMN batch_chunks.location IS 'Storage name of the records, or `body` if they are a slice of the body of the batch. That of a slice of a framed body ends in `.slice`.';
COMMENT ON COLUMN batch_chunks.records IS 'Number of records that the chunk applies or rejects.';
COMMENT ON COLUMN batch_chunks.ids IS 'Product id of each record: 0 unreadable, negative if a later chunk applies the product.';
COMMENT ON COLUMN batch_chunks.hashes IS 'Hash of each record''s product, over all its records; empty if no step compares the chunk again.';
COMMENT ON COLUMN batch_chunks.status IS 'State of the chunk.
PENDING: Not taken yet.
PROCESSING: A worker holds its lease.
COMPLETED: Its effect is committed.
RETRYING: It failed and will be tried again at `next_attempt_at`.
FAILED: It is dead: every attempt failed.
CANCELLED: Its batch was cancelled before it was applied.';
COMMENT ON COLUMN batch_chunks.claim_token IS 'Token of the claim under which a worker applies the chunk.';
COMMENT ON COLUMN batch_chunks.worker_id IS 'The worker that holds the claim.';
COMMENT ON COLUMN batch_chunks.lease_until IS 'Time at which the claim expires unless the worker renews it.';
COMMENT ON COLUMN batch_chunks.attempts IS 'Failed attempts to apply the chunk.';
COMMENT ON COLUMN batch_chunks.crashes IS 'Claims that expired because the worker was lost.';
COMMENT ON COLUMN batch_chunks.next_attempt_at IS 'Earliest time of the next attempt.';
COMMENT ON COLUMN batch_chunks.dispatched_at IS 'Time of the last event that announced the chunk.';
COMMENT ON COLUMN batch_chunks.dispatches IS 'Number of times the event was sent.';
COMMENT ON COLUMN batch_chunks.inserted IS 'Records that inserted a product.';
COMMENT ON COLUMN batch_chunks.updated IS 'Records that updated a product.';
COMMENT ON COLUMN batch_chunks.unchanged IS 'Records that the table already contained.';
COMMENT ON COLUMN batch_chunks.merged IS 'Records that were merged into another record of the same product.';
COMMENT ON COLUMN batch_chunks.rejected IS 'Records that were rejected.';
COMMENT ON COLUMN batch_chunks.reactivated IS 'Products that became active again.';
COMMENT ON COLUMN batch_chunks.warnings IS 'Number of warnings about records.';
COMMENT ON COLUMN batch_chunks.last_error IS 'Class and message of the last failure.';
COMMENT ON COLUMN batch_chunks.attempt_log IS 'Time, error and culprit of each failed attempt.';
COMMENT ON COLUMN batch_chunks.started_at IS 'Time at which a worker first claimed the chunk.';
COMMENT ON COLUMN batch_chunks.finished_at IS 'Time at which the chunk was settled; null until then.';
COMMENT ON COLUMN batch_chunks.superseded IS 'Records of a replay that later batches had overwritten.';
COMMENT ON COLUMN batch_chunks.body_start IS 'Position of the slice in the decoded body; null if the chunk is an object of its own.';
COMMENT ON COLUMN batch_chunks.body_bytes IS 'Bytes of the slice, or of the records in an object.';
COMMENT ON COLUMN batch_chunks.first_position IS 'Position of the first record in the body, from 0; null if the records are not consecutive.';
COMMENT ON COLUMN batch_chunks.positions IS 'Position of each record in the body, for records that are not consecutive.';
COMMENT ON COLUMN batch_chunks.rejection IS 'Code for which all records of the chunk are rejected; null: they are applied.';

COMMENT ON TABLE record_issues IS 'Rejections and warnings about single records, for the report to the client.';
COMMENT ON COLUMN record_issues.batch_id IS 'The batch.';
COMMENT ON COLUMN record_issues.chunk IS 'Number of the chunk.';
COMMENT ON COLUMN record_issues.position IS 'Position of the record in the body, from 0.';
COMMENT ON COLUMN record_issues.byte_offset IS 'Position of the record in the decoded body, in bytes.';
COMMENT ON COLUMN record_issues.severity IS 'Effect of the issue.
rejected: The record was not applied.
warning: The record was applied without, or with a corrected, value.';
COMMENT ON COLUMN record_issues.product_id IS 'Product id as sent; empty if unreadable.';
COMMENT ON COLUMN record_issues.field IS 'Field that the issue is about; empty if it is the whole record.';
COMMENT ON COLUMN record_issues.code IS 'Code of the issue.';
COMMENT ON COLUMN record_issues.value IS 'The value that was sent, shortened.';
COMMENT ON COLUMN record_issues.ean IS 'EAN in the record; empty if it has none that can be read.';
COMMENT ON COLUMN record_issues.key IS 'The field as the client spelled it; empty if the record does not have it.';

COMMENT ON TABLE batch_estimates IS 'Estimates of completion, made when a tenth of a batch was done, and their errors.';
COMMENT ON COLUMN batch_estimates.batch_id IS 'The batch.';
COMMENT ON COLUMN batch_estimates.made_at IS 'Time of the estimate.';
COMMENT ON COLUMN batch_estimates.estimated_at IS 'Estimated time at which the batch becomes final.';
COMMENT ON COLUMN batch_estimates.error_ratio IS 'Error as a share of the time that was left; null until the batch is final.';

COMMENT ON TABLE receipt_keys IS 'Public keys that signed receipts, those of the past too; the private keys are settings.';
COMMENT ON COLUMN receipt_keys.key_id IS 'Thumbprint of the key (RFC 7638), `kid` of its receipts.';
COMMENT ON COLUMN receipt_keys.public_key IS 'The Ed25519 public key, `x` of its JWK.';
COMMENT ON COLUMN receipt_keys.created_at IS 'Time at which a process first signed with the key.';

COMMENT ON TABLE dead_letters IS 'Work that is not retried automatically: chunks whose attempts all failed, and messages that no step can process.';
COMMENT ON COLUMN dead_letters.id IS 'Number of the dead letter.';
COMMENT ON COLUMN dead_letters.batch_id IS 'Batch of a dead chunk; null for a message.';
COMMENT ON COLUMN dead_letters.chunk IS 'Number of the dead chunk; null for a message.';
COMMENT ON COLUMN dead_letters.cnpj IS 'CNPJ of the pharmacy of a dead chunk.';
COMMENT ON COLUMN dead_letters.topic IS 'Topic of a dead message; null for a chunk.';
COMMENT ON COLUMN dead_letters.body IS 'Body of a dead message.';
COMMENT ON COLUMN dead_letters.location IS 'Storage name of the records of a dead chunk.';
COMMENT ON COLUMN dead_letters.records IS 'Number of records in the dead chunk; 0 for a message.';
COMMENT ON COLUMN dead_letters.error_class IS 'Class of the last error.';
COMMENT ON COLUMN dead_letters.error_code IS 'Code of the last error.';
COMMENT ON COLUMN dead_letters.culprit IS 'Function in which the last error was raised.';
COMMENT ON COLUMN dead_letters.message IS 'Message of the last error.';
COMMENT ON COLUMN dead_letters.stack IS 'Stack trace of the last error.';
COMMENT ON COLUMN dead_letters.attempts IS 'Time, error and culprit of each failed attempt.';
COMMENT ON COLUMN dead_letters.fingerprint IS 'Hash that groups failures of the same cause.';
COMMENT ON COLUMN dead_letters.created_at IS 'Time at which the dead letter was stored.';
COMMENT ON COLUMN dead_letters.grouped_at IS 'Time at which it was counted in its failure group; null: it is not counted yet.';
COMMENT ON COLUMN dead_letters.replay_asked_at IS 'Time at which an operator requested a replay.';
COMMENT ON COLUMN dead_letters.settled_at IS 'Time at which the dead letter was resolved; null: it is open.';
COMMENT ON COLUMN dead_letters.replayed_by IS 'The batch that replays the records.';
COMMENT ON COLUMN dead_letters.letter_id IS 'Id from the dead-letter event of a message, so that a repeated event stores no second row.';
COMMENT ON COLUMN dead_letters.trace_id IS 'Trace id of a dead message.';
COMMENT ON COLUMN dead_letters.bulk_operation_id IS 'Bulk operation that selected the dead letter last.';
COMMENT ON COLUMN dead_letters.replay_refusal IS 'Code of the reason why that operation could not replay it.';

COMMENT ON TABLE bulk_operations IS 'Replays of many dead letters, done by the periodic worker.';
COMMENT ON COLUMN bulk_operations.id IS 'Id of the operation.';
COMMENT ON COLUMN bulk_operations.state IS 'State: `running`, `done` or `stopped`.';
COMMENT ON COLUMN bulk_operations.actor IS 'Name of the key or person that started it.';
COMMENT ON COLUMN bulk_operations.filters IS 'Filter that selected the dead letters.';
COMMENT ON COLUMN bulk_operations.letters IS 'Dead letters that it selected, including those refused at its start.';
COMMENT ON COLUMN bulk_operations.replayed IS 'Dead letters that it queued to be applied again, or published again.';
COMMENT ON COLUMN bulk_operations.refusals IS 'Number of dead letters that cannot be replayed, by code.';
COMMENT ON COLUMN bulk_operations.created_at IS 'Time of its start.';
COMMENT ON COLUMN bulk_operations.run_at IS 'Time at which a worker last took letters of it.';
COMMENT ON COLUMN bulk_operations.ended_at IS 'Time at which its last letter was replayed or refused, or at which it was stopped.';
COMMENT ON COLUMN bulk_operations.stopped_by IS 'Name of the key or person that stopped it.';

COMMENT ON TABLE failure_groups IS 'Failures counted by fingerprint.';
COMMENT ON COLUMN failure_groups.fingerprint IS 'Hash of error class, code and culprit.';
COMMENT ON COLUMN failure_groups.error_class IS 'Class of the error.';
COMMENT ON COLUMN failure_groups.error_code IS 'Code of the error.';
COMMENT ON COLUMN failure_groups.culprit IS 'Function in which the error was raised.';
COMMENT ON COLUMN failure_groups.count IS 'Number of dead letters in the group.';
COMMENT ON COLUMN failure_groups.first_seen IS 'Time of the first failure.';
COMMENT ON COLUMN failure_groups.last_seen IS 'Time of the latest failure.';
COMMENT ON COLUMN failure_groups.sample IS 'The latest dead letter.';
COMMENT ON COLUMN failure_groups.muted_until IS 'Time until which the group asks for no attention.';
COMMENT ON COLUMN failure_groups.mute_note IS 'Note of the person that muted it.';
COMMENT ON COLUMN failure_groups.muted_by IS 'Name of the person that muted it.';

COMMENT ON TABLE reconciliations IS 'The latest reconciliation; at most one row.';
COMMENT ON COLUMN reconciliations.singleton IS 'Always true; keeps the table at one row.';
COMMENT ON COLUMN reconciliations.at IS 'Time of the reconciliation.';
COMMENT ON COLUMN reconciliations.unaccounted IS 'Records that totals and chunk counters do not agree on; 0 is expected.';

COMMENT ON TABLE workers IS 'Processes that registered under a name, with their heartbeats.';
COMMENT ON COLUMN workers.name IS 'Name of the process; a new process with the same name replaces the row.';
COMMENT ON COLUMN workers.id IS 'Id of the running process; claims refer to it.';
COMMENT ON COLUMN workers.steps IS 'Steps that the process runs.';
COMMENT ON COLUMN workers.pid IS 'Process id on its host.';
COMMENT ON COLUMN workers.started_at IS 'Time at which the process registered.';
COMMENT ON COLUMN workers.seen_at IS 'Time of the last heartbeat.';
COMMENT ON COLUMN workers.host IS 'Host on which the process runs.';
COMMENT ON COLUMN workers.left_at IS 'Time at which the process unregistered in good order; null: it runs, or was lost.';
COMMENT ON COLUMN workers.version IS 'Version of the hub that registered as `version_id`.';
COMMENT ON COLUMN workers.knows IS 'Last migration that this version knows.';
COMMENT ON COLUMN workers.version_id IS 'Id that `version` and `knows` belong to; another one than `id`: the process is of a version without these columns.';

COMMENT ON TABLE worker_restarts IS 'Unplanned restarts of workers.';
COMMENT ON COLUMN worker_restarts.step IS 'The step.';
COMMENT ON COLUMN worker_restarts.restarts IS 'Number of times a lost worker of the step was replaced.';

COMMENT ON TABLE statistics IS 'Metrics that are costly to count, as last counted.';
COMMENT ON COLUMN statistics.name IS 'Name of the metric.';
COMMENT ON COLUMN statistics.labels IS 'Values of its labels.';
COMMENT ON COLUMN statistics.value IS 'Value of the metric.';
COMMENT ON COLUMN statistics.counted_at IS 'Time at which it was counted.';

COMMENT ON TABLE history IS 'Totals of all final batches at the end of each hour in which a batch became final.';
COMMENT ON COLUMN history.hour IS 'Start of the hour.';
COMMENT ON COLUMN history.totals IS 'Totals by name.';

COMMENT ON TABLE figure_minutes IS 'Figures of the hub by minute, kept for 26 hours. The current minutes are counted several times.';
COMMENT ON COLUMN figure_minutes.at IS 'Start of the minute (UTC).';
COMMENT ON COLUMN figure_minutes.seconds IS 'Seconds of the minute that are counted; fewer than a whole minute in the current one.';
COMMENT ON COLUMN figure_minutes.posts IS 'Posts accepted, dry runs included.';
COMMENT ON COLUMN figure_minutes.inserted IS 'Records that inserted a product.';
COMMENT ON COLUMN figure_minutes.updated IS 'Records that changed a product.';
COMMENT ON COLUMN figure_minutes.unchanged IS 'Records equal to their product.';
COMMENT ON COLUMN figure_minutes.merged IS 'Records merged with another record of their product.';
COMMENT ON COLUMN figure_minutes.rejected IS 'Records that were rejected.';
COMMENT ON COLUMN figure_minutes.superseded IS 'Records of replays that later batches had superseded.';
COMMENT ON COLUMN figure_minutes.deactivated IS 'Products that became inactive.';
COMMENT ON COLUMN figure_minutes.completed IS 'Batches that ended as COMPLETED.';
COMMENT ON COLUMN figure_minutes.partial_fail IS 'Batches that ended as PARTIAL_FAIL.';
COMMENT ON COLUMN figure_minutes.failed IS 'Batches that ended as FAILED.';
COMMENT ON COLUMN figure_minutes.cancelled IS 'Batches that ended as CANCELLED.';
COMMENT ON COLUMN figure_minutes.backlog IS 'Records that wait to be applied, latest count in the minute; null: not counted.';
COMMENT ON COLUMN figure_minutes.workers IS 'Live workers of the step `upsert`, latest count in the minute; null: not counted.';
COMMENT ON COLUMN figure_minutes.apis IS 'Live API processes, latest count in the minute; null: not counted.';

COMMENT ON TABLE figure_hours IS 'Figures of the hub by hour, sums of its minutes, kept for 13 months.';
COMMENT ON COLUMN figure_hours.at IS 'Start of the hour (UTC).';
COMMENT ON COLUMN figure_hours.seconds IS 'Seconds of the hour that are counted; fewer than a whole hour in the current one.';
COMMENT ON COLUMN figure_hours.posts IS 'Posts accepted, dry runs included.';
COMMENT ON COLUMN figure_hours.inserted IS 'Records that inserted a product.';
COMMENT ON COLUMN figure_hours.updated IS 'Records that changed a product.';
COMMENT ON COLUMN figure_hours.unchanged IS 'Records equal to their product.';
COMMENT ON COLUMN figure_hours.merged IS 'Records merged with another record of their product.';
COMMENT ON COLUMN figure_hours.rejected IS 'Records that were rejected.';
COMMENT ON COLUMN figure_hours.superseded IS 'Records of replays that later batches had superseded.';
COMMENT ON COLUMN figure_hours.deactivated IS 'Products that became inactive.';
COMMENT ON COLUMN figure_hours.completed IS 'Batches that ended as COMPLETED.';
COMMENT ON COLUMN figure_hours.partial_fail IS 'Batches that ended as PARTIAL_FAIL.';
COMMENT ON COLUMN figure_hours.failed IS 'Batches that ended as FAILED.';
COMMENT ON COLUMN figure_hours.cancelled IS 'Batches that ended as CANCELLED.';
COMMENT ON COLUMN figure_hours.backlog IS 'Records that wait to be applied, highest count in the hour; null: not counted.';
COMMENT ON COLUMN figure_hours.workers IS 'Live workers of the step `upsert`, highest count in the hour; null: not counted.';
COMMENT ON COLUMN figure_hours.apis IS 'Live API processes, highest count in the hour; null: not counted.';

COMMENT ON TABLE pharmacy_days IS 'Catalogue size and loads of a pharmacy by day, kept for 13 months.';
COMMENT ON COLUMN pharmacy_days.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN pharmacy_days.day IS 'Day in the time zone of the pharmacy.';
COMMENT ON COLUMN pharmacy_days.active IS 'Active products, as last counted on that day; null: not counted.';
COMMENT ON COLUMN pharmacy_days.batches IS 'Loads and replays that became final on that day.';
COMMENT ON COLUMN pharmacy_days.failed IS 'Those of them that ended as FAILED.';
COMMENT ON COLUMN pharmacy_days.records IS 'Records in them.';
COMMENT ON COLUMN pharmacy_days.rejected IS 'Records of them that were rejected.';

COMMENT ON TABLE pharmacy_rhythms IS 'How often a pharmacy posts, counted over its last 50 loads.';
COMMENT ON COLUMN pharmacy_rhythms.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN pharmacy_rhythms.posts IS 'Number of loads that were counted, at most 50.';
COMMENT ON COLUMN pharmacy_rhythms.last_at IS 'Time at which the last of them was received.';
COMMENT ON COLUMN pharmacy_rhythms.usual_gap IS 'Median of the gaps between them; null with one load.';
COMMENT ON COLUMN pharmacy_rhythms.longest_gap IS 'Longest of the gaps between them; null with one load.';

COMMENT ON TABLE failure_hours IS 'Open dead letters of a cause by hour, kept for 13 months.';
COMMENT ON COLUMN failure_hours.fingerprint IS 'Hash of error class, code and culprit.';
COMMENT ON COLUMN failure_hours.hour IS 'Start of the hour (UTC).';
COMMENT ON COLUMN failure_hours.open IS 'Highest number of open dead letters that was counted in the hour.';

COMMENT ON TABLE refusals IS 'Refused posts by hour, kept for 13 months. Rows beyond 500 kinds an hour and process have no key and no address.';
COMMENT ON COLUMN refusals.hour IS 'Start of the hour (UTC).';
COMMENT ON COLUMN refusals.cnpj IS 'CNPJ of the post, or of the key if it is for one pharmacy; empty: not known.';
COMMENT ON COLUMN refusals.key_name IS 'Name of the key, as in the audit log; empty: the post had none, or one that no hub made.';
COMMENT ON COLUMN refusals.code IS 'Code of the refusal.';
COMMENT ON COLUMN refusals.address IS 'Network address of the client; blanked after ADDRESS_RETENTION_DAYS.';
COMMENT ON COLUMN refusals.count IS 'Number of refused posts.';
COMMENT ON COLUMN refusals.last_at IS 'Time of the last of them.';

COMMENT ON TABLE unknown_fields IS 'Fields of records that the dialect does not know, at most 50 per pharmacy.';
COMMENT ON COLUMN unknown_fields.pharmacy_id IS 'The pharmacy.';
COMMENT ON COLUMN unknown_fields.field IS 'The field as the client spelled it, shortened to 100 characters.';
COMMENT ON COLUMN unknown_fields.records IS 'Records with the field that were read: new and changed ones.';
COMMENT ON COLUMN unknown_fields.first_seen_at IS 'Time at which such a record was first applied.';
COMMENT ON COLUMN unknown_fields.last_seen_at IS 'Time at which such a record was last applied.';

COMMENT ON TABLE audit_log IS 'Actions of operators, and changes of webhook endpoints by clients; a row is inserted before the action and completed after it.';
COMMENT ON COLUMN audit_log.id IS 'Number of the entry.';
COMMENT ON COLUMN audit_log.at IS 'Time at which the action began.';
COMMENT ON COLUMN audit_log.actor IS 'Name of the key or person that acted; `usuário N` for a removed person whose name was erased.';
COMMENT ON COLUMN audit_log.action IS 'Action, such as `key.create`.';
COMMENT ON COLUMN audit_log.subject IS 'What the action was about.';
COMMENT ON COLUMN audit_log.address IS 'Network address of the operator; blanked after ADDRESS_RETENTION_DAYS.';
COMMENT ON COLUMN audit_log.user_id IS 'The person of the console who acted; null: a key.';
COMMENT ON COLUMN audit_log.before IS 'State before the action.';
COMMENT ON COLUMN audit_log.after IS 'State after the action.';
COMMENT ON COLUMN audit_log.outcome IS 'Result: `done`, or the code of the error; null: the action runs, or its process was lost.';
COMMENT ON COLUMN audit_log.ended_at IS 'Time at which the action ended.';

COMMENT ON TABLE users IS 'People who use the console. The row of a removed person stays, so that the audit log can name the person.';
COMMENT ON COLUMN users.id IS 'Number of the person.';
COMMENT ON COLUMN users.name IS 'Name under which the person signs in and acts.';
COMMENT ON COLUMN users.login IS 'The name without differences of case, width and spacing; unique among people who are not removed.';
COMMENT ON COLUMN users.email IS 'E-mail address, for administrators to reach the person; may be empty.';
COMMENT ON COLUMN users.role IS 'What the person may do; each role includes those before it.
viewer: Read everything but secrets.
operator: Also replay, cancel, decide and test webhooks.
admin: Also keys, users and settings of pharmacies.';
COMMENT ON COLUMN users.language IS 'Language of the console; null: that of the browser.';
COMMENT ON COLUMN users.theme IS 'Colours of the console.
system: Those that the browser prefers.
light: Light.
dark: Dark.';
COMMENT ON COLUMN users.shortcuts IS 'Read by versions without keys_off: true if single keys act in the console.';
COMMENT ON COLUMN users.keys_off IS 'Single keys of the console that the person switched off.';
COMMENT ON COLUMN users.password IS 'Argon2id hash of the password as a PHC string; null: none was set yet, or the person was removed.';
COMMENT ON COLUMN users.password_set_at IS 'Time at which the password was last set; null: never.';
COMMENT ON COLUMN users.sealed_totp IS 'Secret of the second factor (TOTP), encrypted under a key derived from KEY_PEPPER; null: none.';
COMMENT ON COLUMN users.totp_enabled_at IS 'Time at which the person confirmed the second factor; null: it is not asked for.';
COMMENT ON COLUMN users.totp_step IS 'Time step of the last code of the second factor that was used; this and earlier codes are refused.';
COMMENT ON COLUMN users.created_at IS 'Time at which the person was added.';
COMMENT ON COLUMN users.signed_in_at IS 'Time of the last sign-in; null: never.';
COMMENT ON COLUMN users.removed_at IS 'Time at which the person was removed; null: not removed.';

COMMENT ON TABLE user_links IS 'One-time links by which a person sets a password: the first one, or a new one. Deleted at their use.';
COMMENT ON COLUMN user_links.hash IS 'SHA-256 of the token in the link; the token is not stored.';
COMMENT ON COLUMN user_links.user_id IS 'The person.';
COMMENT ON COLUMN user_links.created_at IS 'Time at which the link was made.';
COMMENT ON COLUMN user_links.expires_at IS 'Time at which the link expires.';

COMMENT ON TABLE user_sessions IS 'Sessions of the console. A session ends when its row is deleted, after 60 idle minutes, or after 12 hours.';
COMMENT ON COLUMN user_sessions.id IS 'Id under which the session is listed and ended.';
COMMENT ON COLUMN user_sessions.hash IS 'SHA-256 of the token in the cookie; the token is not stored.';
COMMENT ON COLUMN user_sessions.user_id IS 'The person.';
COMMENT ON COLUMN user_sessions.created_at IS 'Time of the sign-in.';
COMMENT ON COLUMN user_sessions.seen_at IS 'Time of the last use by the person, accurate to a minute; live updates of a page do not count.';
COMMENT ON COLUMN user_sessions.confirmed_at IS 'Time at which the person last typed the password; some acts ask for it again after 10 minutes.';
COMMENT ON COLUMN user_sessions.address IS 'Network address of the sign-in.';
COMMENT ON COLUMN user_sessions.agent IS 'Browser of the sign-in, as it names itself.';

COMMENT ON TABLE webhook_endpoints IS 'Addresses that receive events: one per pharmacy, one per key and pharmacy of a vendor, one of the operator.';
COMMENT ON COLUMN webhook_endpoints.id IS 'Id of the endpoint; deliveries refer to it.';
COMMENT ON COLUMN webhook_endpoints.owner IS 'Whose endpoint it is.
pharmacy: That of one pharmacy.
key: That of a key of several pharmacies or all, and of the keys that replace it by rotation.
operator: That of the operator; it receives the events of every pharmacy.';
COMMENT ON COLUMN webhook_endpoints.pharmacy_id IS 'The pharmacy whose events it receives. Null with owner `key`: those of all pharmacies of the key, except pharmacies for which the same key has an endpoint of their own.';
COMMENT ON COLUMN webhook_endpoints.key_id IS 'Family of the key that owns it: the first key of a chain of rotations.';
COMMENT ON COLUMN webhook_endpoints.cnpjs IS 'CNPJs of the key that owns it; null: the key is for all pharmacies, or the owner is no key.';
COMMENT ON COLUMN webhook_endpoints.url IS 'URL that events are posted to.';
COMMENT ON COLUMN webhook_endpoints.host IS 'Host and port of the URL; the number of concurrent attempts per host is limited.';
COMMENT ON COLUMN webhook_endpoints.events IS 'Types of the events that it receives.';
COMMENT ON COLUMN webhook_endpoints.description IS 'Text of its owner; may be empty.';
COMMENT ON COLUMN webhook_endpoints.sealed_secret IS 'Secret that signs deliveries, encrypted under a key derived from KEY_PEPPER; null once the endpoint is deleted.';
COMMENT ON COLUMN webhook_endpoints.old_sealed_secret IS 'Secret before the last rotation, encrypted likewise; null: none is valid.';
COMMENT ON COLUMN webhook_endpoints.old_secret_ends_at IS 'Time until which deliveries are also signed with the old secret.';
COMMENT ON COLUMN webhook_endpoints.state IS 'Whether events are sent.
enabled: Events are sent.
disabled: Events are held until the owner enables the endpoint.';
COMMENT ON COLUMN webhook_endpoints.failing_since IS 'Time of the first failed attempt since the last success; null: the last attempt succeeded.';
COMMENT ON COLUMN webhook_endpoints.disabled_at IS 'Time at which it was disabled; null: it is enabled.';
COMMENT ON COLUMN webhook_endpoints.disabled_reason IS 'Code of the reason why it was disabled.';
COMMENT ON COLUMN webhook_endpoints.enabled_at IS 'Time at which it was last enabled, or created.';
COMMENT ON COLUMN webhook_endpoints.created_at IS 'Time at which it was created.';
COMMENT ON COLUMN webhook_endpoints.updated_at IS 'Time at which its owner last changed it.';
COMMENT ON COLUMN webhook_endpoints.deleted_at IS 'Time at which its owner deleted it; retention removes the row after its deliveries.';

COMMENT ON TABLE webhook_deliveries IS 'Events, one row per endpoint that receives the event. The statement that causes the event inserts them.';
COMMENT ON COLUMN webhook_deliveries.id IS 'Id of the delivery: `webhook-id` in every attempt and replay.';
COMMENT ON COLUMN webhook_deliveries.endpoint_id IS 'The endpoint.';
COMMENT ON COLUMN webhook_deliveries.event IS 'Type of the event, such as `batch.completed`.';
COMMENT ON COLUMN webhook_deliveries.pharmacy_id IS 'The pharmacy that the event is about; null: none.';
COMMENT ON COLUMN webhook_deliveries.batch_id IS 'The batch that the event is about; null: none.';
COMMENT ON COLUMN webhook_deliveries.occurred_at IS 'Time of the event, as in its body.';
COMMENT ON COLUMN webhook_deliveries.facts IS 'Values of the event from which the body is rendered.';
COMMENT ON COLUMN webhook_deliveries.body IS 'Body, rendered before the first attempt and equal in every attempt; null: not rendered yet.';
COMMENT ON COLUMN webhook_deliveries.state IS 'State of the delivery.
pending: It is sent at `next_attempt_at`.
delivered: The receiver accepted it.
failed: Every attempt failed; an owner or operator may replay it.
held: Its endpoint is disabled.';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'Number of attempts made.';
COMMENT ON COLUMN webhook_deliveries.attempts_before IS 'Attempts made before the last replay; the schedule counts from here.';
COMMENT ON COLUMN webhook_deliveries.next_attempt_at IS 'Time of the next attempt; null unless the delivery is pending.';
COMMENT ON COLUMN webhook_deliveries.claim_token IS 'Token of the claim under which a worker sends it.';
COMMENT ON COLUMN webhook_deliveries.worker_id IS 'The worker that holds the claim.';
COMMENT ON COLUMN webhook_deliveries.lease_until IS 'Time at which the claim expires.';
COMMENT ON COLUMN webhook_deliveries.created_at IS 'Time at which the row was inserted.';
COMMENT ON COLUMN webhook_deliveries.ended_at IS 'Time at which it was delivered or failed; null: neither.';

COMMENT ON TABLE webhook_attempts IS 'Attempts to send deliveries.';
COMMENT ON COLUMN webhook_attempts.delivery_id IS 'The delivery.';
COMMENT ON COLUMN webhook_attempts.number IS 'Number of the attempt, from 1; replays continue the count.';
COMMENT ON COLUMN webhook_attempts.at IS 'Time at which the attempt began.';
COMMENT ON COLUMN webhook_attempts.milliseconds IS 'Duration of the attempt.';
COMMENT ON COLUMN webhook_attempts.status IS 'HTTP status of the answer; null: there was no answer.';
COMMENT ON COLUMN webhook_attempts.error IS 'Code of the reason why the attempt failed; null: it succeeded.';
COMMENT ON COLUMN webhook_attempts.excerpt IS 'First bytes of the answer, for operators only.';

COMMENT ON TABLE rate_windows IS 'Usage of each rate limit in the current and the previous window. Unlogged.';
COMMENT ON COLUMN rate_windows.subject IS 'A pharmacy, a key or a network address.';
COMMENT ON COLUMN rate_windows.number IS 'Number of the current window: seconds since 1970 divided by its length.';
COMMENT ON COLUMN rate_windows.taken IS 'Usage in the current window.';
COMMENT ON COLUMN rate_windows.before IS 'Usage in the previous window.';
COMMENT ON COLUMN rate_windows.touched_at IS 'Time of the last use.';

COMMENT ON TABLE bus_messages IS 'Messages of the embedded bus. Unlogged: after a crash of PostgreSQL, sweep dispatches the work again.';
COMMENT ON COLUMN bus_messages.id IS 'Number of the message; messages of a topic are received in this order.';
COMMENT ON COLUMN bus_messages.topic IS 'Topic; with `+` at its end if the row holds a list of messages.';
COMMENT ON COLUMN bus_messages.body IS 'Body of the message, an event as JSON; of a list, the number of its messages in two bytes and their bodies as MessagePack.';
COMMENT ON COLUMN bus_messages.due_at IS 'Earliest time at which the message may be received.';

COMMENT ON TABLE schema_migrations IS 'Scripts of the schema that were applied.';
COMMENT ON COLUMN schema_migrations.name IS 'File name of a migration, or name and hash of a repeatable script.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'Time at which the script was applied.';
COMMENT ON COLUMN schema_migrations.kind IS 'What a migration does to older versions of the hub; null for a repeatable script.
expand: Older versions can still work.
contract: Older versions cannot work any more.';
COMMENT ON COLUMN schema_migrations.checksum IS 'Checksum of a migration, without comments and white space; null for a repeatable script.';

COMMENT ON VIEW held_deactivations IS 'FULLs whose deactivation waits for an operator, with the numbers to decide on.';

COMMENT ON VIEW silent_pharmacies IS 'Pharmacies without a post for 1.5 times their longest gap among the last 50 posts, for at most two weeks more.';

COMMENT ON VIEW live_keys IS 'Keys that are neither revoked nor expired, with their family; workers read it to send nothing to the endpoint of an ended key.';
