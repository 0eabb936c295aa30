// Draws each `pre.mermaid` of the page from its text. Loads nothing.
if (window.mermaid) {
  const chosen = document.body.dataset.theme;
  const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", maxTextSize: 200000, theme: dark ? "dark" : "neutral" });
  mermaid.run({ querySelector: "pre.mermaid" });
}
