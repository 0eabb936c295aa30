-- create --
-- The wire's names, the hub's types.
DROP TABLE IF EXISTS recordset;
CREATE TABLE recordset (
  "PHARMACY" bigint NOT NULL DEFAULT 1, "PRODUCTID" bigint NOT NULL, "PRICE" numeric(14,4), "INDICE" numeric(14,3),
  "EAN" text, "TITLE" text, "DESCRIPTION" text, "SHOPID" text, "PRICEPROMO" numeric(14,4), "WHOLESALEPRICE" numeric(14,4),
  "WHOLESALEMIN" numeric(14,3), "QUANTITY" numeric(14,3), "CATEGORY" text, "MEASURE" text, "NCM" text, "BRAND" text,
  "IMAGELINK" text, "SIZE" text, "COLOR" text, "DATACADASTROPRODUTO" timestamp, "DATAATUALIZACAOPRODUTO" timestamp,
  "DATAATUALIZACAOESTOQUE" timestamp, PRIMARY KEY ("PHARMACY", "PRODUCTID"));

-- upsert --
-- All of a chunk, merged by key.
INSERT INTO recordset ("PRODUCTID", "PRICE", "INDICE", "EAN", "TITLE", "DESCRIPTION", "SHOPID", "PRICEPROMO",
  "WHOLESALEPRICE", "WHOLESALEMIN", "QUANTITY", "CATEGORY", "MEASURE", "NCM", "BRAND", "IMAGELINK", "SIZE", "COLOR",
  "DATACADASTROPRODUTO", "DATAATUALIZACAOPRODUTO", "DATAATUALIZACAOESTOQUE")
SELECT * FROM json_to_recordset(%s::json) AS r ("PRODUCTID" bigint, "PRICE" numeric(14,4), "INDICE" numeric(14,3),
  "EAN" text, "TITLE" text, "DESCRIPTION" text, "SHOPID" text, "PRICEPROMO" numeric(14,4), "WHOLESALEPRICE" numeric(14,4),
  "WHOLESALEMIN" numeric(14,3), "QUANTITY" numeric(14,3), "CATEGORY" text, "MEASURE" text, "NCM" text, "BRAND" text,
  "IMAGELINK" text, "SIZE" text, "COLOR" text, "DATACADASTROPRODUTO" timestamp, "DATAATUALIZACAOPRODUTO" timestamp,
  "DATAATUALIZACAOESTOQUE" timestamp)
ON CONFLICT ("PHARMACY", "PRODUCTID") DO UPDATE SET "PRICE" = excluded."PRICE", "INDICE" = excluded."INDICE",
  "EAN" = excluded."EAN", "TITLE" = excluded."TITLE", "DESCRIPTION" = excluded."DESCRIPTION",
  "SHOPID" = excluded."SHOPID", "PRICEPROMO" = excluded."PRICEPROMO", "WHOLESALEPRICE" = excluded."WHOLESALEPRICE",
  "WHOLESALEMIN" = excluded."WHOLESALEMIN", "QUANTITY" = excluded."QUANTITY", "CATEGORY" = excluded."CATEGORY",
  "MEASURE" = excluded."MEASURE", "NCM" = excluded."NCM", "BRAND" = excluded."BRAND",
  "IMAGELINK" = excluded."IMAGELINK", "SIZE" = excluded."SIZE", "COLOR" = excluded."COLOR",
  "DATACADASTROPRODUTO" = excluded."DATACADASTROPRODUTO", "DATAATUALIZACAOPRODUTO" = excluded."DATAATUALIZACAOPRODUTO",
  "DATAATUALIZACAOESTOQUE" = excluded."DATAATUALIZACAOESTOQUE"
