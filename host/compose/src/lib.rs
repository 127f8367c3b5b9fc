//! Makes one probe of two components: a probe for all targets of a kind, which imports an adapter interface of the contract, and
//! an adapter for one of them, which exports it.
//!
//! What comes of it imports what either does beside that, and exports what the probe does.

use thiserror::Error;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId, plug, types::Package};

/// The interfaces that adapters export, without their versions.
pub const ADAPTERS: [&str; 3] = ["probity:probe/database", "probity:probe/dht", "probity:probe/pubsub"];

/// Why two components can't be composed.
#[derive(Debug, Error)]
pub enum Error {
    /// One of the two is no component.
    #[error("the {which} is not a component that can be read: {why}")]
    Unreadable {
        /// `probe` or `adapter`.
        which: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The first imports no adapter interface.
    #[error(
        "the probe imports none of {}: it needs no adapter, and runs as it is",
        ADAPTERS.join(", ")
    )]
    NeedsNone,
    /// The second exports no adapter interface.
    #[error("the adapter exports none of {}: it is none", ADAPTERS.join(", "))]
    NoAdapter,
    /// The second exports another interface than the first imports, or another version of it.
    #[error("the probe imports {wanted}, and the adapter exports {offered}: give an adapter that exports it")]
    Mismatch {
        /// What the first imports.
        wanted: String,
        /// What the second exports.
        offered: String,
    },
    /// They fit by name, and not by type.
    #[error("the two do not fit: {0}")]
    Unfit(String),
}

/// Makes one component of a probe and an adapter for it.
///
/// # Errors
///
/// If either is not what it should be, or they do not fit.
pub fn compose(probe: &[u8], adapter: &[u8]) -> Result<Vec<u8>, Error> {
    let mut graph = CompositionGraph::new();
    let probe = register(&mut graph, "probe", probe)?;
    let adapter = register(&mut graph, "adapter", adapter)?;

    let wanted = adapters(graph.types()[graph[probe].ty()].imports.keys()).ok_or(Error::NeedsNone)?;
    let offered = adapters(graph.types()[graph[adapter].ty()].exports.keys()).ok_or(Error::NoAdapter)?;
    if !wanted.iter().all(|interface| offered.contains(interface)) {
        return Err(Error::Mismatch { wanted: wanted.join(", "), offered: offered.join(", ") });
    }

    let unfit = |error: &dyn std::error::Error| Error::Unfit(chain(error));
    plug(&mut graph, vec![adapter], probe).map_err(|error| unfit(&error))?;
    graph.encode(EncodeOptions::default()).map_err(|error| unfit(&error))
}

fn register(graph: &mut CompositionGraph, which: &'static str, bytes: &[u8]) -> Result<PackageId, Error> {
    let package = Package::from_bytes(which, None, bytes, graph.types_mut())
        .map_err(|error| Error::Unreadable { which, why: format!("{error:#}") })?;
    graph.register_package(package).map_err(|error| Error::Unfit(error.to_string()))
}

/// The adapter interfaces among the names; `None` if there are none.
fn adapters<'a>(names: impl Iterator<Item = &'a String>) -> Option<Vec<String>> {
    let is_adapter = |name: &&String| name.split_once('@').is_some_and(|(interface, _)| ADAPTERS.contains(&interface));
    let found: Vec<String> = names.filter(is_adapter).cloned().collect();
    (!found.is_empty()).then_some(found)
}

/// An error with what it came of.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told += &format!(": {error}");
        source = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    fn probe() -> Vec<u8> {
        component(
            r#"(component
                (import "probity:probe/dht@0.1.0" (instance $dht (export "peer" (func (result u32)))))
                (alias export $dht "peer" (func $peer))
                (core func $lowered (canon lower (func $peer)))
                (core module $m
                    (import "dht" "peer" (func $peer (result i32)))
                    (func (export "check") (result i32) (call $peer)))
                (core instance $i (instantiate $m (with "dht" (instance (export "peer" (func $lowered))))))
                (func $check (result u32) (canon lift (core func $i "check")))
                (instance $checker (export "check" (func $check)))
                (export "probity:probe/checker@0.1.0" (instance $checker)))"#,
        )
    }

    fn adapter(interface: &str, result: &str) -> Vec<u8> {
        component(&format!(
            r#"(component
                (core module $m (func (export "peer") (result i32) (i32.const 7)))
                (core instance $i (instantiate $m))
                (func $peer (result {result}) (canon lift (core func $i "peer")))
                (instance $dht (export "peer" (func $peer)))
                (export "{interface}" (instance $dht)))"#
        ))
    }

    #[test]
    fn what_fits_becomes_one() {
        let both = compose(&probe(), &adapter("probity:probe/dht@0.1.0", "u32")).unwrap();
        let mut graph = CompositionGraph::new();
        let both = register(&mut graph, "probe", &both).unwrap();
        let world = &graph.types()[graph[both].ty()];
        assert_eq!(world.imports.len(), 0);
        assert_eq!(world.exports.keys().collect::<Vec<_>>(), ["probity:probe/checker@0.1.0"]);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let fits = adapter("probity:probe/dht@0.1.0", "u32");
        let told = |probe: &[u8], adapter: &[u8]| compose(probe, adapter).unwrap_err().to_string();
        assert!(told(b"nothing", &fits).starts_with("the probe is not a component that can be read: "));
        assert!(told(&probe(), b"\0asm\x01\0\0\0").starts_with("the adapter is not a component that can be read: "));
        assert!(told(&fits, &fits).starts_with("the probe imports none of probity:probe/database, "));
        assert!(told(&probe(), &probe()).starts_with("the adapter exports none of probity:probe/database, "));
        assert_eq!(
            told(&probe(), &adapter("probity:probe/pubsub@0.1.0", "u32")),
            "the probe imports probity:probe/dht@0.1.0, and the adapter exports probity:probe/pubsub@0.1.0: \
             give an adapter that exports it"
        );
        let unfit = told(&probe(), &adapter("probity:probe/dht@0.1.0", "s32"));
        assert!(unfit.starts_with("the two do not fit: "), "{unfit}");
    }
}
