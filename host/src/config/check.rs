//! One check, as configured.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use probity_core::{
    alert::Family,
    circuit,
    schedule::{Cron, CronError},
};

use super::{
    connection::Connection,
    defaults::{Defaults, refuse_contradictions},
    fill::Filler,
    kind::At,
    layout,
    passive::Said,
    report::{Origin, Report, Source},
    settings::Settings,
    tls::Files,
};
use crate::{
    grant::{Grant, Policy},
    identity::Identity,
    limits::Limits,
};

/// A check: a probe, and what it is to examine, when, and within which limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name, which no other check has.
    pub name: String,
    /// The name of its probe.
    pub probe: String,
    /// What it is about, for people; may be empty.
    pub description: String,
    /// Whether it runs at all.
    pub enabled: bool,
    /// Whether its failure makes the whole unhealthy rather than degraded, if somebody said so.
    pub critical: Option<bool>,
    /// Which checks it belongs with.
    pub group: Option<String>,
    /// What else people and dashboards want to know.
    pub labels: BTreeMap<String, String>,
    /// The checks that it depends on, by name: there may be none such.
    pub depends_on: Vec<String>,
    /// When it runs.
    pub schedule: When,
    /// By how much its runs are delayed at random, as a share of the interval, from 0 to 1.
    pub jitter: f64,
    /// How long a run may take, if somebody said so.
    pub timeout: Option<Duration>,
    /// What one run may use up.
    pub limits: Limits,
    /// What its probe may reach, beyond what the probe's manifest derives from the settings.
    pub allow: Vec<Grant>,
    /// What its probe is told.
    pub settings: Settings,
    /// How the connection to its target is judged and regained.
    pub connection: Connection,
    /// When calls to its target are not let through.
    pub circuit: circuit::Policy,
    /// What of this a passive probe must leave as it is.
    pub(super) said: Said,
    /// What holds for it as for all checks.
    pub policy: Arc<Policy>,
    /// How its probe speaks TLS.
    pub tls: Arc<Identity>,
    /// Where it was written.
    pub origin: Origin,
    /// Where its probe was named.
    pub probe_origin: Origin,
}

/// When a check runs.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Nobody said: at the interval that the probe suggests, or the one built in.
    Unset,
    /// At this interval.
    Every(Duration),
    /// By the calendar.
    Cron(Cron),
}

impl Check {
    /// The check that a dropped component is without a word of configuration: named after its file, and without settings.
    #[must_use]
    pub fn of_component(probe: &str, origin: Origin, defaults: &Defaults) -> Check {
        // What contradicts itself is reported where it is read.
        let connection = defaults.connection.resolve().unwrap_or_default();
        Check {
            name: probe.into(),
            probe: probe.into(),
            description: String::new(),
            enabled: true,
            critical: defaults.critical,
            group: None,
            labels: BTreeMap::new(),
            depends_on: Vec::new(),
            schedule: defaults.interval.map_or(When::Unset, When::Every),
            jitter: defaults.jitter.unwrap_or(layout::JITTER),
            timeout: defaults.timeout,
            limits: defaults.limits.resolve(defaults.most),
            allow: Vec::new(),
            settings: Settings::none(origin.clone()),
            circuit: defaults.circuit.resolve(connection.max_reconnect_delay).unwrap_or_default(),
            connection,
            said: Said::of(defaults),
            policy: Arc::clone(&defaults.policy),
            tls: Arc::new(defaults.tls.resolve()),
            probe_origin: origin.clone(),
            origin,
        }
    }

    /// Its name, and those of the checks that it depends on.
    #[must_use]
    pub fn dependencies(&self) -> (Arc<str>, Vec<Arc<str>>) {
        (self.name.as_str().into(), self.depends_on.iter().map(|name| name.as_str().into()).collect())
    }

    /// Whether both say the same, wherever it is written: then a running check can go on as it is.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Check) -> bool {
        let moved = Check { origin: self.origin.clone(), probe_origin: self.probe_origin.clone(), ..other.clone() };
        *self == moved
    }
}

/// What a check is read with.
pub(super) struct Context<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) filler: Filler<'a>,
    pub(super) files: &'a Files<'a>,
    pub(super) now: Timestamp,
    pub(super) defaults: &'a Defaults,
    /// The component that a side-car lies beside: it names what the check leaves unnamed.
    pub(super) beside: Option<&'a str>,
}

