/** Requests to the recorder. The token stays in this tab. */

const KEY = "callrec-operator-token";

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

export class Refused extends Error {
  constructor(word, text, status) {
    super(text);
    this.word = word;
    this.status = status;
  }
}

/** Return the decoded answer. Throws Refused, also when there is no answer. */
async function request(method, path) {
  let answer;
  try {
    answer = await fetch(`api/${path}`, {
      method,
      headers: { Authorization: `Bearer ${token.get()}` },
      cache: "no-store",
      signal: AbortSignal.timeout(20_000),
    });
  } catch {
    throw new Refused("recorder_away", "The recorder does not answer.", 0);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Refused(body.error ?? "unknown", body.text ?? `The recorder answers ${answer.status}.`, answer.status);
  }
  return body;
}

const one = (id) => `recordings/${encodeURIComponent(id)}`;

export const list = () => request("GET", "recordings");
export const retry = (id) => request("POST", `${one(id)}/retry`);
export const park = (id) => request("POST", `${one(id)}/park`);
export const remove = (id) => request("DELETE", one(id));

/** Let the browser save the film: by an address that is good once. */
export async function download(id) {
  const { path, name } = await request("POST", `${one(id)}/film`);
  const link = document.createElement("a");
  link.href = path.replace("/operator/", "");
  link.download = name;
  link.click();
}
