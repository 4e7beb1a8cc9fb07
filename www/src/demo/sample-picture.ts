const WIDTH = 640;
const HEIGHT = 480;

const between = (low: number, high: number): number => low + Math.random() * (high - low);

/** A PNG of a door in a wall at some hour of the day; no two are the same. */
export async function samplePicture(): Promise<File> {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("this browser draws no canvas");

  const wall = between(0, 360);
  const light = between(58, 86);
  const door = (wall + between(120, 240)) % 360;
  pen.fillStyle = `oklch(${light}% 0.06 ${wall})`;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = `oklch(${light - 14}% 0.05 ${wall})`;
  pen.fillRect(0, 408, WIDTH, HEIGHT);

  const width = between(150, 210);
  const left = between(120, WIDTH - 120 - width);
  drawDoor(pen, left, width, between(90, 150), door);

  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("this browser writes no PNG");
  return new File([blob], "door.png", { type: "image/png" });
}

function drawDoor(pen: CanvasRenderingContext2D, left: number, width: number, top: number, hue: number): void {
  const height = 408 - top;
  pen.fillStyle = `oklch(92% 0.02 ${hue})`;
  pen.fillRect(left - 14, top - 14, width + 28, height + 14);
  pen.fillStyle = `oklch(46% 0.11 ${hue})`;
  pen.fillRect(left, top, width, height);
  pen.fillStyle = `oklch(40% 0.1 ${hue})`;
  for (const panel of [0.08, 0.55]) {
    pen.fillRect(left + width * 0.14, top + height * panel, width * 0.72, height * 0.36);
  }
  pen.fillStyle = "oklch(80% 0.13 82)";
  pen.beginPath();
  pen.arc(left + width * 0.9, top + height * 0.5, 7, 0, Math.PI * 2);
  pen.fill();
}
