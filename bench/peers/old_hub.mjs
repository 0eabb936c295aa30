// A file of chunks, a line each, into old_products by 4 connections; prints the seconds it took.
import { readFileSync } from "node:fs";
import pg from "pg";

const [socket, file] = process.argv.slice(2);
const columns = ["pharmacy_id", "product_id", "title", "description", "brand", "ncm", "category", "image_link", "color",
  "ean", "shop_id", "size", "price", "price_promo", "wholesale_price", "quantity", "wholesale_min", "measure", "indice",
  "source_updated_at", "last_seen_at", "raw_json"];
const updates = columns.slice(2).map((name) => `${name} = EXCLUDED.${name}`).join(", ");

function parameters(record, seen) {
  return [1, record.PRODUCTID, record.TITLE, record.DESCRIPTION, record.BRAND, record.NCM, record.CATEGORY,
    record.IMAGELINK, record.COLOR, record.EAN, String(record.SHOPID), record.SIZE, record.PRICE, record.PRICEPROMO,
    record.WHOLESALEPRICE, record.QUANTITY, record.WHOLESALEMIN, String(record.MEASURE), record.INDICE,
    record.DATAATUALIZACAOPRODUTO, seen, JSON.stringify(record)];
}

function statement(rows) {
  let number = 0;
  const places = Array.from({ length: rows }, () => `(${columns.map(() => `$${++number}`).join(",")})`);
  return `INSERT INTO old_products (${columns.join(",")}) VALUES ${places.join(",")}
    ON CONFLICT (pharmacy_id, product_id) DO UPDATE SET ${updates}`;
}

const lines = readFileSync(file, "utf8").trimEnd().split("\n");
const clients = await Promise.all(Array.from({ length: 4 }, async () => {
  const client = new pg.Client({ host: socket, user: "integrahub", database: "integrahub" });
  await client.connect();
  return client;
}));
const begun = process.hrtime.bigint();
await Promise.all(clients.map(async (client) => {
  for (let line = lines.pop(); line !== undefined; line = lines.pop()) {
    const records = JSON.parse(line);
    const seen = new Date();
    await client.query(statement(records.length), records.flatMap((record) => parameters(record, seen)));
  }
}));
console.log(Number(process.hrtime.bigint() - begun) / 1e9);
await Promise.all(clients.map((client) => client.end()));
