// Verify a webhook. Node 18 or newer, without packages.
//
//   WEBHOOK_SECRET=whsec_... node verify_webhook.mjs ID TIMESTAMP SIGNATURES < body
//
// Exit code 0: it is from the hub, and not older than five minutes.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

// [check
// `body` is a Buffer with the bytes as received: with Express, use express.raw({ type: "application/json" }).
function isFromTheHub(secret, headers, body) {
  const timestamp = headers["webhook-timestamp"];
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${headers["webhook-id"]}.${timestamp}.`).update(body).digest();
  const given = headers["webhook-signature"].split(" ").map((part) => Buffer.from(part.split(",")[1] ?? "", "base64"));
  const isFresh = Math.abs(Date.now() / 1000 - Number(timestamp)) < 300;
  return isFresh && given.some((each) => each.length === expected.length && timingSafeEqual(each, expected));
}
// check]

const [id, timestamp, signatures] = process.argv.slice(2);
const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures };
process.exit(isFromTheHub(process.env.WEBHOOK_SECRET, headers, readFileSync(0)) ? 0 : 1);
