// What every page does with script: relative times, copying, the link of `tollgate dashboard`, and parts that renew themselves.
document.documentElement.classList.add("script");

// The secret of a one-time link stands in the fragment, which is sent to no server; a form takes it from here.
const link = document.getElementById("by-link");
if (link) {
  const secret = location.hash.slice(1);
  if (secret) {
    history.replaceState(null, "", location.pathname + location.search);
    link.elements.secret.value = secret;
    link.submit();
  } else {
    // A link from mail or chat arrives without the cookie of this site; a request of this page has it.
    const signedIn = await fetch("/session").then((answer) => answer.status === 204, () => false);
    if (signedIn) location.replace(link.elements.next.value);
  }
}

// On a phone the navigation is a row that scrolls.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

const units = [[5400, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "days"]];
function renewTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const passed = Math.round((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (Number.isNaN(passed)) continue;
    const length = Math.abs(passed);
    let text = `${length} s`;
    if (length >= 90) {
      const [, size, unit] = units.find(([most]) => length < most);
      text = `${Math.floor(length / size)} ${unit}`;
    }
    const shown = passed < 0 ? `in ${text}` : `${text} ago`;
    if (time.textContent !== shown) time.textContent = shown;
  }
}
setInterval(renewTimes, 10000);

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const source = copy.dataset.from ? document.getElementById(copy.dataset.from) : null;
    await navigator.clipboard.writeText(source ? source.textContent : copy.dataset.copy).catch(() => {});
    const before = copy.textContent;
    copy.textContent = "copied";
    setTimeout(() => { copy.textContent = before; }, 1200);
  }
  const back = event.target.closest("[data-back]");
  if (back && history.length > 1) {
    event.preventDefault();
    history.back();
  }
});

// A choice that sends its form at once.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// Parts of a page that renew themselves while somebody looks at it and works on nothing in them; one question at a time.
for (const part of document.querySelectorAll("[data-renew]")) {
  const isBusy = () => document.hidden || part.contains(document.activeElement);
  const renew = async () => {
    const answer = isBusy() ? null : await fetch(location.href).catch(() => null);
    if (answer && answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (fresh && !isBusy()) part.replaceChildren(...fresh.childNodes);
    }
    setTimeout(renew, Number(part.dataset.renew) * 1000);
  };
  setTimeout(renew, Number(part.dataset.renew) * 1000);
}

// Suggestions for fields that name actions of the catalogue.
for (const field of document.querySelectorAll("[data-actions]")) {
  const list = document.getElementById(field.getAttribute("list"));
  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const word = field.value.split(/[,\s]/).pop();
      const answer = await fetch(`/catalogue/actions?q=${encodeURIComponent(word)}`).catch(() => null);
      if (!answer || !answer.ok) return;
      const found = await answer.json();
      list.replaceChildren(...found.map(({ name, summary }) => {
        const option = document.createElement("option");
        option.value = name;
        option.label = summary;
        return option;
      }));
    }, 150);
  });
}
