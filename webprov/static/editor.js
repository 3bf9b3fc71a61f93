// Text areas with data-editor get line numbers; links with data-line=N put the cursor into that line of the editor;
// buttons with data-insert=TEXT write it where the cursor stands. Lines that data-line links name are marked.
(function () {
  "use strict";
  const editors = new Map();

  function number(area) {
    const gutter = editors.get(area);
    const count = area.value.split("\n").length;
    const wrong = new Set([...document.querySelectorAll("[data-line]")].map((link) => Number(link.dataset.line)));
    const lines = [];
    for (let line = 1; line <= count; line++) {
      const row = document.createElement("span");
      row.textContent = line;
      if (wrong.has(line)) row.className = "wp-wrong";
      lines.push(row);
    }
    gutter.replaceChildren(...lines);
    gutter.scrollTop = area.scrollTop;
  }

  function adopt(area) {
    const gutter = document.createElement("div");
    gutter.className = "wp-gutter";
    gutter.setAttribute("aria-hidden", "true");
    area.before(gutter);
    editors.set(area, gutter);
    area.addEventListener("input", () => number(area));
    area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
    number(area);
  }

  function goTo(area, line) {
    const lines = area.value.split("\n");
    const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start + (lines[line - 1] || "").length);
    area.scrollTop = Math.max(0, (line - 5) * (area.scrollHeight / lines.length));
  }

  function insert(area, text) {
    area.focus();
    const before = area.value.slice(0, area.selectionStart);
    if (!document.execCommand("insertText", false, text)) { // keeps the browser's own undo
      area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    window.webprov.announce(`${text} inserted in line ${before.split("\n").length}`);
  }

  document.addEventListener("click", function (event) {
    const area = document.querySelector("textarea[data-editor]");
    const link = event.target.closest("[data-line]");
    const button = event.target.closest("[data-insert]");
    if (!area || !(link || button)) return;
    event.preventDefault();
    if (link) goTo(area, Number(link.dataset.line));
    else insert(area, button.dataset.insert);
  });

  document.addEventListener("htmx:afterSettle", () => editors.forEach((_, area) => number(area)));
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("textarea[data-editor]").forEach(adopt));
})();
