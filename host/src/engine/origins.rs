//! What a component's file says of where it comes from: the `producers` sections of its modules.

use std::collections::BTreeMap;

use wasmparser::{BinaryReaderError, KnownCustom, Parser, Payload};

/// What a component was made of and by: for each field (`language`, `processed-by`, `sdk`) the names, each with a version that may
/// be empty (<https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>).
pub type Producers = BTreeMap<String, BTreeMap<String, String>>;

/// What the component and all modules in it say. Whoever made it may have said anything, and what can't be read is left out.
#[must_use]
pub fn producers(bytes: &[u8]) -> Producers {
    let mut found = Producers::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { break };
        if let Payload::CustomSection(section) = payload
            && let KnownCustom::Producers(section) = section.as_known()
        {
            // What it says before it can't be read any further still counts.
            let _ = add(section, &mut found);
        }
    }
    found
}

fn add(section: wasmparser::ProducersSectionReader<'_>, found: &mut Producers) -> Result<(), BinaryReaderError> {
    for field in section {
        let field = field?;
        let names = found.entry(field.name.to_owned()).or_default();
        for value in field.values {
            let value = value?;
            names.insert(value.name.to_owned(), value.version.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = r#"(component
        (core module (@producers (language "Rust" "2024") (processed-by "rustc" "1.97")))
        (core module (@producers (language "C" "") (processed-by "clang" "21"))))"#;

    #[test]
    fn all_modules_are_asked() {
        let found = producers(&wat::parse_str(TEXT).unwrap());
        let told =
            |field: &str| found[field].iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>();
        assert_eq!(told("language"), ["C ", "Rust 2024"]);
        assert_eq!(told("processed-by"), ["clang 21", "rustc 1.97"]);
    }

    #[test]
    fn what_is_damaged_is_read_as_far_as_it_goes() {
        let whole = wat::parse_str(TEXT).unwrap();
        for length in 0..whole.len() {
            assert!(producers(&whole[..length]).len() <= 3);
            let mut damaged = whole.clone();
            damaged[length] ^= 0xff;
            assert!(producers(&damaged).len() <= 3);
        }
    }
}
