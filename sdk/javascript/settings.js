// What an operator can configure: JSON Schemas of the settings, and what is wrong with those that were given.

export const text = (options = {}) => ({ type: "string", ...options });
export const integer = (options = {}) => ({ type: "integer", ...options });
export const number = (options = {}) => ({ type: "number", ...options });
export const boolean = (options = {}) => ({ type: "boolean", ...options });
export const choice = (values, options = {}) => ({ type: "string", enum: values, ...options });
export const list = (items, options = {}) => ({ type: "array", items, ...options });
export const port = (options = {}) => integer({ minimum: 1, maximum: 65535, ...options });

/** The schema of all settings, of the schemas of each. What has no default has to be given. */
export function schemaOf(properties) {
    const required = Object.keys(properties).filter((key) => !("default" in properties[key]));
    return { type: "object", additionalProperties: false, required, properties };
}

/** The settings in a JSON document with the defaults filled in, and all that is wrong with them. */
export function read(properties, document) {
    const given = JSON.parse(document);
    if (given === null || typeof given !== "object" || Array.isArray(given)) {
        return { settings: {}, problems: [problem("", "must be an object")] };
    }
    const problems = [];
    for (const key of Object.keys(given)) {
        if (!(key in properties)) {
            problems.push(problem(`/${escaped(key)}`, `unknown; there are ${Object.keys(properties).join(", ")}`));
        }
    }
    const settings = {};
    for (const [key, schema] of Object.entries(properties)) {
        const at = `/${escaped(key)}`;
        if (key in given) {
            problems.push(...flaws(schema, given[key], at));
            settings[key] = given[key];
        } else if ("default" in schema) {
            settings[key] = schema.default;
        } else {
            problems.push(problem(at, `missing; it must be ${wanted(schema)}`));
        }
    }
    return { settings, problems };
}

const problem = (pointer, message) => ({ pointer, message });

/** A key within a JSON pointer (RFC 6901, section 3). */
const escaped = (key) => key.replaceAll("~", "~0").replaceAll("/", "~1");

function flaws(schema, value, at) {
    if (!fits(schema, value)) return [problem(at, `must be ${wanted(schema)}`)];
    if (schema.type !== "array" || !schema.items) return [];
    return value.flatMap((item, index) => flaws(schema.items, item, `${at}/${index}`));
}

function fits(schema, value) {
    switch (schema.type) {
        case "string":
            return (
                typeof value === "string" &&
                value.length >= (schema.minLength ?? 0) &&
                value.length <= (schema.maxLength ?? Infinity) &&
                (schema.enum === undefined || schema.enum.includes(value)) &&
                (schema.pattern === undefined || new RegExp(schema.pattern, "u").test(value))
            );
        case "integer":
        case "number":
            return (
                (schema.type === "integer" ? Number.isInteger(value) : typeof value === "number") &&
                value >= (schema.minimum ?? -Infinity) &&
                value <= (schema.maximum ?? Infinity)
            );
        case "boolean":
            return typeof value === "boolean";
        case "array":
            return Array.isArray(value) && value.length >= (schema.minItems ?? 0) && value.length <= (schema.maxItems ?? Infinity);
        default:
            return true;
    }
}

/** What a value should be, in words. */
function wanted({ type, minLength, enum: values, pattern, minimum, maximum, minItems }) {
    switch (type) {
        case "string":
            if (values) return `one of ${values.map((value) => `\`${value}\``).join(", ")}`;
            if (pattern) return `a text like ${pattern}`;
            return minLength ? "a text that is not empty" : "a text";
        case "integer":
        case "number": {
            const kind = type === "integer" ? "a whole number" : "a number";
            if (minimum !== undefined && maximum !== undefined) return `${kind} from ${minimum} to ${maximum}`;
            if (minimum !== undefined) return `${kind} of ${minimum} at least`;
            return maximum !== undefined ? `${kind} of ${maximum} at most` : kind;
        }
        case "boolean":
            return "true or false";
        case "array":
            return minItems ? `a list of ${minItems} or more` : "a list";
        default:
            return "something else";
    }
}
