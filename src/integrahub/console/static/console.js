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

  function linkOf(button) {
    const url = new URL(location.href), name = button.dataset.copyLink;
    if (name && !url.searchParams.has(name)) url.searchParams.set(name, new Date().toISOString());
    return url.href;
  }

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy ?? linkOf(button));
    const before = button.textContent;
    button.textContent = button.dataset.done ?? "✓";
    setTimeout(() => { button.textContent = before; }, 1500);
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
