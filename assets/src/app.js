// The one script of every page: htmx, and islands, which are loaded when a page has their place.
//
//   <div data-island="chart" data-props='{"...": ...}'>what is shown without scripts</div>
import htmx from "htmx.org";
import { keepFollowing } from "./follow.js";
import { islands } from "./islands.js";
import { keepLive } from "./live.js";

window.htmx = htmx;
htmx.config.includeIndicatorCSS = false; // the policy of our pages lets no style element in

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["x-csrf-token"] = document.body.dataset.csrf ?? "";
});

function enliven(root) {
  for (const place of root.querySelectorAll("[data-island]:not([data-alive])")) {
    place.dataset.alive = "";
    islands[place.dataset.island]()
      .then((island) => island.default(place, JSON.parse(place.dataset.props ?? "null")))
      .then(() => (place.dataset.alive = "yes"));
  }
}
enliven(document);
document.addEventListener("htmx:after:swap", () => enliven(document));
keepLive(enliven);
keepFollowing();

// Menus close when the pointer or the keyboard goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});
