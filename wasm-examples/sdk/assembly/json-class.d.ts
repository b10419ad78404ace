// For editors only: the compiler gets these decorators from a transform.

/** Lets `decode` and `encode` read and write the class as JSON. */
declare function json(target: abstract new (...args: never[]) => unknown): void

/** The name of a member in JSON, when it differs from its name in the class. */
declare function key(name: string): (target: object, member: string) => void
