/** Colours of an indexed PNG by id: its PLTE chunk, or greys. */
function palette(bytes) {
  const view = new DataView(bytes.buffer);
  for (let k = 8; k + 8 <= bytes.length; k += 12 + view.getUint32(k)) {
    if (String.fromCharCode(...bytes.subarray(k + 4, k + 8)) === "PLTE") {
      const colours = bytes.subarray(k + 8, k + 8 + view.getUint32(k));
      return id => [...colours.subarray(3 * id, 3 * id + 3)];
    }
  }
  return id => [id, id, id];
}

/** A mask's PNG as a canvas whose background is clear, with the share of each id's pixels. */
async function readMask(bytes) {
  const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}),
                                        {premultiplyAlpha: "none", colorSpaceConversion: "none"});
  const objects = new OffscreenCanvas(image.width, image.height), brush = objects.getContext("2d");
  brush.drawImage(image, 0, 0);
  const pixels = brush.getImageData(0, 0, image.width, image.height), cells = new DataView(pixels.data.buffer);
  const colour = palette(bytes), counts = new Map();
  const key = ([red, green, blue]) => (red << 24 | green << 16 | blue << 8 | 255) >>> 0, background = key(colour(0));
  for (let k = 0, start = 0; k < pixels.data.length; k = start) {         // a run of one colour at a time
    const here = cells.getUint32(k);
    while (start < pixels.data.length && cells.getUint32(start) === here) {
      if (here === background) pixels.data[start + 3] = 0;
      start += 4;
    }
    counts.set(here, (counts.get(here) || 0) + (start - k) / 4);
  }
  brush.putImageData(pixels, 0, 0);
  return {objects, colour, share: id => (counts.get(key(colour(id))) || 0) / (image.width * image.height)};
}
