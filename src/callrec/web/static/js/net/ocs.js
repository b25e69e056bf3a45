/** Requests to the OCS API (docs/wire.md, OCS envelope). */

import { signal as state } from "../../vendor/signals.js";
import { url } from "../base.js";

/** The last request that has ended reached the server. */
export const reachable = state(true);

/** An answer that is not a success. `status` 0: the server was not reached. `reason`: the answer's error word. */
export class OcsError extends Error {
  constructor(status, data, message) {
    super(message || `HTTP ${status}`);
    this.name = "OcsError";
    this.status = status;
    this.data = data ?? null;
    this.reason = data?.error ?? "";
  }
}

const HEADERS = { Accept: "application/json", "OCS-APIRequest": "true" };

async function envelope(response) {
  const text = await response.text();
  if (!text) return { data: null };
  try {
    return JSON.parse(text).ocs ?? { data: null };
  } catch {
    throw new OcsError(response.status, null, "The server's answer cannot be read.");
  }
}

/** Send a request to an absolute address. Returns the Response, or throws an OcsError with status 0. */
export async function send(method, address, options) {
  let response;
  try {
    response = await fetch(address, { method, cache: "no-store", credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    reachable.value = false;
    throw new OcsError(0, null, "The server cannot be reached.");
  }
  reachable.value = true;
  return response;
}

/** Send a request to an absolute address. Returns {status, data, headers}; 204 and 304 have data null. */
export async function request(method, address, { body, signal, keepalive, headers } = {}) {
  const response = await send(method, address, {
    signal,
    keepalive,
    headers: { ...HEADERS, ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (response.status === 304) return { status: 304, data: null, headers: response.headers };
  const { data, meta } = await envelope(response);
  if (!response.ok) throw new OcsError(response.status, data, meta?.message);
  return { status: response.status, data, headers: response.headers };
}

/** Send a request to a path below `ocs/v2.php/`. `query` values that are undefined are left out. */
export function ocs(method, path, { query = {}, ...options } = {}) {
  const address = new URL(url(`ocs/v2.php/${path}`));
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) address.searchParams.set(name, value);
  }
  return request(method, address.href, options);
}
