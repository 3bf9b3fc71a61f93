// Runs before the first paint: "system" follows the browser, and a theme chosen in the top bar turns the page at once.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("wp-scripts"); // buttons that stand in for a script need not show
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    const chosen = root.dataset.theme;
    root.dataset.bsTheme = chosen === "system" ? (dark.matches ? "dark" : "light") : chosen;
  }
  dark.addEventListener("change", apply);
  document.addEventListener("wp-theme", function (event) {
    root.dataset.theme = event.detail.theme;
    apply();
    for (const button of document.querySelectorAll("button[name=theme]")) {
      button.setAttribute("aria-pressed", String(button.value === event.detail.theme));
    }
  });
  apply();
})();
