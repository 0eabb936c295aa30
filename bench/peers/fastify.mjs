// Stores the body (fsync), inserts one row (commit), answers 202: the accept path as it is written without thought.
import { open } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import pg from "pg";

const [socket, folder, port] = process.argv.slice(2);
const pool = new pg.Pool({ host: socket, user: "integrahub", database: "integrahub", max: 10 });
await pool.query("CREATE TABLE IF NOT EXISTS fastify_batches (id uuid PRIMARY KEY, cnpj text, path text, bytes int, received_at timestamptz DEFAULT now())");
const app = Fastify({ bodyLimit: 1 << 28 });
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
app.post("/v1/inovafarma/products", async (request, reply) => {
  const id = randomUUID();
  const path = `${folder}/${id}`;
  const file = await open(path, "w");
  await file.writeFile(request.body);
  await file.sync();
  await file.close();
  await pool.query("INSERT INTO fastify_batches (id, cnpj, path, bytes) VALUES ($1, $2, $3, $4)",
    [id, request.query.cnpj, path, request.body.length]);
  return reply.code(202).send({ batch_id: id, status: "RECEIVED" });
});
await app.listen({ host: "127.0.0.1", port: Number(port) });
console.log("listening");
