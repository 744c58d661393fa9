// Growth over time or over requests, as a straight line through samples.

export interface Sample {
  x: number;
  y: number;
}

/** slope of the least-squares line; 0 for fewer than two different x */
export function slopeOf(samples: readonly Sample[]): number {
  const count = samples.length;
  const meanX = samples.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = samples.reduce((sum, { y }) => sum + y, 0) / count;
  let covariance = 0;
  let variance = 0;
  for (const { x, y } of samples) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  return variance === 0 || count === 0 ? 0 : covariance / variance;
}
