// Keeps the table of activity current: newest first, at most so many rows, however many records come.
const table = document.getElementById("activity");
const rows = table.tBodies[0];
const most = 200;
const state = document.getElementById("live-state");
let source;
let paused = false;

function show(text) { state.textContent = text; }

// After a gap the server's own page is the truth.
async function reload() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer || !answer.ok) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("activity");
  rows.replaceChildren(...fresh.tBodies[0].children);
  table.dataset.seq = fresh.dataset.seq;
  return true;
}

function take(batch) {
  const template = document.createElement("template");
  template.innerHTML = batch.rows.reverse().join("");
  rows.prepend(template.content);
  for (const { id, status, took } of batch.done) {
    const row = document.getElementById(`r-${id}`);
    if (row) {
      row.querySelector("[data-status]").textContent = status;
      row.querySelector("[data-took]").textContent = took;
    }
  }
  while (rows.rows.length > most) rows.deleteRow(-1);
  document.getElementById("empty")?.remove();
  table.dataset.seq = batch.last;
  if (batch.skipped) show(`live; ${batch.skipped} more came in the last moment`);
}

// There is one stream at most: who wants it open says so here, and an attempt that waits is taken back.
let again;
function open() {
  clearTimeout(again);
  if (source || paused || document.hidden) return;
  const query = new URLSearchParams(table.dataset.query);
  query.set("after", table.dataset.seq);
  const mine = new EventSource(`/activity/live?${query}`);
  source = mine;
  mine.addEventListener("open", () => show("live"));
  mine.addEventListener("records", (event) => take(JSON.parse(event.data)));
  mine.addEventListener("missed", async () => {
    // Its place is kept while the page is read, so that nothing else opens a stream meanwhile.
    mine.close();
    const isFresh = await reload();
    if (source !== mine) return;
    source = undefined;
    if (isFresh) open();
    else again = setTimeout(open, 2000);
  });
  mine.addEventListener("end", () => { paused = true; close(); show("signed out"); });
  mine.addEventListener("error", () => {
    if (source !== mine) return;
    // A browser would ask again with the number that it began with; the table knows a newer one.
    close();
    show("reconnecting…");
    again = setTimeout(open, 2000);
  });
}

function close() {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

// A browser opens few connections to one site, so a tab that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else open();
});

document.getElementById("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.target.textContent = paused ? "Go on" : "Pause";
  if (paused) { close(); show("paused"); } else open();
});
open();
