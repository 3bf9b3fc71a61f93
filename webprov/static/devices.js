// The selection in a list (of devices, of contacts): how many, all, none. The bar itself comes and goes by the style sheet.
(function () {
  "use strict";
  const boxes = () => [...document.querySelectorAll("[data-selection] input[name=selected]")];

  function show() {
    const all = boxes();
    const chosen = all.filter((box) => box.checked).length;
    const head = document.querySelector("[data-select-all]");
    const text = document.querySelector("[data-selected]");
    if (!head || !text) return;
    head.hidden = false;
    head.checked = chosen > 0 && chosen === all.length;
    head.indeterminate = chosen > 0 && chosen < all.length;
    text.textContent = `${chosen} selected`;
  }

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-select-all]")) boxes().forEach((box) => { box.checked = event.target.checked; });
    if (event.target.closest("[data-selection]")) show();
  });
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-select-none]")) return;
    boxes().forEach((box) => { box.checked = false; });
    show();
  });
  document.addEventListener("htmx:afterSettle", show);
  document.addEventListener("DOMContentLoaded", show);
})();
