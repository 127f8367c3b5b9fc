//! What is told of what keeps history, if anything does.

use crate::http::{
    exposition::{
        Exposition,
        Kind::{Counter, Gauge, Summary},
        Labels,
    },
    view::View,
};

pub(super) fn write(out: &mut Exposition, view: &View<'_>) {
    let Some(store) = view.board.store() else {
        return;
    };
    let figures = store.figures();
    out.family("probity_store_up", Gauge, "Whether history is kept.").sample(&[], u64::from(store.standing().works));
    let counts = [
        ("probity_store_queue", Gauge, "What waits to be kept.", figures.queued),
        ("probity_store_dropped_total", Counter, "Results and events that could not be kept.", figures.dropped),
        ("probity_store_written_total", Counter, "Records that were written.", figures.written),
        ("probity_store_size_bytes", Gauge, "What history takes of the disk.", figures.size),
        ("probity_store_errors_total", Counter, "How often history could not be written or read.", figures.errors),
        (
            "probity_store_damaged_total",
            Counter,
            "How often history was found damaged, and begun anew.",
            figures.damaged,
        ),
    ];
    for (name, kind, help, value) in counts {
        out.family(name, kind, help).sample(&[], value);
    }
    let help = "Time that it took to write what there was.";
    let took = figures.flush_time.as_secs_f64();
    out.family("probity_store_flush_seconds", Summary, help).summary(&Labels::NONE, took, figures.flushes);
}
