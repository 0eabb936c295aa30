-- Functions that statements of the hub call. Applied whole after the migrations, whenever it has changed; permissions.sql
-- says which role may call them.

-- Make the partitions of `product_changes` for today (UTC) and the days after it; return how many were made.
--
-- Only the owner of the tables can do that, so workers call this function. ATTACH lets writers go on: it locks the
-- default partition alone, which they do not touch, and gives up after the lock timeout. The roles need no grants on
-- partitions, since they read and write `product_changes` only. A partition cannot be made while the default partition
-- has rows of its day; rows of days that are over are moved first, because no transaction adds to them any more.
CREATE OR REPLACE FUNCTION make_change_partitions(days_ahead integer) RETURNS integer LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
  today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
  missing record;
  made integer := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(441214859) THEN
    RETURN 0;  -- another process makes them
  END IF;
  FOR missing IN
    SELECT parent, day, parent || '_' || to_char(day, 'YYYYMMDD') AS name, parent || '_default' AS fallback,
      to_char(day, 'YYYY-MM-DD 00:00:00+00') AS start, to_char(day + 1, 'YYYY-MM-DD 00:00:00+00') AS stop
    FROM (
      SELECT parent, today + n AS day FROM unnest('{product_changes_main,product_changes_stock}'::text[]) AS parent
      CROSS JOIN generate_series(0, days_ahead) AS n
      UNION SELECT 'product_changes_main', (at AT TIME ZONE 'UTC')::date FROM public.product_changes_main_default
      UNION SELECT 'product_changes_stock', (at AT TIME ZONE 'UTC')::date FROM public.product_changes_stock_default) d
    WHERE to_regclass('public.' || parent || '_' || to_char(day, 'YYYYMMDD')) IS NULL ORDER BY day, parent
  LOOP
    BEGIN
      -- Rows are only added, and dropped with their partition: vacuum would read each of them for nothing.
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH'
        ' (autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 1000000)', missing.name, missing.parent);
      EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', missing.name);
      EXECUTE format('CREATE POLICY owner ON public.%I TO CURRENT_USER USING (true)', missing.name);
      IF missing.day < today THEN
        EXECUTE format('WITH moved AS (DELETE FROM public.%I WHERE at >= %L AND at < %L RETURNING *)'
          ' INSERT INTO public.%I SELECT * FROM moved', missing.fallback, missing.start, missing.stop, missing.name);
      END IF;
      EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        missing.parent, missing.name, missing.start, missing.stop);
      made := made + 1;
    EXCEPTION WHEN lock_not_available OR check_violation THEN
      RAISE WARNING 'partition % is not made: %', missing.name, SQLERRM;
    END;
  END LOOP;
  RETURN made;
END
$$;

