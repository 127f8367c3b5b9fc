// Has Node find the world of the tests where a component finds WASI.

export async function resolve(specifier, context, next) {
    if (!specifier.startsWith("wasi:")) return next(specifier, context);
    return { url: specifier, shortCircuit: true };
}

export async function load(url, context, next) {
    if (!url.startsWith("wasi:")) return next(url, context);
    const [name] = url.split("@");
    const world = new URL("world.js", import.meta.url).href;
    const source = `import { modules } from ${JSON.stringify(world)}; export default modules[${JSON.stringify(name)}];`;
    return { format: "module", source, shortCircuit: true };
}
