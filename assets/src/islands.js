// The islands by name; each is a chunk of its own.
export const islands = {
  chart: () => import("./islands/chart.js"),
};
