// How long everything takes: a full run, whose figures are kept, and a quick one, which shows that everything works.

/** durations and counts of a run */
export interface Pace {
  /** measured rounds; each goes once through all targets */
  rounds: number;
  /** rounds of scenarios that are long, or whose figures are steady */
  fewRounds: number;
  /** load before the first measurement, for compilers and connections */
  warmUpMs: number;
  /** one request at a time */
  latencyMs: number;
  /** many at a time */
  throughputMs: number;
  /** events of open streams */
  streamsMs: number;
  /** until events count, after streams were opened */
  streamsSettleMs: number;
  /** between the last load and the last look at memory */
  memorySettleMs: number;
  /** of a round of one stage */
  stageMs: number;
  stageRounds: number;
}

export const FULL: Pace = {
  rounds: 4,
  fewRounds: 2,
  warmUpMs: 1500,
  latencyMs: 800,
  throughputMs: 2500,
  streamsMs: 2000,
  streamsSettleMs: 400,
  memorySettleMs: 60_000,
  stageMs: 40,
  stageRounds: 15,
};

export const QUICK: Pace = {
  rounds: 1,
  fewRounds: 1,
  warmUpMs: 200,
  latencyMs: 150,
  throughputMs: 350,
  streamsMs: 400,
  streamsSettleMs: 150,
  memorySettleMs: 2000,
  stageMs: 5,
  stageRounds: 5,
};
