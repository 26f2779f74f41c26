// Counts with their noun.

const grouped = new Intl.NumberFormat('en-GB');

/** `1,203 readings`, `1 reading`. */
export function count(of: number, one: string, many = `${one}s`): string {
  return `${grouped.format(of)} ${of === 1 ? one : many}`;
}
