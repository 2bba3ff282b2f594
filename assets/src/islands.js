// The islands by name; each is a chunk of its own.
export const islands = {
  editor: () => import("./islands/editor.js"),
  grid: () => import("./islands/grid.js"),
  plan: () => import("./islands/plan.js"),
  chart: () => import("./islands/chart.js"),
  timezone: () => import("./islands/timezone.js"),
};
