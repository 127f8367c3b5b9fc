//! Who was told of what.

use crate::{
    board::{Notifications, SinkFigures},
    http::{
        exposition::{
            Exposition,
            Kind::{self, Counter, Gauge},
        },
        view::View,
    },
};

pub(super) fn write(out: &mut Exposition, view: &View<'_>) {
    let Some(Notifications { alerts, silences, sinks }) = view.board.notifications() else { return };
    out.family("probity_alerts", Gauge, "Checks whose trouble is not over.").sample(&[], alerts);
    out.family("probity_silences", Gauge, "Silences that are not over.").sample(&[], silences);
    type Count = fn(&SinkFigures) -> u64;
    let families: [(&'static str, Kind, &'static str, Count); 4] = [
        ("probity_notifications_sent_total", Counter, "Messages that the sink took.", |sink| sink.sent),
        ("probity_notifications_failed_total", Counter, "Attempts that failed.", |sink| sink.failed),
        ("probity_notifications_dropped_total", Counter, "Messages that were given up.", |sink| sink.dropped),
        ("probity_notifications_queued", Gauge, "Messages that wait for the sink.", |sink| sink.queued),
    ];
    for (name, kind, help, count) in families {
        let mut family = out.family(name, kind, help);
        for sink in &sinks {
            family.sample(&[("sink", &sink.sink)], count(sink));
        }
    }
}
