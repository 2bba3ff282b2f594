// A chart over time in the place of the drawing: props {series: [{label, points: [[seconds, value], ...]}], top,
// percent, span: [seconds, seconds], marks: [[seconds, kind, text], ...]}. Its style sheet is linked by the page.
import uPlot from "uplot";

const HEIGHT = 130;

// The canvas knows no variables and no light-dark(): the browser is asked what a colour is here.
function colours(place, names) {
  const probe = document.createElement("span");
  place.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

function marksOf(marks, colourOf) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.lineWidth = 2;
    ctx.setLineDash([4, 3]);
    for (const [at, kind] of marks) {
      const x = Math.round(plot.valToPos(at, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = colourOf[kind];
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };
}

// A moment on the axis: days where the steps are days, else the time of day.
function told(at, step) {
  const text = new Date(at * 1e3).toISOString();
  return step >= 86400 ? text.slice(5, 10) : text.slice(11, 16);
}

export default function chart(place, props) {
  const [soft, line, accent, ok, bad, link] = colours(place, ["soft", "line", "accent", "ok", "bad", "link"]);
  const data = [props.series[0].points.map((point) => point[0]), ...props.series.map((one) => one.points.map((point) => point[1]))];
  const text = (value) => (value == null ? "–" : props.percent ? `${(value * 100).toFixed(1)} %` : `${+value.toPrecision(3)}`);
  const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui" };
  const options = {
    width: Math.max(place.clientWidth, 100),
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "UTC"),
    cursor: { drag: { x: true, y: false }, points: { size: 5 } },
    scales: { ...(props.span ? { x: { range: () => props.span } } : {}), y: { range: (_, low, high) => [Math.min(0, low ?? 0), props.top ?? (high > 0 ? high * 1.05 : 1)] } },
    axes: [
      { ...axis, size: 30, space: 70, values: (_, times, __, ___, step) => times.map((at) => told(at, step)) },
      { ...axis, size: 48, values: (_, values) => values.map((value) => (props.percent ? `${value * 100} %` : value)) },
    ],
    series: [
      { label: "UTC", value: (_, at) => (at == null ? "–" : new Date(at * 1e3).toISOString().slice(0, 16).replace("T", " ")) },
      ...props.series.map((one) => ({ label: one.label, stroke: accent, width: 1.5, spanGaps: false, points: { size: 4 }, value: (_, value) => text(value) })),
    ],
    hooks: { drawSeries: props.marks?.length ? [marksOf(props.marks, { applied: ok, slower: bad, plan: link })] : [] },
  };
  const drawn = document.createElement("div");
  const plot = new uPlot(options, data, drawn);
  place.replaceChildren(drawn);
  new ResizeObserver(() => plot.setSize({ width: Math.max(place.clientWidth, 100), height: HEIGHT })).observe(place);
}
