//! Who is told of trouble, and when, as configured.

mod sink;
mod template;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use probity_core::alert::{Maintenance, Pattern, Period, Policy, Rule, Selector, Severity, Trouble, Watches};

pub use self::{
    sink::{Email, Hook, Key, Secret, Security, Sink, SinkKind, Web, Webhook},
    template::{Template, TemplateError},
};
use super::{
    alerting_keys::{self as keys, MAX_QUEUED, RETRY_FOR},
    check::{Context, read_cron},
    kind::At,
    report::Report,
};
use crate::trust::Trust;

/// Any zone, until a wrong one has been reported.
const UTC: &str = "UTC";

/// Who is told of trouble, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerting {
    /// What is told, and when.
    pub policy: Arc<Policy>,
    /// Where it goes.
    pub sinks: Vec<Arc<Sink>>,
    /// For how long a message is tried again.
    pub retry_for: Duration,
    /// How many messages can wait for each sink.
    pub max_queued: usize,
}

impl Default for Alerting {
    fn default() -> Alerting {
        Alerting { policy: Arc::default(), sinks: Vec::new(), retry_for: RETRY_FOR, max_queued: MAX_QUEUED }
    }
}

impl Alerting {
    /// Reads a section, and reports all that is wrong with it.
    pub(super) fn read(
        section: keys::Notify,
        trust: &Arc<Trust>,
        context: &Context<'_>,
        problems: &mut Report,
    ) -> Alerting {
        let mut sinks: Vec<Arc<Sink>> = Vec::new();
        // Those that are wrong were reported: whoever names them is right.
        let mut named: BTreeSet<String> = BTreeSet::new();
        for At { value: sink, at } in At::value(section.sink).into_iter().flatten() {
            if let Some(name) = &sink.name
                && !named.insert(name.value.clone())
            {
                let message = format!("`{}` is the name of another sink already", name.value);
                problems.push(context.source.origin(at), message);
            }
            sinks.extend(sink::read(sink, at, trust, context, problems).map(Arc::new));
        }
        let mut rules: Vec<Rule> = Vec::new();
        for At { value: rule, at } in At::value(section.rule).into_iter().flatten() {
            let Some(rule) = read_rule(rule, &named, context, problems) else { continue };
            if rules.iter().any(|other| other.name == rule.name) {
                let message = format!("`{}` is the name of another rule already", rule.name);
                problems.push(context.source.origin(at), message);
            }
            rules.push(rule);
        }
        let mut maintenances: Vec<Maintenance> = Vec::new();
        for At { value: work, at } in At::value(section.maintenance).into_iter().flatten() {
            let selector = selector(At::value(work.checks), At::value(work.groups), At::value(work.labels));
            let period = read_period(At { value: work.period, at }, "[[notify.maintenance]]", context, problems);
            let (Some(name), Some(period)) = (At::value(work.name), period) else { continue };
            if maintenances.iter().any(|other| *other.name == *name) {
                let message = format!("`{name}` is the name of another maintenance already");
                problems.push(context.source.origin(at), message);
            }
            maintenances.push(Maintenance { name: name.into(), selector, period });
        }
        let usual = Policy::default();
        let policy = Policy {
            rules,
            maintenances,
            window: At::value(section.window).unwrap_or(usual.window),
            summary_above: At::value(section.summary_above).unwrap_or(usual.summary_above),
            summary_interval: At::value(section.summary_interval).unwrap_or(usual.summary_interval),
        };
        Alerting {
            policy: Arc::new(policy),
            sinks,
            retry_for: At::value(section.retry_for).unwrap_or(RETRY_FOR),
            max_queued: At::value(section.max_queued).unwrap_or(MAX_QUEUED),
        }
    }

    /// The sink of that name.
    #[must_use]
    pub fn sink(&self, name: &str) -> Option<&Arc<Sink>> {
        self.sinks.iter().find(|sink| *sink.name == *name)
    }
}