-- Drop the oldest partition of `product_changes` whose day was more days ago than its kind of changes is kept; return 1,
-- or 0 if there is none. DROP waits for the transactions that write changes, and later ones wait behind it. So it gives up
-- after the lock timeout, and retention tries again later.
CREATE OR REPLACE FUNCTION drop_change_partition(history_days integer, stock_history_days integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
  today CONSTANT date := (now() AT TIME ZONE 'UTC')::date;
  expired text;
BEGIN
  SELECT c.relname INTO expired
  FROM (VALUES ('product_changes_main', history_days), ('product_changes_stock', stock_history_days)) AS k (parent, days)
  JOIN pg_inherits i ON i.inhparent = ('public.' || k.parent)::regclass JOIN pg_class c ON c.oid = i.inhrelid
  WHERE c.relname < k.parent || '_' || to_char(today - k.days, 'YYYYMMDD') AND c.relname ~ '_[0-9]{8}$'
  ORDER BY right(c.relname, 8) LIMIT 1;
  IF expired IS NULL THEN
    RETURN 0;
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS public.%I', expired);
  RETURN 1;
EXCEPTION WHEN lock_not_available THEN
  RAISE WARNING 'partition % is not dropped: %', expired, SQLERRM;
  RETURN 0;
END
$$;

-- The statements that write products call the next four functions on the rows before and after. PostgreSQL inlines them,
-- so they cost no call. INDICE and times are not compared. `domain/changes.py` says the same in Python.

-- Return the changed columns of a product, as {"price": [before, after]}.
CREATE OR REPLACE FUNCTION product_changed_fields(before products, after products) RETURNS jsonb
  STABLE PARALLEL SAFE LANGUAGE sql AS $$
  SELECT JSON_OBJECT(
      'title': CASE WHEN before.title <> after.title
        THEN JSON_ARRAY(before.title, after.title NULL ON NULL RETURNING jsonb) END,
      'description': CASE WHEN before.description <> after.description
        THEN JSON_ARRAY(before.description, after.description NULL ON NULL RETURNING jsonb) END,
      'brand': CASE WHEN before.brand <> after.brand
        THEN JSON_ARRAY(before.brand, after.brand NULL ON NULL RETURNING jsonb) END,
      'ncm': CASE WHEN before.ncm <> after.ncm
        THEN JSON_ARRAY(before.ncm, after.ncm NULL ON NULL RETURNING jsonb) END,
      'category': CASE WHEN before.category <> after.category
        THEN JSON_ARRAY(before.category, after.category NULL ON NULL RETURNING jsonb) END,
      'image_link': CASE WHEN before.image_link <> after.image_link
        THEN JSON_ARRAY(before.image_link, after.image_link NULL ON NULL RETURNING jsonb) END,
      'color': CASE WHEN before.color <> after.color
        THEN JSON_ARRAY(before.color, after.color NULL ON NULL RETURNING jsonb) END,
      'ean': CASE WHEN before.ean <> after.ean
        THEN JSON_ARRAY(before.ean, after.ean NULL ON NULL RETURNING jsonb) END,
      'shop_id': CASE WHEN before.shop_id <> after.shop_id
        THEN JSON_ARRAY(before.shop_id, after.shop_id NULL ON NULL RETURNING jsonb) END,
      'size': CASE WHEN before.size <> after.size
        THEN JSON_ARRAY(before.size, after.size NULL ON NULL RETURNING jsonb) END,
      'price': CASE WHEN before.price IS DISTINCT FROM after.price
        THEN JSON_ARRAY(before.price, after.price NULL ON NULL RETURNING jsonb) END,
      'wholesale_price': CASE WHEN before.wholesale_price IS DISTINCT FROM after.wholesale_price
        THEN JSON_ARRAY(before.wholesale_price, after.wholesale_price NULL ON NULL RETURNING jsonb) END,
      'price_promos': CASE WHEN before.price_promos IS DISTINCT FROM after.price_promos
        THEN JSON_ARRAY(before.price_promos, after.price_promos NULL ON NULL RETURNING jsonb) END,
      'stock': CASE WHEN before.stock IS DISTINCT FROM after.stock
        THEN JSON_ARRAY(before.stock, after.stock NULL ON NULL RETURNING jsonb) END,
      'wholesale_min': CASE WHEN before.wholesale_min IS DISTINCT FROM after.wholesale_min
        THEN JSON_ARRAY(before.wholesale_min, after.wholesale_min NULL ON NULL RETURNING jsonb) END,
      'measure': CASE WHEN before.measure <> after.measure
        THEN JSON_ARRAY(before.measure, after.measure NULL ON NULL RETURNING jsonb) END,
      'extra': CASE WHEN before.extra IS DISTINCT FROM after.extra
        THEN JSON_ARRAY(before.extra, after.extra NULL ON NULL RETURNING jsonb) END
      ABSENT ON NULL RETURNING jsonb)
$$;

-- Return the columns of an inserted product that are not blank, and `is_active` if it is inactive.
CREATE OR REPLACE FUNCTION product_fields(after products) RETURNS jsonb
  STABLE PARALLEL SAFE LANGUAGE sql AS $$
  SELECT JSON_OBJECT(
      'title': CASE WHEN after.title <> '' THEN JSON_ARRAY(NULL, after.title NULL ON NULL RETURNING jsonb) END,
      'description': CASE WHEN after.description <> '' THEN JSON_ARRAY(NULL, after.description NULL ON NULL RETURNING jsonb) END,
      'brand': CASE WHEN after.brand <> '' THEN JSON_ARRAY(NULL, after.brand NULL ON NULL RETURNING jsonb) END,
      'ncm': CASE WHEN after.ncm <> '' THEN JSON_ARRAY(NULL, after.ncm NULL ON NULL RETURNING jsonb) END,
      'category': CASE WHEN after.category <> '' THEN JSON_ARRAY(NULL, after.category NULL ON NULL RETURNING jsonb) END,
      'image_link': CASE WHEN after.image_link <> '' THEN JSON_ARRAY(NULL, after.image_link NULL ON NULL RETURNING jsonb) END,
      'color': CASE WHEN after.color <> '' THEN JSON_ARRAY(NULL, after.color NULL ON NULL RETURNING jsonb) END,
      'ean': CASE WHEN after.ean <> '' THEN JSON_ARRAY(NULL, after.ean NULL ON NULL RETURNING jsonb) END,
      'shop_id': CASE WHEN after.shop_id <> '' THEN JSON_ARRAY(NULL, after.shop_id NULL ON NULL RETURNING jsonb) END,
      'size': CASE WHEN after.size <> '' THEN JSON_ARRAY(NULL, after.size NULL ON NULL RETURNING jsonb) END,
      'price': CASE WHEN after.price IS NOT NULL THEN JSON_ARRAY(NULL, after.price NULL ON NULL RETURNING jsonb) END,
      'wholesale_price': CASE WHEN after.wholesale_price IS NOT NULL THEN JSON_ARRAY(NULL, after.wholesale_price NULL ON NULL RETURNING jsonb) END,
      'price_promos': CASE WHEN after.price_promos <> '{}' THEN JSON_ARRAY(NULL, after.price_promos NULL ON NULL RETURNING jsonb) END,
      'stock': CASE WHEN after.stock IS NOT NULL THEN JSON_ARRAY(NULL, after.stock NULL ON NULL RETURNING jsonb) END,
      'wholesale_min': CASE WHEN after.wholesale_min IS NOT NULL THEN JSON_ARRAY(NULL, after.wholesale_min NULL ON NULL RETURNING jsonb) END,
      'measure': CASE WHEN after.measure <> '' THEN JSON_ARRAY(NULL, after.measure NULL ON NULL RETURNING jsonb) END,
      'extra': CASE WHEN after.extra IS NOT NULL THEN JSON_ARRAY(NULL, after.extra NULL ON NULL RETURNING jsonb) END,
      'is_active': CASE WHEN NOT after.is_active THEN JSON_ARRAY(NULL, false NULL ON NULL RETURNING jsonb) END
      ABSENT ON NULL RETURNING jsonb)
$$;

-- Return whether nothing but the stock (and times) of a product changed. The price comes first: it decides most cases.
CREATE OR REPLACE FUNCTION is_stock_only_change(before products, after products) RETURNS boolean
  STABLE PARALLEL SAFE LANGUAGE sql AS $$
  SELECT before.is_active = after.is_active AND (before.price, before.title, before.description, before.brand, before.ncm, before.category,
      before.image_link, before.color, before.ean, before.shop_id, before.size, before.wholesale_price,
      before.price_promos, before.wholesale_min, before.measure, before.extra)
    IS NOT DISTINCT FROM (after.price, after.title, after.description, after.brand, after.ncm, after.category,
      after.image_link, after.color, after.ean, after.shop_id, after.size, after.wholesale_price,
      after.price_promos, after.wholesale_min, after.measure, after.extra)
$$;

-- Return the kind of a change of a product that exists.
CREATE OR REPLACE FUNCTION product_change_kind(before products, after products) RETURNS text
  STABLE PARALLEL SAFE LANGUAGE sql AS $$
  SELECT CASE WHEN before.is_active = after.is_active THEN 'updated' WHEN after.is_active THEN 'reactivated'
    ELSE 'deactivated' END
$$;

-- Replace the name of a removed person by another one, here and in the audit log, and delete the e-mail address; return
-- false unless the person was removed. Only the owner of the tables may change entries that are complete.
CREATE OR REPLACE FUNCTION anonymise_user(person bigint, new_name text) RETURNS boolean LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.users SET name = new_name, login = new_name, email = '' WHERE id = person AND removed_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE public.audit_log SET actor = new_name WHERE user_id = person;
  UPDATE public.audit_log SET
    before = CASE WHEN jsonb_typeof(before) = 'object' THEN before - '{name,email}'::text[] ELSE before END,
    after = CASE WHEN jsonb_typeof(after) = 'object' THEN after - '{name,email}'::text[] ELSE after END
  WHERE subject = 'user ' || person OR (action = 'user.add' AND after @> jsonb_build_object('id', person));
  RETURN true;
END
$$;

-- Blank network addresses that are older than some days, in at most `most` entries of the audit log; return in how many.
CREATE OR REPLACE FUNCTION blank_addresses(days integer, most integer) RETURNS integer LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  blanked integer;
BEGIN
  DELETE FROM public.user_sessions WHERE created_at < now() - make_interval(days => days);
  UPDATE public.audit_log SET address = '' WHERE id IN (SELECT id FROM public.audit_log
    WHERE address <> '' AND at < now() - make_interval(days => days) ORDER BY at LIMIT most);
  GET DIAGNOSTICS blanked = ROW_COUNT;
  RETURN blanked;
END
$$;

-- Delete at most `most` entries of the audit log that are more than five years old; return how many.
CREATE OR REPLACE FUNCTION delete_audit_entries(most integer) RETURNS integer LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  deleted integer;
BEGIN
  DELETE FROM public.audit_log WHERE id IN (SELECT id FROM public.audit_log
    WHERE at < now() - interval '5 years' ORDER BY at LIMIT most);
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END
$$;
