-- Permissions of the roles. Applied whole after the migrations, whenever it has changed.
--
-- integrahub_api: row level security shows it only the pharmacies that its transaction names; it cannot delete client data.
-- integrahub_worker: works across pharmacies; it cannot read keys, the audit log or secrets of webhook endpoints.
-- integrahub_notify: sends webhooks; the only worker that reads the secrets that sign them. It writes no client data.
-- integrahub_console: reads all tables; writes users and sessions, and what the acts of operators change. It deletes no client data.
-- The role that migrates owns the tables. A table in none of the lists below is closed to all roles but the console's, which reads it.

DO $$ BEGIN
  IF to_regrole('integrahub_api') IS NULL THEN CREATE ROLE integrahub_api LOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- the migration of another database of this server created it first
END $$;
DO $$ BEGIN
  IF to_regrole('integrahub_worker') IS NULL THEN CREATE ROLE integrahub_worker LOGIN BYPASSRLS; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  IF to_regrole('integrahub_notify') IS NULL THEN CREATE ROLE integrahub_notify LOGIN BYPASSRLS; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  IF to_regrole('integrahub_console') IS NULL THEN CREATE ROLE integrahub_console LOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  IF NOT pg_has_role(current_user, 'integrahub_api', 'USAGE') THEN GRANT integrahub_api TO CURRENT_USER; END IF;
  IF NOT pg_has_role(current_user, 'integrahub_worker', 'USAGE') THEN GRANT integrahub_worker TO CURRENT_USER; END IF;
  IF NOT pg_has_role(current_user, 'integrahub_notify', 'USAGE') THEN GRANT integrahub_notify TO CURRENT_USER; END IF;
  IF NOT pg_has_role(current_user, 'integrahub_console', 'USAGE') THEN GRANT integrahub_console TO CURRENT_USER; END IF;
END $$;

DO $$ DECLARE old record; BEGIN
  FOR old IN SELECT schemaname, tablename, policyname FROM pg_policies WHERE schemaname = current_schema() LOOP
    EXECUTE format('DROP POLICY %I ON %I.%I', old.policyname, old.schemaname, old.tablename);
  END LOOP;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, integrahub_api, integrahub_worker, integrahub_notify, integrahub_console;
GRANT USAGE ON SCHEMA public TO integrahub_api, integrahub_worker, integrahub_notify, integrahub_console;

-- The pharmacies that the transaction named. If it named none, it sees none.
CREATE OR REPLACE FUNCTION sees_all() RETURNS boolean STABLE PARALLEL SAFE LANGUAGE sql
  RETURN coalesce(current_setting('integrahub.tenants', true), '') = 'all';
CREATE OR REPLACE FUNCTION seen_pharmacies() RETURNS bigint[] STABLE PARALLEL SAFE LANGUAGE sql
  RETURN coalesce(nullif(current_setting('integrahub.pharmacies', true), ''), '{}')::bigint[];
CREATE OR REPLACE FUNCTION seen_cnpjs() RETURNS text[] STABLE PARALLEL SAFE LANGUAGE sql
  RETURN coalesce(nullif(current_setting('integrahub.cnpjs', true), ''), '{}')::text[];
CREATE OR REPLACE FUNCTION seen_key() RETURNS uuid STABLE PARALLEL SAFE LANGUAGE sql
  RETURN nullif(current_setting('integrahub.key', true), '')::uuid;
CREATE OR REPLACE FUNCTION see_only(cnpjs text[]) RETURNS void LANGUAGE sql SECURITY DEFINER
  SET search_path = pg_catalog, public
  AS $$
    SELECT set_config('integrahub.cnpjs', cnpjs::text, true), set_config('integrahub.pharmacies',
      (SELECT coalesce(array_agg(p.id), '{}')::text FROM public.pharmacies p WHERE p.cnpj = ANY (cnpjs)), true)
  $$;
