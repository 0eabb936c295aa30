-- pharmacies --
-- Pharmacies whose CNPJ begins with the digits, or whose name has the text. There are thousands at most.
SELECT cnpj, name, city, state FROM pharmacies
WHERE %(name)s::text = '' OR (%(cnpj)s::text <> '' AND starts_with(cnpj, %(cnpj)s::text))
  OR position(fold_text(%(name)s::text) IN fold_text(name)) > 0
ORDER BY name, cnpj LIMIT %(limit)s
