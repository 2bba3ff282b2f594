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
  function put(name, html) {
    const place = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
    // What a person has open or holds stays as it is until they leave it.
    const marked = document.getSelection();
    const held = marked && !marked.isCollapsed && place?.contains(marked.anchorNode);
    if (!place || held || place.contains(document.activeElement) || place.querySelector("details[open]")) return;
    const made = document.createElement("template");
    made.innerHTML = html; // made by our templates, which escape; scripts in it would not run
    place.replaceChildren(made.content);
    enliven(place);
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
      say(`Live, as of ${new Date().toISOString().slice(11, 19)}.`, false);
    });
    stream.addEventListener("trouble", (event) => say(JSON.parse(event.data), true));
    stream.addEventListener("over", (event) => {
      close();
      say(`${JSON.parse(event.data)} Reload the page to go on.`, true);
    });
    stream.addEventListener("error", () => {
      say("The dashboard does not answer; trying again every few seconds.", true);
      // A stream that was refused does not try again by itself.
      if (stream?.readyState === EventSource.CLOSED) later = setTimeout(open, AGAIN);
    });
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  if (!document.hidden) open();
}
