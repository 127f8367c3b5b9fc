//! The SDK for probes in Rust: part of this program, and laid out beside the probe, as it is in no registry.

/// Its manifest, as it is within its workspace, and that of its macros.
const MANIFEST: &str = include_str!("../../../../probes/sdk/Cargo.toml");
const MANIFEST_OF_MACROS: &str = include_str!("../../../../probes/sdk/macros/Cargo.toml");

/// What its manifest takes from its workspace, and what stands there; one that has another in it comes first.
const OF_WORKSPACE: [(&str, &str); 6] = [
    ("rust-version.workspace = true", "rust-version = \"1.95\""),
    ("version.workspace = true", "version = \"0.1.0\""),
    ("edition.workspace = true", "edition = \"2024\""),
    ("license.workspace = true", "license = \"Apache-2.0\""),
    ("publish.workspace = true", "publish = false"),
    ("[lints]\nworkspace = true\n\n", ""),
];

/// Its sources.
const SOURCES: [(&str, &str); 72] = [
    ("macros/src/checker.rs", include_str!("../../../../probes/sdk/macros/src/checker.rs")),
    ("macros/src/input.rs", include_str!("../../../../probes/sdk/macros/src/input.rs")),
    ("macros/src/lib.rs", include_str!("../../../../probes/sdk/macros/src/lib.rs")),
    ("macros/src/settings.rs", include_str!("../../../../probes/sdk/macros/src/settings.rs")),
    ("src/adapter.rs", include_str!("../../../../probes/sdk/src/adapter.rs")),
    ("src/adapter/database.rs", include_str!("../../../../probes/sdk/src/adapter/database.rs")),
    ("src/adapter/dht.rs", include_str!("../../../../probes/sdk/src/adapter/dht.rs")),
    ("src/adapter/pubsub.rs", include_str!("../../../../probes/sdk/src/adapter/pubsub.rs")),
    ("src/attempt.rs", include_str!("../../../../probes/sdk/src/attempt.rs")),
    ("src/base64.rs", include_str!("../../../../probes/sdk/src/base64.rs")),
    ("src/bindings.rs", include_str!("../../../../probes/sdk/src/bindings.rs")),
    ("src/certificate.rs", include_str!("../../../../probes/sdk/src/certificate.rs")),
    ("src/clock.rs", include_str!("../../../../probes/sdk/src/clock.rs")),
    ("src/comparison.rs", include_str!("../../../../probes/sdk/src/comparison.rs")),
    ("src/comparison/judge.rs", include_str!("../../../../probes/sdk/src/comparison/judge.rs")),
    ("src/comparison/reading.rs", include_str!("../../../../probes/sdk/src/comparison/reading.rs")),
    ("src/connector.rs", include_str!("../../../../probes/sdk/src/connector.rs")),
    ("src/contract.rs", include_str!("../../../../probes/sdk/src/contract.rs")),
    ("src/conversation.rs", include_str!("../../../../probes/sdk/src/conversation.rs")),
    ("src/cut.rs", include_str!("../../../../probes/sdk/src/cut.rs")),
    ("src/derived.rs", include_str!("../../../../probes/sdk/src/derived.rs")),
    ("src/error.rs", include_str!("../../../../probes/sdk/src/error.rs")),
    ("src/expected.rs", include_str!("../../../../probes/sdk/src/expected.rs")),
    ("src/findings.rs", include_str!("../../../../probes/sdk/src/findings.rs")),
    ("src/fuzzing.rs", include_str!("../../../../probes/sdk/src/fuzzing.rs")),
    ("src/fuzzing/machine.rs", include_str!("../../../../probes/sdk/src/fuzzing/machine.rs")),
    ("src/fuzzing/world.rs", include_str!("../../../../probes/sdk/src/fuzzing/world.rs")),
    ("src/generic.rs", include_str!("../../../../probes/sdk/src/generic.rs")),
    ("src/heap.rs", include_str!("../../../../probes/sdk/src/heap.rs")),
    ("src/hook.rs", include_str!("../../../../probes/sdk/src/hook.rs")),
    ("src/http.rs", include_str!("../../../../probes/sdk/src/http.rs")),
    ("src/http/nonblocking.rs", include_str!("../../../../probes/sdk/src/http/nonblocking.rs")),
    ("src/icmp.rs", include_str!("../../../../probes/sdk/src/icmp.rs")),
    ("src/json.rs", include_str!("../../../../probes/sdk/src/json.rs")),
    ("src/json/parts.rs", include_str!("../../../../probes/sdk/src/json/parts.rs")),
    ("src/json/pointer.rs", include_str!("../../../../probes/sdk/src/json/pointer.rs")),
    ("src/lib.rs", include_str!("../../../../probes/sdk/src/lib.rs")),
    ("src/limits.rs", include_str!("../../../../probes/sdk/src/limits.rs")),
    ("src/more_bindings/connector.rs", include_str!("../../../../probes/sdk/src/more_bindings/connector.rs")),
    (
        "src/more_bindings/database_adapter.rs",
        include_str!("../../../../probes/sdk/src/more_bindings/database_adapter.rs"),
    ),
    ("src/more_bindings/database_probe.rs", include_str!("../../../../probes/sdk/src/more_bindings/database_probe.rs")),
    ("src/more_bindings/dht_adapter.rs", include_str!("../../../../probes/sdk/src/more_bindings/dht_adapter.rs")),
    ("src/more_bindings/dht_probe.rs", include_str!("../../../../probes/sdk/src/more_bindings/dht_probe.rs")),
    ("src/more_bindings/hook.rs", include_str!("../../../../probes/sdk/src/more_bindings/hook.rs")),
    ("src/more_bindings/pubsub_adapter.rs", include_str!("../../../../probes/sdk/src/more_bindings/pubsub_adapter.rs")),
    ("src/more_bindings/pubsub_probe.rs", include_str!("../../../../probes/sdk/src/more_bindings/pubsub_probe.rs")),
    ("src/net.rs", include_str!("../../../../probes/sdk/src/net.rs")),
    ("src/net/nonblocking.rs", include_str!("../../../../probes/sdk/src/net/nonblocking.rs")),
    ("src/nonblocking.rs", include_str!("../../../../probes/sdk/src/nonblocking.rs")),
    ("src/pattern.rs", include_str!("../../../../probes/sdk/src/pattern.rs")),
    ("src/probe.rs", include_str!("../../../../probes/sdk/src/probe.rs")),
    ("src/reader.rs", include_str!("../../../../probes/sdk/src/reader.rs")),
    ("src/schema.rs", include_str!("../../../../probes/sdk/src/schema.rs")),
    ("src/scram.rs", include_str!("../../../../probes/sdk/src/scram.rs")),
    ("src/secrets.rs", include_str!("../../../../probes/sdk/src/secrets.rs")),
    ("src/settings.rs", include_str!("../../../../probes/sdk/src/settings.rs")),
    ("src/settings/endpoint.rs", include_str!("../../../../probes/sdk/src/settings/endpoint.rs")),
    ("src/settings/host.rs", include_str!("../../../../probes/sdk/src/settings/host.rs")),
    ("src/settings/size.rs", include_str!("../../../../probes/sdk/src/settings/size.rs")),
    ("src/stream.rs", include_str!("../../../../probes/sdk/src/stream.rs")),
    ("src/stream/nonblocking.rs", include_str!("../../../../probes/sdk/src/stream/nonblocking.rs")),
    ("src/system.rs", include_str!("../../../../probes/sdk/src/system.rs")),
    ("src/tcp.rs", include_str!("../../../../probes/sdk/src/tcp.rs")),
    ("src/tcp/nonblocking.rs", include_str!("../../../../probes/sdk/src/tcp/nonblocking.rs")),
    ("src/testing.rs", include_str!("../../../../probes/sdk/src/testing.rs")),
    ("src/text.rs", include_str!("../../../../probes/sdk/src/text.rs")),
    ("src/tls.rs", include_str!("../../../../probes/sdk/src/tls.rs")),
    ("src/tls/nonblocking.rs", include_str!("../../../../probes/sdk/src/tls/nonblocking.rs")),
    ("src/udp.rs", include_str!("../../../../probes/sdk/src/udp.rs")),
    ("src/udp/nonblocking.rs", include_str!("../../../../probes/sdk/src/udp/nonblocking.rs")),
    ("src/url.rs", include_str!("../../../../probes/sdk/src/url.rs")),
    ("src/wire.rs", include_str!("../../../../probes/sdk/src/wire.rs")),
];

