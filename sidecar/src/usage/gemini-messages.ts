// Usage of Gemini's Live API, told in its messages.
import { type JsonObject, JsonPathScanner } from './json-path-scanner.ts';
import type { MessageUsage } from './message-usage.ts';
import { addCounts, type TokenCounts } from './token-counts.ts';
import { UntoldUsage } from './untold-usage.ts';
import { countsOf, readUsage, type UsageFields } from './usage-fields.ts';
import { ASKING_PATHS, MESSAGE_PATHS } from './usage-paths.ts';

/**
 * Live reports by turn, on any of a turn's messages, mostly on the one that completes it. So the last report of a turn stands
 * until the server speaks again after the turn was complete.
 */
export function createGeminiMessages(): MessageUsage {
  let done: TokenCounts | undefined;
  let turn: UsageFields = {};
  let isTurnComplete = false;
  const seen = new Set<string>();
  let usage: JsonObject | undefined;
  /** something was asked or said that no report covers */
  let isPending = false;
  const untold = new UntoldUsage();
  const scanner = new JsonPathScanner(MESSAGE_PATHS.Gemini, {
    object: (_, found) => void (usage = found),
    presence: (name) => void seen.add(name),
  });
  const askedOf = new Set<string>();
  const asking = new JsonPathScanner(ASKING_PATHS.Gemini, { presence: (name) => void askedOf.add(name) });
  const counts = (): TokenCounts | undefined => addCounts(done, countsOf('Gemini', turn));
  return {
    observe(text) {
      seen.clear();
      usage = undefined;
      const before = scanner.textBytes;
      scanner.reset();
      scanner.feed(text);
      if (seen.size > 0 && isTurnComplete) {
        done = addCounts(done, countsOf('Gemini', turn));
        turn = {};
        isTurnComplete = false;
      }
      const words = scanner.textBytes - before;
      if (seen.has('toolCall')) untold.said({ text: text.length, media: 0 });
      // What is no text in it is sound.
      else if (seen.has('serverContent.modelTurn')) untold.said({ text: words, media: text.length - words });
      isPending ||= untold.isAnswered;
      if (usage !== undefined) {
        readUsage('Gemini', usage, turn);
        untold.clear();
        isPending = false;
      }
      if (seen.has('serverContent.turnComplete')) isTurnComplete = true;
    },
    asked(text) {
      askedOf.clear();
      const before = asking.textBytes;
      asking.reset();
      asking.feed(text);
      const media = asking.textBytes - before;
      untold.asked({ text: text.length - media, media });
      // A setup asks for nothing yet, nor does an open microphone.
      const isSound = media > 0 && (askedOf.has('realtimeInput') || askedOf.has('realtime_input'));
      if (!askedOf.has('setup') && !isSound) isPending = true;
    },
    counts,
    estimate: () => (isPending ? addCounts(counts(), untold.counts()) : counts()),
    // The client names it, in its setup message.
    model: () => undefined,
  };
}
