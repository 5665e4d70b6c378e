// A client in Node, with fetch alone. It reads what it needs, and tries again what passes by itself.
//
//     mockserver gauntlet --client-timeout 2 -- node create_key.mjs

import { randomUUID } from "node:crypto";

const { MOCKSERVER_BASE_URL, MOCKSERVER_SECRET_KEY } = process.env;
const TIMEOUT_MILLIS = 2_000;

async function createApiKey(name) {
  // One for all tries: the server answers a repetition as it answered the first.
  const idempotencyKey = randomUUID();
  for (let triesLeft = 2; ; triesLeft -= 1) {
    try {
      return await send(name, idempotencyKey);
    } catch (error) {
      if (triesLeft === 0 || error.isFinal) throw error;
      await new Promise((resolve) => setTimeout(resolve, (error.retryAfterSeconds ?? 0) * 1_000));
    }
  }
}

async function send(name, idempotencyKey) {
  const response = await fetch(`${MOCKSERVER_BASE_URL}/api-keys/?account_id=acct_1`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${MOCKSERVER_SECRET_KEY}`,
      "Content-Type": "application/json",
      "Idempotency-Key": idempotencyKey,
    },
    body: JSON.stringify({ name, permissions: {}, expires_at: "2030-01-01T00:00:00.000Z" }),
    signal: AbortSignal.timeout(TIMEOUT_MILLIS),
  });
  if (!response.ok) {
    const error = new Error(`status ${response.status}`);
    error.isFinal = response.status !== 429 && response.status < 500;
    error.retryAfterSeconds = Number(response.headers.get("Retry-After") ?? 0);
    throw error;
  }
  const { data } = await response.json();
  if (typeof data?.id !== "string" || typeof data?.key !== "string") throw new Error("the answer has no key");
  return data;
}

console.log("created", (await createApiKey("reporting")).id);