REVOKE ALL ON FUNCTION see_only(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION see_only(text[]) TO integrahub_api, integrahub_console;

-- Data of one pharmacy.
GRANT SELECT, INSERT, UPDATE ON pharmacies, pharmacy_turns, batches, batch_chunks TO integrahub_api;
GRANT SELECT ON products, record_issues, dry_runs, dry_run_changes TO integrahub_api;
GRANT SELECT, INSERT ON product_changes TO integrahub_api;
GRANT INSERT ON dry_run_changes TO integrahub_api;
GRANT SELECT, INSERT, UPDATE ON full_uploads TO integrahub_api;
CREATE POLICY api ON full_uploads TO integrahub_api
  USING ((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[]));
CREATE POLICY api ON pharmacies TO integrahub_api
  USING ((SELECT sees_all()) OR cnpj = ANY ((SELECT seen_cnpjs())::text[]) OR id = ANY ((SELECT seen_pharmacies())::bigint[]));
CREATE POLICY api ON products TO integrahub_api
  USING ((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[]));
CREATE POLICY api ON product_changes FOR SELECT TO integrahub_api
  USING ((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[]));
-- The API may cancel a first load. Then it records, as the finish step does, that the catalogue is filled.
CREATE POLICY reset ON product_changes FOR INSERT TO integrahub_api
  WITH CHECK (kind = 'reset' AND ((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[])));
CREATE POLICY api ON batches TO integrahub_api
  USING ((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[]));
CREATE POLICY api ON batch_chunks TO integrahub_api
  USING ((SELECT sees_all()) OR EXISTS (SELECT FROM batches b WHERE b.id = batch_id));
CREATE POLICY api ON record_issues TO integrahub_api
  USING ((SELECT sees_all()) OR EXISTS (SELECT FROM batches b WHERE b.id = batch_id));
CREATE POLICY api ON dry_runs TO integrahub_api
  USING ((SELECT sees_all()) OR EXISTS (SELECT FROM batches b WHERE b.id = batch_id));
CREATE POLICY api ON dry_run_changes FOR SELECT TO integrahub_api
  USING ((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[]));
-- So it does when it cancels a dry run of a first load.
CREATE POLICY reset ON dry_run_changes FOR INSERT TO integrahub_api
  WITH CHECK (((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[])) AND kind = 'reset');
CREATE POLICY api ON pharmacy_turns TO integrahub_api
  USING ((SELECT sees_all()) OR pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[]));
-- The turn of a new pharmacy is inserted with it, before the transaction can name its id. All others have a turn already.
CREATE POLICY born ON pharmacy_turns FOR INSERT TO integrahub_api WITH CHECK (last_seq = 0);

-- Webhooks: a pharmacy sees its own endpoint, a key of several pharmacies those of its family. Neither sees the other's.
GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_deliveries TO integrahub_api;
GRANT SELECT ON webhook_attempts TO integrahub_api;
CREATE POLICY api ON webhook_endpoints TO integrahub_api
  USING ((SELECT sees_all()) OR (owner = 'pharmacy' AND pharmacy_id = ANY ((SELECT seen_pharmacies())::bigint[]))
    OR (owner = 'key' AND key_id = (SELECT seen_key())));
CREATE POLICY api ON webhook_deliveries TO integrahub_api
  USING ((SELECT sees_all()) OR EXISTS (SELECT FROM webhook_endpoints e WHERE e.id = endpoint_id));
CREATE POLICY api ON webhook_attempts TO integrahub_api
  USING ((SELECT sees_all()) OR EXISTS (SELECT FROM webhook_deliveries d WHERE d.id = delivery_id));

-- Data of operators.
GRANT SELECT ON failure_groups, reconciliations, statistics TO integrahub_api;
GRANT SELECT, INSERT, UPDATE ON workers, worker_restarts TO integrahub_api;  -- it registers and sends heartbeats, too
GRANT SELECT, UPDATE ON dead_letters TO integrahub_api;
GRANT SELECT, INSERT, UPDATE ON bulk_operations TO integrahub_api;
GRANT SELECT, INSERT, UPDATE ON api_keys TO integrahub_api;
GRANT SELECT, INSERT, UPDATE (outcome, after, ended_at) ON audit_log TO integrahub_api;
CREATE POLICY api ON failure_groups TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY api ON workers TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY api ON worker_restarts TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY api ON reconciliations TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY api ON statistics TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY api ON bulk_operations TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY api ON dead_letters TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY api ON api_keys TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY read ON audit_log FOR SELECT TO integrahub_api USING ((SELECT sees_all()));
CREATE POLICY note ON audit_log FOR INSERT TO integrahub_api WITH CHECK ((SELECT sees_all()) AND outcome IS NULL);
CREATE POLICY complete ON audit_log FOR UPDATE TO integrahub_api
  USING ((SELECT sees_all()) AND outcome IS NULL) WITH CHECK ((SELECT sees_all()));

-- Data of no pharmacy: messages that name batches, usage of rate limits.
GRANT SELECT, INSERT ON bus_messages TO integrahub_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_windows TO integrahub_api;
-- Public keys: anyone may read them, also without a key of the API.
GRANT SELECT, INSERT ON receipt_keys TO integrahub_api;
CREATE POLICY api ON receipt_keys TO integrahub_api USING (true);
GRANT SELECT ON schema_migrations TO integrahub_api, integrahub_worker, integrahub_notify, integrahub_console;  -- each process checks that it can work on the schema

GRANT SELECT, INSERT, UPDATE, DELETE ON full_uploads, pharmacies, pharmacy_turns, products, batches, batch_chunks, record_issues,
  dry_runs, dry_run_changes, dead_letters, bulk_operations, failure_groups, workers, worker_restarts, reconciliations, statistics, history,
  batch_estimates, bus_messages TO integrahub_worker;
