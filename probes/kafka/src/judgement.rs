//! From what a broker tells of its cluster to what speaks against it.

use std::{collections::BTreeSet, fmt};

use probity_guest::{Findings, Verdict};

use crate::{
    error_code::ErrorCode,
    metadata::{Cluster, Partition, Topic},
    settings::{Settings, UnderReplicated},
};

/// Topics or partitions of one kind that a message names.
const NAMED: usize = 5;

/// What was found of a cluster, counted.
#[derive(Default)]
pub(crate) struct Picture {
    brokers: usize,
    has_controller: bool,
    topics: usize,
    partitions: usize,
    absent: Several,
    forbidden: Several,
    in_error: Several,
    without_leader: Several,
    few_in_sync: Several,
    under_replicated: Several,
}

/// Topics or partitions that have the same trouble.
#[derive(Default)]
struct Several {
    count: usize,
    /// The names of the first.
    first: Vec<String>,
}

impl Several {
    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name());
        }
    }
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(", "))?;
        if self.count > self.first.len() { f.write_str(", …") } else { Ok(()) }
    }
}

impl Picture {
    /// Counts what is in a cluster, of the topics that are asked for. `shown` makes a name of the broker's fit to be shown.
    pub(crate) fn of(cluster: &Cluster<'_>, settings: &Settings, shown: impl Fn(&[u8]) -> String) -> Self {
        let wanted: Option<BTreeSet<&[u8]>> =
            settings.topics.as_ref().map(|topics| topics.iter().map(String::as_bytes).collect());
        let mut picture =
            Self { brokers: cluster.brokers, has_controller: cluster.controller.is_some(), ..Self::default() };
        let mut unheard_of = wanted.clone().unwrap_or_default();
        for topic in &cluster.topics {
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(topic.name)) {
                unheard_of.remove(topic.name);
                picture.add(topic, settings, &shown);
            }
        }
        for name in unheard_of {
            picture.absent.add(|| shown(name));
        }
        picture
    }

    fn add(&mut self, topic: &Topic<'_>, settings: &Settings, shown: &impl Fn(&[u8]) -> String) {
        let name = || shown(topic.name);
        match topic.error {
            ErrorCode::NONE => {}
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => return self.absent.add(name),
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => return self.forbidden.add(name),
            error => return self.in_error.add(|| format!("{} [{error}]", name())),
        }
        self.topics += 1;
        self.partitions += topic.partitions.len();
        for partition in &topic.partitions {
            let name = || format!("{}-{}", name(), partition.index);
            if !is_led(partition) {
                self.without_leader.add(|| match partition.error {
                    ErrorCode::NONE | ErrorCode::LEADER_NOT_AVAILABLE => name(),
                    error => format!("{} [{error}]", name()),
                });
                continue;
            }
            if settings.min_in_sync.is_some_and(|least| partition.in_sync < least.get() as usize) {
                self.few_in_sync.add(name);
            }
            if partition.in_sync < partition.replicas {
                self.under_replicated.add(name);
            }
        }
    }

    /// What speaks against the cluster.
    pub(crate) fn findings(&self, settings: &Settings) -> Findings {
        let mut findings = Findings::default();
        if !self.has_controller {
            findings.unhealthy("the cluster has no controller");
        }
        if let Some(least) = settings.brokers.filter(|least| self.brokers < least.get() as usize) {
            findings.unhealthy(format!("brokers: {}, expected {least} at least", self.brokers));
        }
        let mut topics = |what: &str, topics: &Several| {
            if topics.count > 0 {
                findings.unhealthy(format!("{what}: {topics}"));
            }
        };
        topics("no such topic", &self.absent);
        topics("topics that the user may not see", &self.forbidden);
        topics("topics in error", &self.in_error);
        let clause = |what: &str, partitions: &Several| {
            let clause = format!("{what}: {} of {} ({partitions})", partitions.count, self.partitions);
            Some(clause).filter(|_| partitions.count > 0)
        };
        if let Some(clause) = clause("partitions without a leader", &self.without_leader) {
            findings.unhealthy(clause);
        }
        if let Some(least) = settings.min_in_sync
            && let Some(clause) =
                clause(&format!("partitions with less than {least} replicas in sync"), &self.few_in_sync)
        {
            findings.unhealthy(clause);
        }
        if let Some(clause) = clause("under-replicated partitions", &self.under_replicated) {
            match settings.under_replicated {
                UnderReplicated::Ignore => {}
                UnderReplicated::Degraded => findings.degraded(clause),
                UnderReplicated::Unhealthy => findings.unhealthy(clause),
            }
        }
        findings
    }

    /// Whether it takes an operator to end what was found.
    pub(crate) fn is_permanent(&self) -> bool {
        self.forbidden.count > 0
    }

    /// Adds the figures to a verdict.
    pub(crate) fn tell(&self, mut verdict: Verdict) -> Verdict {
        for (name, count) in [
            ("brokers", self.brokers),
            ("topics", self.topics),
            ("partitions", self.partitions),
            ("partitions-without-leader", self.without_leader.count),
            ("under-replicated-partitions", self.under_replicated.count),
        ] {
            verdict = verdict.measurement(name, "1", count as f64);
        }
        verdict
    }
}

