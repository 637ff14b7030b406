// Talking with the service. Whatever goes wrong becomes a Trouble, in words for people.

export class Trouble extends Error {
  constructor(kind, text, { again = true, after = 0, code = "", fits = null } = {}) {
    super(text);
    this.kind = kind; // "key", "busy", "gone" or "refused"
    this.code = code; // the service's own word
    this.fits = fits; // the size at which a picture that is too large would be taken
    this.again = again;
    this.after = after; // seconds until it is worth trying again
  }
}

// What went wrong: a Trouble as it is; an error of the page's own, which only its console tells in full, in these words.
export function troubleOf(error, words) {
  if (error instanceof Trouble) return error;
  console.error(error);
  return new Trouble("refused", words);
}

const KEY = "sceneparse-key";
const TRIES = 5;

// For this tab and until it is closed; a browser that forbids it asks for the key again. A head can hold no other signs than a
// key has: with such a key no request would leave the browser.
export function useKey(key) {
  if (!/^[\x21-\x7e]*$/.test(key)) {
    throw new Trouble("key", "This is no key: keys have only the letters A to Z, digits and ASCII signs, and no spaces. Was it mistyped?", { again: false });
  }
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    kept = key;
  }
}
let kept = "";

// A request's head, with the key where there is one.
export function headers(more = {}) {
  let key = kept;
  try {
    key = sessionStorage.getItem(KEY) || kept;
  } catch { /* forbidden: `kept` is all there is */ }
  return key ? { ...more, Authorization: `Bearer ${key}` } : more;
}

// An answer's content, read as "json" or "blob".
async function ask(path, options, form) {
  let answer;
  try {
    answer = await fetch(path, options);
    if (answer.ok) return await answer[form]();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("gone", "The service does not answer. Is it still running, and is this device connected?");
  }
  const problem = await answer.json().catch(() => ({}));
  const words = problem.detail || `The service answered with ${answer.status}.`;
  if (answer.status === 401) {
    const given = "Authorization" in (options.headers ?? {});
    const why = given ? "The service does not know this key." : "This service asks for a key. Whoever runs it can give you one.";
    throw new Trouble("key", why, { again: false });
  }
  if (answer.status === 503) throw new Trouble("busy", words, { after: Number(answer.headers.get("Retry-After")) || 2 });
  throw new Trouble("refused", words, { again: answer.status >= 500 || answer.status === 408, code: problem.code, fits: problem.fits });
}

export async function models() {
  return ask("v1/models", { headers: headers() }, "json");
}

// A picture that the service draws, for who has none at hand.
export async function example() {
  return new File([await ask("static/example.jpg", {}, "blob")], "example.jpg", { type: "image/jpeg" });
}

// Parse a picture; a busy service is asked again a few times, and `waiting(seconds)` is called meanwhile.
export async function parse(blob, model, accept, { signal, waiting }) {
  for (let trial = 1; ; trial++) {
    try {
      const path = `v1/parse?model=${encodeURIComponent(model)}`;
      const head = headers({ Accept: accept, "Content-Type": blob.type || "application/octet-stream" });
      return await ask(path, { method: "POST", body: blob, headers: head, signal }, accept.startsWith("application/json") ? "json" : "blob");
    } catch (error) {
      if (error.kind !== "busy" || trial === TRIES) throw error;
      for (let left = error.after; left > 0; left--) {
        waiting(left);
        await pause(1000, signal);
      }
      waiting(0);
    }
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    }, { once: true });
  });
}
