// Pages that stay up to date: the stream named by `data-live-from` brings parts, each goes into its `data-live` place.
const AGAIN = 5000;

export function keepLive(enliven) {
  const state = document.querySelector("[data-live-from]");
  if (!state) return;
  let stream = null;
  let later = null;

  function say(text, trouble) {
    if (state.textContent !== text) state.textContent = text;
    state.classList.toggle("trouble", trouble);
  }
  const held = new Map();
  let told = "";

  function isHeld(place) {
    const marked = document.getSelection();
    const isMarked = marked && !marked.isCollapsed && place.contains(marked.anchorNode);
    return isMarked || place.contains(document.activeElement) || place.querySelector("details[open]") !== null;
  }
  function put(name, html) {
    const place = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
    held.delete(name);
    if (!place) return;
    // What a person has open or holds stays as it is until they leave it; the newest of it is put in then.
    if (isHeld(place)) {
      held.set(name, html);
      return;
    }
    const made = document.createElement("template");
    made.innerHTML = html; // made by our templates, which escape; scripts in it would not run
    place.replaceChildren(made.content);
    enliven(place);
  }
  function sayLive() {
    if (told) say(held.size ? `Live, as of ${told}; what you have open or marked is from before.` : `Live, as of ${told}.`, false);
  }
  function letGo() {
    const before = held.size;
    for (const [name, html] of [...held]) put(name, html);
    if (held.size !== before) sayLive();
  }
  function close() {
    clearTimeout(later);
    stream?.close();
    stream = null;
  }
  function open() {
    close();
    stream = new EventSource(state.dataset.liveFrom);
    stream.addEventListener("parts", (event) => {
      for (const [name, html] of Object.entries(JSON.parse(event.data))) put(name, html);
      told = new Date().toISOString().slice(11, 19);
      sayLive();
    });
    stream.addEventListener("trouble", (event) => {
      told = "";
      say(JSON.parse(event.data), true);
    });
    stream.addEventListener("over", (event) => {
      told = "";
      close();
      say(`${JSON.parse(event.data)} Reload the page to go on.`, true);
    });
    stream.addEventListener("error", () => {
      told = "";
      say("The dashboard does not answer; trying again every few seconds.", true);
      // A stream that was refused does not try again by itself.
      if (stream?.readyState === EventSource.CLOSED) later = setTimeout(open, AGAIN);
    });
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  document.addEventListener("toggle", letGo, true);
  document.addEventListener("focusout", () => setTimeout(letGo)); // the next element has the focus then
  document.addEventListener("selectionchange", letGo);
  addEventListener("pagehide", close);
  if (!document.hidden) open();
}
