// The outlines of the land as one path for server-made maps, in Miller's projection (R. M. Miller, 1942): the server
// puts its points into the same frame, whose limits stand beside the path.
import { feature } from "topojson-client";
import { readFileSync } from "node:fs";

const frame = { width: 960, north: 78, south: -56 };
const scale = frame.width / (2 * Math.PI);
const miller = (latitude) => 1.25 * Math.log(Math.tan(Math.PI / 4 + (0.4 * latitude * Math.PI) / 180));
const height = Math.round((miller(frame.north) - miller(frame.south)) * scale);

function outline(ring) {
  if (ring.every(([, latitude]) => latitude < frame.south)) return ""; // Antarctica
  const points = [];
  let turns = 0; // what goes on behind the date line is drawn on both sides of the frame, which cuts it
  let before = null;
  for (const [longitude, latitude] of ring) {
    if (before !== null && Math.abs(longitude - before) > 180) turns += longitude < before ? 1 : -1;
    before = longitude;
    const kept = Math.min(Math.max(latitude, frame.south), frame.north);
    const x = Math.round(((longitude + 180) / 360 + turns) * frame.width * 2) / 2;
    const y = Math.round((miller(frame.north) - miller(kept)) * scale * 2) / 2;
    const last = points.at(-1);
    if (!last || last[0] !== x || last[1] !== y) points.push([x, y]);
  }
  const xs = points.map((one) => one[0]);
  const ys = points.map((one) => one[1]);
  if (Math.max(...ys) - Math.min(...ys) < 1.5 && Math.max(...xs) - Math.min(...xs) < 1.5) return "";
  const [first, ...rest] = points;
  let [x, y] = first;
  let path = "";
  for (const [nextX, nextY] of rest) {
    path += `l${nextX - x} ${nextY - y}`;
    [x, y] = [nextX, nextY];
  }
  const shifts = [0, Math.max(...xs) > frame.width ? -frame.width : 0, Math.min(...xs) < 0 ? frame.width : 0];
  return [...new Set(shifts)].map((shift) => `M${first[0] + shift} ${first[1]}${path}z`).join("");
}

// What goes into the file for the server.
export function world() {
  const found = new URL(import.meta.resolve("world-atlas/land-110m.json"));
  const atlas = JSON.parse(readFileSync(found, "utf8"));
  const land = feature(atlas, atlas.objects.land);
  const polygons = land.features.flatMap((one) =>
    one.geometry.type === "Polygon" ? [one.geometry.coordinates] : one.geometry.coordinates,
  );
  const path = polygons.flatMap((rings) => rings.map(outline)).join("");
  return JSON.stringify({ ...frame, height, path });
}
