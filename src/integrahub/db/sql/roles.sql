-- see_everything --
-- The operator's transactions, and the hub's own counts.
SELECT set_config('integrahub.reach', 'all', true)

-- see_cnpjs --
-- A client's transactions.
SELECT see_only(%(cnpjs)s)

-- see_pharmacies --
-- Posts of these pharmacies in one transaction.
SELECT set_config('integrahub.pharmacies', %(ids)s::bigint[]::text, true)
