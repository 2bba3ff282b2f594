// The page inside the frame: asks the page around it for a plan and draws it.
import "./viewer.css";
import { createApp, h } from "vue";
import { Plan } from "pev2";

// The library puts names and conditions into its HTML as they are: what would begin a tag gets a space that nobody sees.
const untagged = (text) => text?.replace(/<(?=[a-z/!?])/gi, "<\u200b");

window.addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== window.parent) return;
  const { plan, query } = event.data ?? {};
  if (typeof plan !== "string") return; // somebody else's message
  createApp({ render: () => h(Plan, { planSource: untagged(plan), planQuery: untagged(query) }) }).mount("#plan");
});
window.parent.postMessage("ready", location.origin);
