/** Paths of the health checks: 200 means yes, 503 means no. */
export const HEALTH = {
  /** The process answers. */
  live: '/health/live',
  /** It can do its work right now. */
  ready: '/health/ready',
  /** It could do its work at least once. If it can not any more, its answer to each client says why. */
  started: '/health/started',
} as const
