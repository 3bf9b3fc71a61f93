// Uploads with a bar: how far a file is, and a word before it is sent in vain. Without scripts the form works as it is.
(function () {
  "use strict";

  function tell(form, text) {
    const box = form.querySelector("[id$=-error]");
    const line = document.createElement("p");
    line.className = "wp-error";
    line.setAttribute("role", "alert");
    line.textContent = text;
    box.replaceChildren(line);
  }

  document.addEventListener("htmx:configRequest", function (event) {
    const form = event.target.closest("[data-upload]");
    if (!form) return;
    const [file] = form.querySelector("[type=file]").files;
    const limit = Number(form.dataset.limit);
    if (!file || file.size <= limit) return;
    event.preventDefault();
    tell(form, `${file.name} is larger than ${Math.floor(limit / 1048576).toLocaleString("en")} MiB. Nothing was sent.`);
  });
  document.addEventListener("htmx:xhr:progress", function (event) {
    const form = event.target.closest("[data-upload]");
    if (!form || !event.detail.lengthComputable) return;
    const bar = form.querySelector("progress");
    bar.hidden = false;
    bar.value = (100 * event.detail.loaded) / event.detail.total;
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    const form = event.target.closest("[data-upload]");
    if (form && !event.detail.successful) form.querySelector("progress").hidden = true;
  });
})();
