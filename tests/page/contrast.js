// The texts in sight whose contrast is too low (WCAG 2.2, 1.4.3), each with its ratio.
const light = (text) => {
  const [r, g, b] = text.match(/[\d.]+/g).map(Number).map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const plain = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const ground = (element) => {
  let layers = [];
  for (let e = element; e; e = e.parentElement) {
    const [r, g, b, a] = plain(getComputedStyle(e).backgroundColor);
    layers.push([r, g, b, a / 255]);
    if (a === 255) break;
  }
  return layers.reverse().reduce((under, [r, g, b, a]) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a)), [255, 255, 255]);
};
const found = [];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const box = element.getBoundingClientRect();
  if (!own || !box.width || !box.height || element.closest(":disabled, .skip, .hidden, svg, option, noscript")) continue;
  const style = getComputedStyle(element);
  if (style.visibility === "hidden") continue;
  const a = light(`rgb(${plain(style.color).slice(0, 3)})`), b = light(`rgb(${ground(element)})`);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) found.push(`${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
}
return found;
