// The console prints an address that ends in #token=…; a fragment never reaches the server, so it is put in the box here.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    const box = document.getElementById("token");
    if (token && box && !box.value) {
      box.value = token;
      document.getElementById("name").focus();
    }
    if (token) {
      history.replaceState(null, "", location.pathname);
    }
  });
})();
