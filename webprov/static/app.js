// What pages do in the browser beyond htmx. Everything hangs on data- attributes and works on swapped content too:
//   data-copy=TEXT, data-eye=ID, data-generate=ID, data-dialog=ID (opens), data-close (closes its dialog),
//   data-focus (takes the focus when it appears), form[data-guard] (asks before it is left with changes; data-guard=changed: it comes with some),
//   table[data-why] (the row whose number was chosen last is marked).
(function () {
  "use strict";
  const on = (name, act) => document.addEventListener(name, act);
  const byId = (id) => document.getElementById(id);

  function announce(text) {
    byId("announce").textContent = text;
  }

  function toast(text) {
    const box = document.createElement("div");
    box.className = "wp-toast";
    box.append(text);
    const close = document.createElement("button");
    close.className = "wp-quiet";
    close.type = "button";
    close.textContent = "Close";
    close.onclick = () => box.remove();
    box.append(close);
    byId("toasts").append(box);
    let timer = setTimeout(() => box.remove(), 6000);
    for (const name of ["mouseenter", "focusin"]) box.addEventListener(name, () => clearTimeout(timer));
    for (const name of ["mouseleave", "focusout"]) {
      box.addEventListener(name, () => { timer = setTimeout(() => box.remove(), 3000); });
    }
  }

  // buttons
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    toast("Copied");
  }

  function showTyped(button) {
    const box = byId(button.dataset.eye);
    const shown = box.type === "password";
    box.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  }

  function generate(button) {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const box = byId(button.dataset.generate);
    box.value = "";
    while (box.value.length < 22) {
      const [number] = crypto.getRandomValues(new Uint8Array(1));
      if (number < 248) box.value += letters[number % 62]; // 248 = 4 × 62: every letter equally likely
    }
    box.type = "text";
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function openSearch() {
    const form = byId("search");
    if (!form) return;
    form.classList.add("wp-open");
    byId("search-text").focus();
    byId("search-text").select();
  }

  on("click", function (event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.copy !== undefined) copy(button.dataset.copy);
    if (button.dataset.eye) showTyped(button);
    if (button.dataset.generate) generate(button);
    if (button.dataset.dialog) byId(button.dataset.dialog).showModal();
    if (button.dataset.close !== undefined) button.closest("dialog").close();
    if (button.dataset.openSearch !== undefined) openSearch();
  });

  // keys
  const KEYS = "webprov-single-keys";
  let goes = false;

  function singleKey(key) {
    if (goes) {
      goes = false;
      const target = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (target && target.dataset.href) location.href = target.dataset.href;
      return Boolean(target);
    }
    if (key === "/") openSearch();
    else if (key === "?") byId("keys").showModal();
    else if (key === "g") goes = true;
    return key === "/" || key === "?";
  }

  on("keydown", function (event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      const button = document.querySelector("form[data-guard] button.wp-primary");
      if (button) {
        event.preventDefault();
        button.click();
      }
      return;
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) closeHits(event.target);
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (byId("keys") && localStorage.getItem(KEYS) !== "off" && singleKey(event.key)) event.preventDefault();
  });

  on("change", function (event) {
    if (event.target.id === "keys-on") localStorage.setItem(KEYS, event.target.checked ? "on" : "off");
  });

  // the hits below the search field: arrow keys walk, Esc closes
  function closeHits(from) {
    if (!from.closest("#search")) return;
    byId("search-hits").replaceChildren();
    byId("search").classList.remove("wp-open");
    byId("search-text").blur();
  }

  on("keydown", function (event) {
    if (!event.target.closest("#search") || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const stops = [byId("search-text"), ...document.querySelectorAll("#search-hits a")];
    const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    stops[(next + stops.length) % stops.length].focus();
  });

  on("focusout", function (event) {
    const form = event.target.closest("#search");
    if (form && event.relatedTarget && !form.contains(event.relatedTarget)) closeHits(event.target);
  });

  // unsaved changes
  const changed = new Set();
  on("input", (event) => {
    const form = event.target.closest("form[data-guard]");
    if (form) changed.add(form);
  });
  on("submit", (event) => changed.delete(event.target));
  window.addEventListener("beforeunload", function (event) {
    if ([...changed].some((form) => form.isConnected)) event.preventDefault();
  });

  // focus and errors after swaps
  function settle(root) {
    root.querySelectorAll("form[data-guard=changed]").forEach((form) => changed.add(form));
    const target = root.querySelector("[data-focus]");
    if (target) target.focus();
  }

  // Who stood on a link or button that a swap replaces stands on its successor: htmx finds only what has an id.
  const NAMES = ["href", "name", "value", "formaction", "aria-label"];
  let left = null;

  function alike(root, element) {
    const same = (other) => NAMES.every((name) => other.getAttribute(name) === element.getAttribute(name))
      && other.textContent === element.textContent;
    return [...root.querySelectorAll(element.tagName)].filter(same);
  }

  on("htmx:beforeSwap", function (event) {
    const element = document.activeElement;
    const root = event.detail.target;
    left = !element.id && root && root !== element && root.contains(element) && element.matches("a, button")
      ? { element, place: alike(root, element).indexOf(element) } : null;
  });

  function standAgain(root) {
    if (!left || document.activeElement !== document.body) return;
    const found = alike(root, left.element);
    if (!found.length) return;
    found[Math.min(left.place, found.length - 1)].focus({ preventScroll: true });
    left = null;
  }

  on("htmx:afterSettle", function (event) {
    standAgain(event.target);
    settle(event.target);
  });
  on("htmx:responseError", function (event) {
    const said = event.detail.xhr.responseText;
    complain(said && said.length < 300 ? said : "This did not work. Try again.");
  });
  on("htmx:sendError", () => complain("The server does not answer. Try again."));

  function complain(text) {
    const box = document.createElement("div");
    box.className = "wp-note wp-note-fail";
    box.setAttribute("role", "alert");
    box.textContent = text;
    byId("flashes").replaceChildren(box);
    box.scrollIntoView({ block: "nearest" });
  }

  // What is being clicked must not be replaced or move away between pressing and letting go, or the click is lost: answers
  // wait for it, a second at most. Leaving a field asks for a check, so this meets every click that follows typing.
  const waiting = [];
  let held = 0;

  function hold(milliseconds) {
    clearTimeout(held);
    held = setTimeout(function () {
      held = 0;
      waiting.splice(0).forEach((handle) => handle());
    }, milliseconds);
  }

  on("pointerdown", () => hold(1000));
  for (const name of ["pointerup", "pointercancel"]) on(name, () => hold(50)); // a finger's click comes a little after it
  on("click", () => { if (held) hold(0); });
  on("htmx:beforeSend", function (event) {
    const { xhr } = event.detail;
    const handle = xhr.onload.bind(xhr);
    xhr.onload = () => { if (held) waiting.push(handle); else handle(); };
  });

  // people who type before the scripts are there have typed all the same
  function catchUp() {
    for (const field of document.querySelectorAll("form[data-guard] :is(input:not([type=hidden]), textarea)")) {
      if (field.value !== field.defaultValue) field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  on("DOMContentLoaded", function () {
    settle(document);
    catchUp();
    if (byId("keys-on")) byId("keys-on").checked = localStorage.getItem(KEYS) !== "off";
  });
  window.webprov = { announce, toast };

  on("click", function (event) {
    const row = event.target.closest("[data-why] a")?.closest("tr");
    if (!row) return;
    row.parentElement.querySelectorAll(".wp-chosen").forEach((other) => other.classList.remove("wp-chosen"));
    row.classList.add("wp-chosen");
  });
})();
