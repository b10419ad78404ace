// For editors: the compiler knows these decorators by a transform.

/** Lets `decode` and `encode` read and write the class as JSON. */
declare function json(target: abstract new (...args: never[]) => unknown): void

/** The name of a member in JSON, where it is another one than in the class. */
declare function key(name: string): (target: object, member: string) => void
