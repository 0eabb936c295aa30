// Live updates, keys, copy buttons and dialogs. Every page works without this script.
(() => {
  "use strict";
  const RUNNING_MS = 2000, IDLE_MS = 5000;
  const root = document.documentElement;
  let isPaused = false;

  const isSelecting = () => { const chosen = getSelection(); return chosen !== null && !chosen.isCollapsed; };
  const mayUpdate = () => !isPaused && !document.hidden && !document.querySelector("dialog[open]") && !isSelecting();

  function tick() {
    if (mayUpdate() && document.querySelector(".live")) document.body.dispatchEvent(new CustomEvent("live"));
    setTimeout(tick, document.querySelector("[data-running]") ? RUNNING_MS : IDLE_MS);
  }
  setTimeout(tick, RUNNING_MS);

  function togglePause() {
    isPaused = !isPaused;
    for (const button of document.querySelectorAll("[data-pause]")) {
      button.setAttribute("aria-pressed", String(isPaused));
      button.textContent = isPaused ? button.dataset.resume : button.dataset.pause;
    }
  }

  // An answer that arrives after the person paused, selected text or opened a dialog is dropped: the next poll repeats it.
  document.addEventListener("htmx:before:swap", (event) => { if (!mayUpdate()) event.preventDefault(); });
  // A page that the hub does not answer stays as it is, and says so.
  const markStale = (isStale) => root.toggleAttribute("data-stale", isStale);
  document.addEventListener("htmx:after:request", (event) => markStale((event.detail?.ctx?.response?.status ?? 0) >= 400));
  document.addEventListener("htmx:error", () => markStale(true));

  function linkOf(button) {
    const url = new URL(location.href), name = button.dataset.copyLink;
    if (name && !url.searchParams.has(name)) url.searchParams.set(name, new Date().toISOString());
    return url.href;
  }

  // Browsers have no clipboard on pages without TLS: there the text is selected in a field and copied from it.
  function copyFromField(button, text) {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    button.parentElement.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    button.focus({preventScroll: true});
    return isCopied;
  }

  async function copy(button) {
    if (button.dataset.busy) return;
    const text = button.dataset.copy ?? linkOf(button);
    const isCopied = navigator.clipboard
      ? await navigator.clipboard.writeText(text).then(() => true, () => copyFromField(button, text))
      : copyFromField(button, text);
    const word = isCopied ? root.dataset.copied : root.dataset.notCopied, before = [...button.childNodes];
    button.dataset.busy = "true";
    button.replaceChildren(word);
    const said = document.getElementById("said");
    if (said) said.textContent = word;
    setTimeout(() => { button.replaceChildren(...before); delete button.dataset.busy; if (said) said.textContent = ""; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const pause = target?.closest("[data-pause]"), copying = target?.closest("button[data-copy], button[data-copy-link]");
    const opener = target?.closest("[data-dialog]"), closer = target?.closest("dialog [data-close]");
    if (pause) togglePause();
    if (copying) copy(copying);
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog instanceof HTMLDialogElement) { event.preventDefault(); dialog.showModal(); }
    if (closer) { event.preventDefault(); closer.closest("dialog").close(); }
  });

  // Keys, each unless switched off for this person (WCAG 2.1.4).
  const off = new Set((root.dataset.keysOff ?? "").split(" "));
  let isGoing = false;
  const rows = () => [...document.querySelectorAll("tbody tr:has(a[href]), .rows > li:has(a[href])")];
  function moveRow(step) {
    const all = rows(), at = all.findIndex((row) => row.contains(document.activeElement));
    all[Math.max(0, Math.min(all.length - 1, at + step))]?.querySelector("a[href]")?.focus();
  }
  const actions = {
    "/": () => document.querySelector("#search")?.focus(),
    "g": () => { isGoing = true; setTimeout(() => { isGoing = false; }, 1500); },
    "j": () => moveRow(1), "k": () => moveRow(-1), "p": togglePause,
    "?": () => document.getElementById("keys")?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target instanceof Element && target.closest("input, select, textarea, [contenteditable]")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (isGoing) {
      isGoing = false;
      const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
      if (link && !off.has("g")) { event.preventDefault(); link.click(); return; }
    }
    const action = actions[event.key];
    if (action && !off.has(event.key)) { event.preventDefault(); action(); }
  });
})();
