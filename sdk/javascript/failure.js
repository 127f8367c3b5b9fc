// What ends a run before its verdict.

/** The target does not do what it is for. */
export class Unhealthy extends Error {
    /** @param {boolean} [permanent] whether trying again soon is pointless */
    constructor(message, permanent = false) {
        super(message);
        this.permanent = permanent;
    }
}

/** Nothing is known of the target: the probe or its runner could not do its part. */
export class Failed extends Error {}

/** The check is not granted something. The runner adds the grant that the operator would have to write. */
export class Denied extends Error {}
