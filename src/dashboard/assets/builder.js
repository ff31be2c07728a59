// Shows what a policy does as it is written: the form is compiled by the gateway after each pause.
const form = document.getElementById("builder");
const preview = document.getElementById("preview");
const save = document.getElementById("save");
let waiting;
let asked = 0;

function showCondition() {
  const byHand = form.elements.condition.value === "cel";
  document.getElementById("rows").hidden = byHand;
  document.getElementById("by-hand").hidden = !byHand;
}

async function look(replays) {
  const fields = new URLSearchParams(new FormData(form));
  if (!fields.get("actions").trim()) return;
  fields.set("part", "preview");
  if (replays === true) fields.set("replay", "yes");
  const mine = ++asked;
  preview.setAttribute("aria-busy", "true");
  const answer = await fetch("/policies/preview", { method: "POST", body: fields }).catch(() => null);
  // A newer question is on its way.
  if (mine !== asked) return;
  preview.removeAttribute("aria-busy");
  if (!answer || !answer.ok) return;
  preview.innerHTML = await answer.text();
  const revision = preview.querySelector("[name=revision]");
  if (save) save.disabled = revision.dataset.canSave !== "true";
}

form.addEventListener("input", () => {
  if (save) save.disabled = true;
  showCondition();
  clearTimeout(waiting);
  waiting = setTimeout(look, 500);
});

document.getElementById("add-row").addEventListener("click", () => {
  const rows = form.querySelectorAll(".condition");
  const last = rows[rows.length - 1];
  const row = last.cloneNode(true);
  for (const field of row.querySelectorAll("input")) field.value = "";
  last.after(row);
  row.querySelector("input").focus();
});

// The script shows the effect by itself; a click shows it at once.
document.getElementById("look").addEventListener("click", (event) => {
  event.preventDefault();
  look();
});
document.getElementById("replay").addEventListener("click", (event) => {
  event.preventDefault();
  look(true);
});
showCondition();
