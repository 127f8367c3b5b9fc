//! What versions of which requests a broker takes (ApiVersions, KIP-35 and KIP-511).

use std::fmt;

use crate::{
    encoding::{Reader, Writer},
    error_code::ErrorCode,
    message::{Api, CLIENT},
};

/// The body of the request; `software` is the version of who asks.
pub(crate) fn ask(writer: &mut Writer, version: i16, software: &str) {
    if version >= 3 {
        writer.text(CLIENT);
        writer.text(software);
        writer.end();
    }
}

/// The versions that a broker takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions(Vec<Range>);

#[derive(Debug, PartialEq, Eq)]
struct Range {
    key: i16,
    oldest: i16,
    newest: i16,
}

/// No version of a request is known on both sides. It continues a sentence about the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    api: &'static str,
    ours: (i16, i16),
    theirs: Option<(i16, i16)>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, ours: (oldest, newest), theirs } = self;
        match theirs {
            Some((from, to)) => write!(f, "takes {api} from version {from} to {to}")?,
            None => write!(f, "does not take {api}")?,
        }
        write!(f, ", and this probe asks it from version {oldest} to {newest}")
    }
}

impl Versions {
    /// Reads an answer; the inner error is what the broker has against the request. `None` is an answer that makes no sense.
    pub(crate) fn parse(mut body: Reader<'_>) -> Option<Result<Self, ErrorCode>> {
        let error = ErrorCode(body.int16()?);
        if error != ErrorCode::NONE {
            // What follows is written as in version 0, whatever was asked, and not needed.
            return Some(Err(error));
        }
        let ranges = body.array(|reader| {
            let range = Range { key: reader.int16()?, oldest: reader.int16()?, newest: reader.int16()? };
            reader.end()?;
            Some(range)
        })?;
        Some(Ok(Self(ranges)))
    }

    /// The newest version of a request that both sides know.
    pub(crate) fn common(&self, api: &Api) -> Result<i16, Mismatch> {
        let theirs = self.0.iter().find(|range| range.key == api.key);
        let ours = &api.versions;
        match theirs {
            Some(theirs) if theirs.oldest <= *ours.end() && theirs.newest >= *ours.start() => {
                Ok(theirs.newest.min(*ours.end()))
            }
            _ => Err(Mismatch {
                api: api.name,
                ours: (*ours.start(), *ours.end()),
                theirs: theirs.map(|range| (range.oldest, range.newest)),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::METADATA;

    #[test]
    fn the_newest_version_that_both_know_is_taken() {
        let common = |oldest, newest| Versions(vec![Range { key: METADATA.key, oldest, newest }]).common(&METADATA);
        assert_eq!(common(0, 13), Ok(12));
        assert_eq!(common(0, 5), Ok(5));
        assert_eq!(common(12, 99), Ok(12));
        let told = |mismatch: Result<i16, Mismatch>| mismatch.unwrap_err().to_string();
        assert_eq!(
            told(common(13, 14)),
            "takes Metadata from version 13 to 14, and this probe asks it from version 1 to 12"
        );
        assert_eq!(
            told(common(0, 0)),
            "takes Metadata from version 0 to 0, and this probe asks it from version 1 to 12"
        );
        assert_eq!(
            told(Versions::default().common(&METADATA)),
            "does not take Metadata, and this probe asks it from version 1 to 12"
        );
    }
}
