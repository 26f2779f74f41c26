// Reads a text/event-stream as it comes in pieces. Pure: it holds what is not complete yet, and nothing else.
//
// The browser's own EventSource hides comments, which are the only sign of life on a quiet stream; without them a dead
// connection looks like a calm night.

export interface StreamEvent {
  name: string;
  data: string;
}

export class EventReader {
  #rest = '';

  /** Takes the next piece; gives the events that it completes. */
  take(piece: string): StreamEvent[] {
    const text = this.#rest + piece;
    // The second half of such an end of line may come with the next piece.
    const half = text.endsWith('\r') ? '\r' : '';
    const blocks = text.slice(0, text.length - half.length).replaceAll('\r\n', '\n').replaceAll('\r', '\n').split('\n\n');
    this.#rest = (blocks.pop() ?? '') + half;
    return blocks.map(read).filter((event) => event !== undefined);
  }
}

function read(block: string): StreamEvent | undefined {
  let name = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') name = value;
    if (field === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { name, data: data.join('\n') };
}
