/** Sizes of files in words. Pure. */

const UNITS = ["kB", "MB", "GB"];

/** Such as "12.3 MB". */
export function size(bytes) {
  let number = bytes / 1000;
  let unit = 0;
  for (; number >= 999.5 && unit < UNITS.length - 1; unit += 1) number /= 1000;
  return `${number.toFixed(number < 10 && unit > 0 ? 1 : 0)} ${UNITS[unit]}`;
}
