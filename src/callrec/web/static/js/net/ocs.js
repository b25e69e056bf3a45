/** Requests to the OCS API (docs/wire.md, OCS envelope). */

import { url } from "../base.js";

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

/** Send a request to an absolute address. Returns {status, data, headers}; 204 and 304 have data null. */
export async function request(method, address, { body, signal, keepalive, headers } = {}) {
  let response;
  try {
    response = await fetch(address, {
      method,
      signal,
      keepalive,
      cache: "no-store",
      credentials: "same-origin",
      headers: { ...HEADERS, ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new OcsError(0, null, "The server cannot be reached.");
  }
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
