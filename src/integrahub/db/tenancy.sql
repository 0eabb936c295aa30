-- set_tenant_all --
-- Show all pharmacies: to operators, and to the hub's own counts.
SELECT set_config('integrahub.tenants', 'all', true)

-- set_tenant_cnpjs --
-- Show the pharmacies of a client's key.
SELECT see_only(%(cnpjs)s)

-- set_tenant_pharmacies --
-- Show the pharmacies whose posts are committed together.
SELECT set_config('integrahub.pharmacies', %(ids)s::bigint[]::text, true)

-- set_key_family --
-- Show the webhook endpoints of a family of keys.
SELECT set_config('integrahub.key', %(family)s, true)