-- Figures that the console shows over time. The API counts the posts that it refuses; workers count the rest.
GRANT SELECT, INSERT, UPDATE, DELETE ON figure_minutes, figure_hours, pharmacy_days, pharmacy_rhythms, failure_hours, refusals,
  unknown_fields TO integrahub_worker;
GRANT SELECT, INSERT, UPDATE ON refusals TO integrahub_api;
CREATE POLICY api ON refusals TO integrahub_api USING ((SELECT sees_all()));
-- The record of changes is appended to. Its partitions are open to no role: rights on the whole table suffice.
GRANT SELECT, INSERT ON product_changes TO integrahub_worker;
REVOKE ALL ON FUNCTION make_change_partitions(integer), drop_change_partition(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_change_partitions(integer), drop_change_partition(integer, integer) TO integrahub_worker;
GRANT SELECT ON product_changes_main_default, product_changes_stock_default TO integrahub_worker;  -- it counts their rows
GRANT SELECT ON silent_pharmacies, held_deactivations TO integrahub_worker, integrahub_api;

-- Workers insert the deliveries of events and remove old ones; they see endpoints without their secrets.
GRANT SELECT (id, owner, pharmacy_id, key_id, cnpjs, url, host, events, state, failing_since, disabled_at, disabled_reason,
  enabled_at, created_at, deleted_at), DELETE ON webhook_endpoints TO integrahub_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries TO integrahub_worker, integrahub_notify;
GRANT SELECT, DELETE ON webhook_attempts TO integrahub_worker;
GRANT SELECT ON live_keys TO integrahub_api, integrahub_worker, integrahub_notify;

-- The sender of webhooks reads what bodies are rendered from, and of keys what `key.expiring` says.
GRANT SELECT, UPDATE ON webhook_endpoints TO integrahub_notify;
GRANT SELECT, INSERT, DELETE ON webhook_attempts TO integrahub_notify;
GRANT SELECT ON pharmacies, batches, batch_chunks, statistics, reconciliations, silent_pharmacies TO integrahub_notify;
GRANT UPDATE (silent_since) ON pharmacies TO integrahub_notify;
GRANT SELECT (id, hint, public_id, tenants, cnpjs, scopes, created_at, expires_at, revoked_at, last_used_at, replaces, family)
  ON api_keys TO integrahub_notify;
GRANT SELECT, INSERT, UPDATE, DELETE ON workers, worker_restarts, bus_messages TO integrahub_notify;

-- The console reads all, and writes what the acts of operators write: the same functions as the API's.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO integrahub_console;
GRANT INSERT, UPDATE, DELETE ON user_sessions, user_links, rate_windows TO integrahub_console;
GRANT INSERT, UPDATE ON users, pharmacies, pharmacy_turns, batches, batch_chunks, full_uploads, api_keys, webhook_endpoints,
  webhook_deliveries, workers, worker_restarts TO integrahub_console;
GRANT UPDATE ON dead_letters TO integrahub_console;
GRANT INSERT, UPDATE ON bulk_operations TO integrahub_console;
GRANT UPDATE (muted_until, mute_note, muted_by) ON failure_groups TO integrahub_console;
GRANT INSERT ON bus_messages, product_changes, dry_run_changes TO integrahub_console;
GRANT INSERT, UPDATE (outcome, after, ended_at) ON audit_log TO integrahub_console;
CREATE POLICY console_read ON audit_log FOR SELECT TO integrahub_console USING (true);
CREATE POLICY console_note ON audit_log FOR INSERT TO integrahub_console WITH CHECK (outcome IS NULL);
CREATE POLICY console_complete ON audit_log FOR UPDATE TO integrahub_console USING (outcome IS NULL) WITH CHECK (true);
REVOKE ALL ON FUNCTION anonymise_user(bigint, text), blank_addresses(integer, integer), delete_audit_entries(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION anonymise_user(bigint, text) TO integrahub_console;
-- Retention works in the worker's role, which cannot read the audit log, users or sessions.
GRANT EXECUTE ON FUNCTION blank_addresses(integer, integer), delete_audit_entries(integer) TO integrahub_worker;

-- Row level security also applies to the owner, which gets a policy of its own. The console sees the rows of all pharmacies.
DO $$ DECLARE closed text; BEGIN
  FOR closed IN SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
      AND relname NOT IN ('bus_messages', 'rate_windows', 'schema_migrations') LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', closed);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', closed);
    EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true)', closed);
    IF closed <> 'audit_log' THEN
      EXECUTE format('CREATE POLICY console ON %I TO integrahub_console USING (true)', closed);
    END IF;
  END LOOP;
END $$;