/// All its files.
pub(super) fn files() -> impl Iterator<Item = (&'static str, String)> {
    let sources = SOURCES.iter().map(|(name, text)| (*name, (*text).to_owned()));
    let manifests = [("Cargo.toml", MANIFEST), ("macros/Cargo.toml", MANIFEST_OF_MACROS)];
    manifests.into_iter().map(|(name, text)| (name, by_itself(text))).chain(sources)
}

/// A manifest, without a workspace around it.
fn by_itself(manifest: &str) -> String {
    let replace = |text: String, (of_workspace, own): &(&str, &str)| text.replace(of_workspace, own);
    OF_WORKSPACE.iter().fold(manifest.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    #[test]
    fn all_of_it_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes/sdk");
        let (mut found, mut folders) = (BTreeSet::new(), vec![PathBuf::from("src"), PathBuf::from("macros/src")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(root.join(&folder)).unwrap().map(Result::unwrap) {
                let path = folder.join(entry.file_name());
                if entry.file_type().unwrap().is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.display().to_string());
                }
            }
        }
        assert_eq!(found, SOURCES.map(|(name, _)| name.to_owned()).into());
    }

    #[test]
    fn its_manifest_stands_by_itself() {
        for manifest in [MANIFEST, MANIFEST_OF_MACROS].map(by_itself) {
            assert!(!manifest.contains("workspace"), "{manifest}");
        }
        let workspace = include_str!("../../../../probes/Cargo.toml");
        for (_, own) in OF_WORKSPACE {
            assert!(workspace.contains(own), "{own}");
        }
    }
}
