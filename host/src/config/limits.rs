//! What one run of a check may use up, and what no check may go beyond.

use super::{
    kind::At,
    layout,
    report::{Report, Source},
};
use crate::limits::{Each, Limits};

/// What was said of each budget, in one place or another.
pub(super) type Said = Each<Option<u64>>;

/// What a section says of each budget, and where.
fn written(section: &layout::Limits) -> Each<Option<At<u64>>> {
    Each {
        fuel: section.fuel,
        memory: section.memory,
        table_elements: section.table_elements,
        instances: section.instances,
        handles: section.handles,
        sockets: section.sockets,
        bytes_sent: section.bytes_sent,
        bytes_received: section.bytes_received,
        lookups: section.lookups,
        log_lines: section.log_lines,
        log_bytes: section.log_bytes,
        output: section.output,
        message: section.message,
        details: section.details,
        measurements: section.measurements,
        state: section.state,
    }
}

impl Said {
    /// What a section says, if there is one.
    pub(super) fn read(section: Option<&At<layout::Limits>>) -> Said {
        section.map_or_else(Said::default, |section| {
            written(&section.value).with(Each::NAMES, |written, _| At::value(written))
        })
    }

    /// What is said here, and for the rest what is said there.
    pub(super) fn or(self, other: Said) -> Said {
        self.with(other, Option::or)
    }

    /// What holds: what is said, and for the rest what is built in, if that is within what `most` says.
    pub(super) fn resolve(self, most: Said) -> Limits {
        let usual = Limits::DEFAULT.with(most, |usual, most| most.map_or(usual, |most| usual.min(most)));
        self.with(usual, Option::unwrap_or)
    }
}

/// Reports what a section asks for beyond what `most` says.
pub(super) fn refuse_excess(section: &layout::Limits, most: Said, source: &Source<'_>, problems: &mut Report) {
    let bounds = most.with(Each::NAMES, |most, name| (most, name));
    let _ = written(section).with(bounds, |written, (most, name)| {
        if let (Some(At { value, at }), Some(most)) = (written, most)
            && value > most
        {
            let message = format!(
                "{name}: no run may have {value} of it, since [limits.max] has {name} = {most}; ask for less here, or raise \
                 it there"
            );
            problems.push(source.origin(at), message);
        }
    });
}
