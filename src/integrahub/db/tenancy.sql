-- set_tenant_all --
-- The operator's transactions, and the hub's own counts.
SELECT set_config('integrahub.tenants', 'all', true)

-- set_tenant_cnpjs --
-- A client's transactions.
SELECT see_only(%(cnpjs)s)

-- set_tenant_pharmacies --
-- Posts of these pharmacies in one transaction.
SELECT set_config('integrahub.pharmacies', %(ids)s::bigint[]::text, true)
