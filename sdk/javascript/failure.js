// What ends a run before its verdict.

/** The target does not do what it is for. */
export class Unhealthy extends Error {
    /** @param {boolean} [permanent] whether trying again soon is pointless */
    constructor(message, permanent = false) {
        super(message);
        this.permanent = permanent;
    }
}

/** The check is not granted something. The runner adds the grant that the operator would have to write. */
export class Denied extends Error {}
