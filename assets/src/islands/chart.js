// A chart over time: props {series: [{label, points: [[seconds, value], ...]}], unit}. Replaces the drawing inside.
import uPlot from "uplot";

export default function chart(place, props) {
  const times = props.series[0].points.map((point) => point[0]);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  const data = [times, ...props.series.map((one) => one.points.map((point) => point[1]))];
  const stroke = { stroke: colour("--soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") } };
  const options = {
    width: place.clientWidth,
    height: 180,
    cursor: { drag: { x: true, y: false } },
    axes: [stroke, { ...stroke, size: 60 }],
    series: [{}, ...props.series.map((one) => ({ label: one.label, stroke: colour("--accent"), width: 1.5, spanGaps: false }))],
  };
  const drawn = document.createElement("div");
  const plot = new uPlot(options, data, drawn);
  place.replaceChildren(drawn);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: 180 })).observe(place);
}