/// The checks that sections describe, as far as they are sound. What is wrong is reported.
pub(super) fn read_all(
    sections: impl Iterator<Item = At<layout::Check>>,
    context: &Context<'_>,
    problems: &mut Report,
) -> Vec<Arc<Check>> {
    let checks: Vec<_> = sections.filter_map(|section| read(section, context, problems)).map(Arc::new).collect();
    refuse_duplicates(&checks, problems);
    refuse_circles(&checks, problems);
    checks
}

/// The check that a section describes, or `None` if it has no name, which was reported. What else is wrong with it is
/// reported, and left out.
fn read(section: At<layout::Check>, context: &Context<'_>, problems: &mut Report) -> Option<Check> {
    let Context { source, defaults, .. } = context;
    let At { value: section, at } = section;
    let origin = source.origin(at);
    let own = Defaults::read(&section.shared, context.files, source, problems).or(defaults);
    refuse_contradictions(&own, &section.shared, source, problems);
    let cron = section.cron.as_ref().map(|cron| read_cron(cron, section.timezone.as_ref(), context, problems));
    let settings = match section.settings {
        Some(settings) => settings.value.fill("settings", &context.filler, settings.at, source, problems),
        None => Settings::none(origin.clone()),
    };
    let beside = context.beside.map(str::to_owned);
    let name = At::value(section.name).or_else(|| beside.clone())?;
    let probe_origin = section.probe.as_ref().map_or(at, |probe| probe.at);
    let probe = At::value(section.probe).or(beside);
    let check = Check::of_component(probe.as_ref().unwrap_or(&name), origin, &own);
    Some(Check {
        name,
        description: At::value(section.description).unwrap_or_default(),
        enabled: At::value(section.enabled).unwrap_or(true),
        group: At::value(section.group),
        labels: At::value(section.labels).unwrap_or_default(),
        depends_on: At::value(section.depends_on).unwrap_or_default(),
        schedule: cron.flatten().map_or(check.schedule, When::Cron),
        allow: At::value(section.allow).unwrap_or_default(),
        settings,
        probe_origin: source.origin(probe_origin),
        ..check
    })
}

/// A cron schedule. The zone is looked at on its own, so that a wrong one is not overlooked behind a wrong expression.
pub(super) fn read_cron(
    expression: &At<String>,
    zone: Option<&At<String>>,
    context: &Context<'_>,
    problems: &mut Report,
) -> Option<Cron> {
    /// Any expression that is right.
    const RIGHT: &str = "@hourly";
    let parse = |expression: &str| {
        let zone = zone.map(|zone| zone.value.as_str());
        Cron::parse(expression, zone, context.now)
    };
    let mut zone_is_known = true;
    if let (Some(zone), Err(error)) = (zone, parse(RIGHT)) {
        zone_is_known = false;
        problems.push(context.source.origin(zone.at), format!("timezone: {error}"));
    }
    match parse(&expression.value) {
        Ok(cron) => Some(cron),
        Err(CronError::Zone { .. }) if !zone_is_known => None,
        Err(error) => {
            problems.push(context.source.origin(expression.at), format!("cron: {error}"));
            None
        }
    }
}

/// Reports checks that depend on each other, at the first of them.
fn refuse_circles(checks: &[Arc<Check>], problems: &mut Report) {
    let family = Family::new(checks.iter().map(|check| check.dependencies()));
    if let Some(circle) = family.circle()
        && let Some(first) = checks.iter().find(|check| circle.contains(&check.name.as_str().into()))
    {
        problems.push(first.origin.clone(), format!("depends_on: {}", in_a_circle(&circle)));
    }
}

/// That checks depend on each other, for people.
#[must_use]
pub fn in_a_circle(circle: &[Arc<str>]) -> String {
    let line: Vec<String> = circle.iter().chain(circle.first()).map(|name| format!("`{name}`")).collect();
    format!("{} depend on each other in a circle; leave one of them out", line.join(" -> "))
}

/// Reports each check whose name another one has already.
pub fn refuse_duplicates<'c>(checks: impl IntoIterator<Item = &'c Arc<Check>>, problems: &mut Report) {
    let mut places: BTreeMap<&str, &Origin> = BTreeMap::new();
    for check in checks {
        match places.entry(&check.name) {
            Entry::Vacant(place) => {
                place.insert(&check.origin);
            }
            Entry::Occupied(first) => {
                let message = format!("`{}` is the name of the check at {} already", check.name, first.get());
                problems.push(check.origin.clone(), message);
            }
        }
    }
}
