// Parts of a page that are fetched anew while something runs (macro `polled`). An error, or a login page, is no such part:
// then it stays as it is, says so, and goes on trying.
export function keepFollowing() {
  function say(part, text) {
    const state = part.querySelector(".live-state");
    if (!state) return;
    state.hidden = false;
    state.classList.add("trouble");
    if (state.textContent !== text) state.textContent = text;
  }
  document.addEventListener("htmx:before:response", (event) => {
    const { raw } = event.detail.ctx.response;
    if (raw.ok && !raw.redirected) return;
    event.preventDefault();
    const over = raw.redirected || raw.status === 401;
    say(event.target, over ? "Your login is over. Reload the page to go on." : "The server does not answer as it should. What you see is from before; this page goes on by itself.");
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx) say(event.target, "The dashboard does not answer; trying again every few seconds.");
  });
  // What a person opened stays open, and what they mark stays marked.
  document.addEventListener("htmx:before:swap", (event) => {
    const marked = document.getSelection();
    if (marked && !marked.isCollapsed && event.target.contains(marked.anchorNode)) return event.preventDefault();
    const open = [...event.target.querySelectorAll("details")].map((one) => one.open);
    for (const { fragment } of event.detail.tasks) {
      const fresh = [...(fragment?.querySelectorAll("details") ?? [])];
      if (fresh.length === open.length) fresh.forEach((one, place) => (one.open ||= open[place]));
    }
  });
}
