/** Paths that tell how a process is; 200 for yes, 503 for no. */
export const HEALTH = {
  /** It answers. */
  live: '/health/live',
  /** It can do its work right now. */
  ready: '/health/ready',
  /** It could do its work once; what is in its way since then it tells each client. */
  started: '/health/started',
} as const
