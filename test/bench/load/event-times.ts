// Reads out of a stream of server-sent events when each of them was sent: the bench's upstream writes the time into the text.

/** stands before and after the time, in `µs`; 16 digits */
export const TIME_MARK = '@';

const EVENT_END = '\n\n';

/**
 * calls `event` for each whole event that holds a time
 *
 * @returns takes the body of an answer, split anywhere
 */
export function createEventReader(event: (sentUs: number) => void): (bytes: Buffer) => void {
  let text = '';
  return (bytes) => {
    text += bytes.toString('latin1');
    let at = 0;
    for (let end = text.indexOf(EVENT_END); end !== -1; end = text.indexOf(EVENT_END, at)) {
      const mark = text.indexOf(TIME_MARK, at);
      if (mark !== -1 && mark < end) {
        event(Number(text.slice(mark + 1, text.indexOf(TIME_MARK, mark + 1))));
      }
      at = end + EVENT_END.length;
    }
    text = text.slice(at);
  };
}