/// Whether somebody leads a partition whom clients can reach.
fn is_led(partition: &Partition) -> bool {
    // Old brokers say of a partition that lacks a replica that this is an error; it has a leader all the same.
    partition.has_leader && matches!(partition.error, ErrorCode::NONE | ErrorCode::REPLICA_NOT_AVAILABLE)
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    const WELL: Partition = Partition { error: ErrorCode::NONE, index: 0, has_leader: true, replicas: 3, in_sync: 3 };

    fn topic(name: &'static str, partitions: &[(i32, Partition)]) -> Topic<'static> {
        let partitions =
            partitions.iter().map(|(index, partition)| Partition { index: *index, ..*partition }).collect();
        Topic { error: ErrorCode::NONE, name: name.as_bytes(), partitions }
    }

    fn cluster(topics: Vec<Topic<'static>>) -> Cluster<'static> {
        Cluster { brokers: 3, id: None, controller: Some(1), topics }
    }

    /// What speaks against a cluster, and whether it lasts.
    fn judged(cluster: &Cluster<'_>, settings: &str) -> (Findings, bool) {
        let settings: Settings = parse(&format!(r#"{{ "host": "a" {settings} }}"#)).unwrap();
        let picture = Picture::of(cluster, &settings, |name| String::from_utf8_lossy(name).into_owned());
        (picture.findings(&settings), picture.is_permanent())
    }

    fn unhealthy(clauses: &[&str]) -> Findings {
        let mut findings = Findings::default();
        clauses.iter().for_each(|clause| findings.unhealthy(*clause));
        findings
    }

    fn degraded(clause: &str) -> Findings {
        let mut findings = Findings::default();
        findings.degraded(clause);
        findings
    }

    #[test]
    fn a_cluster_is_well() {
        let settings = r#", "brokers": 3, "topics": ["a"], "min_in_sync": 3, "under_replicated": "unhealthy""#;
        assert_eq!(judged(&cluster(vec![topic("a", &[(0, WELL), (1, WELL)])]), settings), (unhealthy(&[]), false));
        assert_eq!(judged(&cluster(Vec::new()), ""), (unhealthy(&[]), false));
    }

    #[test]
    fn the_cluster_itself_is_looked_at() {
        let headless = Cluster { controller: None, ..cluster(Vec::new()) };
        let clauses = ["the cluster has no controller", "brokers: 3, expected 4 at least"];
        assert_eq!(judged(&headless, r#", "brokers": 4"#), (unhealthy(&clauses), false));
    }

    #[test]
    fn topics_must_be_there() {
        let erring = |name, error| Topic { error: ErrorCode(error), ..topic(name, &[]) };
        let topics = || vec![topic("a", &[(0, WELL)]), erring("b", 3), erring("c", -1)];
        let clauses = ["no such topic: b, x", "topics in error: c [UNKNOWN_SERVER_ERROR]"];
        let settings = r#", "topics": ["x", "c", "b", "a"]"#;
        assert_eq!(judged(&cluster(topics()), settings), (unhealthy(&clauses), false));
        // Of the topics of an old broker, which tells of all, the others do not matter.
        assert_eq!(judged(&cluster(topics()), r#", "topics": ["a"]"#), (unhealthy(&[]), false));
        let clauses = ["topics that the user may not see: d"];
        let hidden = cluster(vec![erring("d", 29)]);
        assert_eq!(judged(&hidden, r#", "topics": ["d"]"#), (unhealthy(&clauses), true));
    }

    #[test]
    fn partitions_must_have_a_leader() {
        let lost = |error| Partition { error: ErrorCode(error), has_leader: false, in_sync: 0, ..WELL };
        let old = Partition { error: ErrorCode::REPLICA_NOT_AVAILABLE, ..WELL };
        let partitions = [(0, lost(5)), (1, lost(72)), (2, lost(0)), (3, old), (4, WELL)];
        let clauses = ["partitions without a leader: 3 of 5 (a-0, a-1 [LISTENER_NOT_FOUND], a-2)"];
        assert_eq!(
            judged(&cluster(vec![topic("a", &partitions)]), r#", "min_in_sync": 1"#),
            (unhealthy(&clauses), false)
        );
    }

    #[test]
    fn replicas_must_be_in_sync() {
        let lagging = |in_sync| Partition { in_sync, ..WELL };
        let topics = || cluster(vec![topic("a", &[(0, lagging(1)), (1, WELL)]), topic("b", &[(7, lagging(2))])]);
        let clause = "under-replicated partitions: 2 of 3 (a-0, b-7)";
        assert_eq!(judged(&topics(), ""), (degraded(clause), false));
        assert_eq!(judged(&topics(), r#", "under_replicated": "unhealthy""#), (unhealthy(&[clause]), false));
        assert_eq!(judged(&topics(), r#", "under_replicated": "ignore""#), (unhealthy(&[]), false));
        let few = "partitions with less than 2 replicas in sync: 1 of 3 (a-0)";
        let settings = r#", "under_replicated": "ignore", "min_in_sync": 2"#;
        assert_eq!(judged(&topics(), settings), (unhealthy(&[few]), false));
    }

    #[test]
    fn a_message_names_the_first_and_tells_of_the_rest() {
        let partitions: Vec<(i32, Partition)> =
            (0..1000).map(|index| (index, Partition { has_leader: false, ..WELL })).collect();
        let clause = "partitions without a leader: 1000 of 1000 (a-0, a-1, a-2, a-3, a-4, …)";
        assert_eq!(judged(&cluster(vec![topic("a", &partitions)]), ""), (unhealthy(&[clause]), false));
    }
}
