// Keeps the table of activity current: newest first, at most so many rows, however many records come.
const table = document.getElementById("activity");
const rows = table.tBodies[0];
const most = 200;
const state = document.getElementById("live-state");
let source;

function show(text) { state.textContent = text; }

// After a gap the server's own page is the truth.
async function reload() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer || !answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("activity");
  rows.replaceChildren(...fresh.tBodies[0].children);
  table.dataset.seq = fresh.dataset.seq;
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

function open() {
  const query = new URLSearchParams(table.dataset.query);
  query.set("after", table.dataset.seq);
  source = new EventSource(`/activity/live?${query}`);
  source.addEventListener("open", () => show("live"));
  source.addEventListener("records", (event) => take(JSON.parse(event.data)));
  source.addEventListener("missed", async () => { close(); await reload(); open(); });
  source.addEventListener("end", () => { close(); show("signed out"); });
  source.addEventListener("error", () => {
    // A browser would ask again with the number that it began with; the table knows a newer one.
    close();
    show("reconnecting…");
    setTimeout(open, 2000);
  });
}

function close() { source?.close(); source = undefined; }

// A browser opens few connections to one site, so a tab that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) close();
  else if (!source && !paused) open();
});

let paused = false;
document.getElementById("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.target.textContent = paused ? "Go on" : "Pause";
  if (paused) { close(); show("paused"); } else open();
});
if (!document.hidden) open();
