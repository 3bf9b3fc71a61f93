// Messages at fields come and go while people type; the field itself stays as it is, so that no letter is lost.
(function () {
  "use strict";
  function mark(messages) {
    const field = document.getElementById(messages.dataset.of);
    if (!field) return;
    const wrong = messages.querySelector(".wp-error") !== null;
    field.classList.toggle("is-invalid", wrong);
    wrong ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
    const ids = [...messages.querySelectorAll("[id]")].map((part) => part.id);
    const help = document.getElementById(`${field.id}-help`);
    if (help && !ids.includes(help.id)) ids.push(help.id);
    ids.length ? field.setAttribute("aria-describedby", ids.join(" ")) : field.removeAttribute("aria-describedby");
  }

  document.addEventListener("htmx:afterSettle", function () {
    document.querySelectorAll("#settings-form .wp-messages").forEach(mark);
  });
})();
