// Post a catalogue and wait until the hub has applied it. Node 18 or newer, without packages.
//
//   HUB_URL=https://hub.example.com HUB_KEY=ihub_live_... node post_catalogue.mjs FILE full|delta [IDEMPOTENCY_KEY]
//
// Exit code 0: every record was applied.
import { createReadStream } from "node:fs";
import { randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { pipeline } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { createGzip } from "node:zlib";

const { HUB_URL, HUB_KEY } = process.env;
const ATTEMPTS = 9;
const TIMEOUT_MS = 300_000; // without a byte in either direction
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);

// One attempt. `file` is read, compressed and sent as a stream. (fetch of Node 20 never settles if the connection
// breaks during a streamed body.)
function attempt(path, { method = "GET", headers = {}, file } = {}) {
  return new Promise((resolve, reject) => {
    const url = new URL(HUB_URL + path);
    const options = { method, headers: { Authorization: `Bearer ${HUB_KEY}`, ...headers }, timeout: TIMEOUT_MS };
    const request = (url.protocol === "https:" ? https : http).request(url, options);
    request.on("timeout", () => request.destroy(new Error("the hub does not answer")));
    request.on("error", reject);
    request.on("response", async (response) => {
      try {
        let body = "";
        for await (const chunk of response.setEncoding("utf8")) body += chunk;
        resolve({ status: response.statusCode, body, retryAfter: Number(response.headers["retry-after"]) || 0 });
      } catch (error) {
        reject(error);
      }
    });
    if (file) pipeline(createReadStream(file), createGzip(), request, (error) => error && reject(error));
    else request.end();
  });
}

// Send until the hub answers something that lasts.
async function send(path, options) {
  for (let number = 1; ; number++) {
    let failure;
    let requested = 0;
    try {
      const answer = await attempt(path, options);
      if (answer.status >= 200 && answer.status < 300) return { ...answer, body: JSON.parse(answer.body) };
      failure = new Error(`The hub answered ${answer.status}: ${answer.body}`);
      failure.lasts = !RETRYABLE.has(answer.status);
      requested = answer.retryAfter;
    } catch (error) {
      failure = error; // the connection broke, or the time is over
    }
    if (failure.lasts || number === ATTEMPTS) throw failure;
    // Never earlier than the hub requests; the random part keeps clients that failed together apart.
    const seconds = requested || Math.min(60, 2 ** (number - 1));
    await sleep(seconds * (1 + Math.random() / 2) * 1000);
  }
}

async function main([file, loadType, key = randomUUID()]) {
  // One key for all attempts: the hub recognises a repeated post. Store it with the export, and use it again after a crash.
  const accepted = await send("/v1/inovafarma/products", {
    method: "POST",
    file,
    headers: {
      "X-Inova-Load-Type": loadType,
      "Content-Type": "application/json",
      "Content-Encoding": "gzip",
      "Idempotency-Key": key,
    },
  });
  const id = accepted.body.batch_id;
  console.log(`accepted as ${id}`);
  for (;;) {
    const { body: batch, retryAfter } = await send(`/v1/batches/${id}`);
    if (batch.finished_at) {
      console.log(`${batch.status}: ${batch.items_processed} records applied, ${batch.items_failed} not`);
      // GET /v1/batches/{id}/errors lists the rejected records, with the reasons.
      return batch.status === "COMPLETED" ? 0 : 1;
    }
    await sleep((retryAfter || 1) * 1000);
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
