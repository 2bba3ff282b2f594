// The page inside the frame: asks the page around it for a plan and draws it.
import "./viewer.css";
import { createApp, h } from "vue";
import { Plan } from "pev2";

window.addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== window.parent) return;
  const { plan, query } = event.data ?? {};
  if (typeof plan !== "string") return; // somebody else's message
  createApp({ render: () => h(Plan, { planSource: plan, planQuery: query }) }).mount("#plan");
});
window.parent.postMessage("ready", location.origin);
