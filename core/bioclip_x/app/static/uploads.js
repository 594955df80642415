// Photos that are dropped, pasted or chosen, sent a few at a time.

import { Refused, postForm } from "./api.js";
import { byId, count, warn } from "./dom.js";
import { state } from "./store.js";

const AT_ONCE = 24;
const queue = [];
let sent = 0, isSending = false;

function takeGroup() {
  const most = state.limits.request_bytes * 0.9;
  const group = [];
  let bytes = 0;
  while (queue.length && group.length < AT_ONCE && (!group.length || bytes + queue[0].size <= most)) {
    bytes += queue[0].size;
    group.push(queue.shift());
  }
  return group;
}

async function sendAll() {
  if (isSending) return;
  isSending = true;
  const refused = [];
  while (queue.length) {
    const group = takeGroup();
    byId("sending").textContent = `reading ${sent + 1} to ${sent + group.length} of ${count(sent + group.length + queue.length, "photo")}`;
    const form = new FormData();
    for (const file of group) form.append("photo", file, file.name);
    try {
      const { photos } = await postForm("/api/photos", form);
      refused.push(...photos.filter((one) => one.error));
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem;
      queue.length = 0;
      warn(problem.message);
    }
    sent += group.length;
  }
  byId("sending").textContent = "";
  if (refused.length) warn(`${count(refused.length, "photo")} not taken: ${refused[0].file}: ${refused[0].error}`);
  sent = 0;
  isSending = false;
}

export function add(files) {
  const fitting = files.filter((file) => file.size <= state.limits.photo_bytes);
  if (fitting.length < files.length) {
    const most = Math.round(state.limits.photo_bytes / 2 ** 20);
    warn(`${count(files.length - fitting.length, "photo")} larger than ${most} MiB left out`);
  }
  queue.push(...fitting);
  return sendAll();
}

/** All files of what was dropped, those of folders included. */
async function listDropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const files = [];
  const visit = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
      if (file && !file.name.startsWith(".")) files.push(file);
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
      if (!part.length) return;
      for (const one of part.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))) await visit(one);
    }
  };
  for (const entry of entries) await visit(entry);
  return files;
}

export function start() {
  const input = byId("photos"), curtain = byId("curtain");
  byId("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    curtain.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) curtain.hidden = true;
  });
  addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    curtain.hidden = true;
    add(await listDropped(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) add(files);
  });
}
