// The switch of the language keeps the place on the page: both languages have the same anchors.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-same-page]");
  if (link) link.hash = location.hash;
});
