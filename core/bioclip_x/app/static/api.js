// Requests to this machine's own program. The cookie that it gave carries the token.

export class Refused extends Error {}

async function answer(response) {
  const type = response.headers.get("content-type") ?? "";
  const body = type.includes("json") ? await response.json() : { error: (await response.text()).trim() };
  if (!response.ok) throw new Refused(body.error || `the program answered ${response.status}`);
  return body;
}

async function send(path, options) {
  try {
    return await answer(await fetch(path, options));
  } catch (problem) {
    if (problem instanceof TypeError) throw new Refused("bioclip-x app does not answer; is it still running?");
    throw problem;
  }
}

export const get = (path, signal) => send(path, { signal });
export const post = (path, body, signal) =>
  send(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" }, signal });
export const postForm = (path, form) => send(path, { method: "POST", body: form });

/** Whether a request was given up because another followed. */
export const isAborted = (problem) => problem instanceof DOMException && problem.name === "AbortError";
