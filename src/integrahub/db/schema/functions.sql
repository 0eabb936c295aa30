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
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        missing.name, missing.parent);
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
