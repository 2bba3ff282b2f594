// A plan drawn in a frame of its own, as its library's style sheet would change the page: props {plan, query, address}.
export default function plan(place, props) {
  place.addEventListener("toggle", () => {
    if (!place.open || place.querySelector("iframe")) return;
    const frame = document.createElement("iframe");
    frame.title = "Plan";
    frame.src = props.address;
    window.addEventListener("message", (event) => {
      if (event.source !== frame.contentWindow || event.data !== "ready") return;
      frame.contentWindow.postMessage({ plan: props.plan, query: props.query }, location.origin);
    });
    place.append(frame);
  });
}
