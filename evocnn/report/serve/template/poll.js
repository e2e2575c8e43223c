// Asks for the page's version every two seconds, and takes over <main> of a newer page in place.
(() => {
  "use strict";
  const pause = 2000;
  const place = location.pathname.replace(/\/$/, "");
  let shown = VERSION;

  function say(text) {
    let note = document.getElementById("connection");
    if (!note) {
      note = document.createElement("p");
      note.id = "connection";
      note.setAttribute("role", "status");
      document.querySelector("main").before(note);
    }
    note.textContent = text;
  }

  async function look() {
    try {
      const version = await (await fetch(`${place}/version`, { cache: "no-store" })).text();
      if (version !== shown) {
        const text = await (await fetch(location.pathname, { cache: "no-store" })).text();
        const page = new DOMParser().parseFromString(text, "text/html");
        const focused = document.activeElement && document.activeElement.id;
        document.querySelector("main").replaceWith(page.querySelector("main"));
        document.title = page.title;
        document.body.dataset.status = page.body.dataset.status || "";
        shown = version;
        if (window.evocnn) window.evocnn.start();
        const again = focused && document.getElementById(focused);
        if (again) again.focus({ preventScroll: true });
      }
      say("");
    } catch {
      say("evocnn serve has ended or cannot be reached; this is what it showed last.");
    }
    setTimeout(look, pause);
  }

  setTimeout(look, pause);
})();