fn read_rule(
    rule: keys::NotifyRule,
    sinks: &BTreeSet<String>,
    context: &Context<'_>,
    problems: &mut Report,
) -> Option<Rule> {
    let quiet = At::value(rule.quiet).into_iter().flatten();
    let quiet = quiet.filter_map(|period| read_period(period, "[[notify.rule.quiet]]", context, problems)).collect();
    // One that lacks them was reported as a broken rule.
    let (name, to) = (At::value(rule.name)?, rule.sinks?);
    for unknown in to.value.iter().filter(|name| !sinks.contains(*name)) {
        let known: Vec<String> = sinks.iter().map(|name| format!("`{name}`")).collect();
        let known = if known.is_empty() { "no sink at all".to_owned() } else { known.join(", ") };
        let message = format!(
            "sinks: there is no [[notify.sink]] with name = \"{unknown}\"; there is {known}. Write one, for example \
             [[notify.sink]] name = \"{unknown}\", type = \"stdout\""
        );
        problems.push(context.source.origin(to.at), message);
    }
    let selector = selector(At::value(rule.checks), At::value(rule.groups), At::value(rule.labels));
    let watches = match rule.events {
        Some(events) => Watches::Events(events.value.into_iter().map(str::to_owned).collect()),
        None => {
            let usual = Trouble::default();
            let severities =
                At::value(rule.severity).map(|words| words.into_iter().filter_map(Severity::of_word).collect());
            Watches::Trouble(Trouble {
                severities: severities.unwrap_or(usual.severities),
                hold: At::value(rule.r#for).unwrap_or(usual.hold),
                repeat: At::value(rule.repeat).unwrap_or(usual.repeat),
                resolve: At::value(rule.resolve).unwrap_or(usual.resolve),
            })
        }
    };
    let sinks = to.value.into_iter().map(Into::into).collect();
    Some(Rule { name: name.into(), selector, watches, quiet, sinks })
}

fn selector(
    checks: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    labels: Option<std::collections::BTreeMap<String, String>>,
) -> Selector {
    let patterns = |names: Option<Vec<String>>| names.into_iter().flatten().map(Pattern::new).collect();
    let labels = labels.into_iter().flatten().map(|(name, said)| (name, Pattern::new(said)));
    Selector { checks: patterns(checks), groups: patterns(groups), labels: labels.collect() }
}

fn read_period(
    At { value: period, at }: At<keys::Period>,
    heading: &str,
    context: &Context<'_>,
    problems: &mut Report,
) -> Option<Period> {
    if let Some(cron) = &period.cron {
        let cron = read_cron(cron, period.timezone.as_ref(), context, problems);
        // One that lacks a duration was reported as a broken rule.
        return Some(Period::Recurring { cron: cron?, duration: At::value(period.duration)? });
    }
    let (Some(from), Some(to)) = (period.from, period.to) else {
        if period.from.is_none() && period.to.is_none() && period.duration.is_none() {
            let message = format!(
                "{heading} lacks a time; write for example cron = \"0 22 * * *\" with duration = \"8h\", or from = \
                 \"2026-12-24T18:00\" with to = \"2026-12-27T06:00\""
            );
            problems.push(context.source.origin(at), message);
        }
        return None;
    };
    if let Some(zone) = &period.timezone {
        // The schedule is any that is right: what can be wrong is the zone.
        let any = At { value: "@hourly".to_owned(), at: zone.at };
        read_cron(&any, Some(zone), context, problems)?;
    }
    let zone = period.timezone.as_ref().map_or(UTC, |zone| zone.value.as_str());
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let (from, to, place) = (from.value.within(&zone), to.value.within(&zone), to.at);
    match (from, to) {
        (Some(from), Some(to)) if from < to => Some(Period::Once { from, to }),
        _ => {
            let message = "to: it is over before it begins; give a later moment than that of `from`";
            problems.push(context.source.origin(place), message);
            None
        }
    }
}
