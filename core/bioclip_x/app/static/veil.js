// A heat map over a photo: dark where a text's similarity does not come from, clear where it does, faintly golden at its most.

const CLEAR = 0.6, DARK = [26, 20, 14], GOLD = [255, 190, 40], EVEN = 0.3;

function colour(level) {
  return level < CLEAR
    ? [...DARK, 255 * 0.84 * (1 - level / CLEAR) ** 0.8]
    : [...GOLD, (255 * 0.3 * (level - CLEAR)) / (1 - CLEAR)];
}

/** spread: how far the highest patch of the image's texts lies above the mean of its map; all maps share this scale. */
export function makeVeil(map, spread) {
  const rows = map.values_hw, values = rows.flat();
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const canvas = document.createElement("canvas");
  canvas.width = rows[0].length;
  canvas.height = rows.length;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, place) => {
    const level = Math.min(1, Math.max(0, EVEN + ((1 - EVEN) * (value - mean)) / (spread || 1)));
    pixels.data.set(colour(level), 4 * place);
  });
  context.putImageData(pixels, 0, 0);
  const [left, top, right, bottom] = map.box.map((edge) => 100 * edge);
  canvas.className = "veil typed-veil";
  canvas.setAttribute("aria-hidden", "true");
  Object.assign(canvas.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
  return canvas;
}

/** Lays a veil over the photo of a frame, in place of another; null takes it away. */
export function lay(frame, veil) {
  frame?.querySelectorAll(".typed-veil").forEach((one) => one.remove());
  if (frame && veil) frame.append(veil);
}
