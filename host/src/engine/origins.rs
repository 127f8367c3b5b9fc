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
