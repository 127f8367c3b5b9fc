//! The rules for telling, by scenes; `model` holds them to what must be true of any.
#![allow(clippy::unwrap_used)]

mod family;
mod model;

use std::time::Duration;

use super::*;
use crate::{health::Health::*, schedule::Cron};

const MINUTE: Duration = Duration::from_secs(60);

fn start() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

/// A keeper, a clock, and what was told: `kind check severity` for each item, and `+n` for a summary of so many.
struct Scene {
    keeper: Keeper,
    now: Timestamp,
    told: Vec<String>,
    log: Vec<String>,
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy { rules, window: Duration::ZERO, ..Policy::default() }
}

fn rule(trouble: Trouble) -> Rule {
    Rule { watches: Watches::Trouble(trouble), ..Rule::new("r", ["ops"]) }
}

impl Scene {
    fn new(policy: Policy) -> Scene {
        Scene::with_family(policy, &[])
    }

    fn with_family(policy: Policy, edges: &[(&str, &str)]) -> Scene {
        let family = Family::new(edges.iter().map(|(child, parent)| ((*child).into(), vec![(*parent).into()])));
        Scene { keeper: Keeper::new(policy.into(), family.into()), now: start(), told: vec![], log: vec![] }
    }

    fn take(&mut self, told: Told) {
        for message in told.messages {
            if message.summary {
                self.told.push(format!("+{}", message.items.len()));
            } else {
                let item = &message.items[0];
                let of = item.check.as_deref().unwrap_or("runner");
                let how = item.severity.map(Severity::as_str).or(item.event.as_deref()).unwrap_or_default();
                self.told.push(format!("{} {of} {how}", item.kind.as_str()));
            }
        }
        for happening in told.happened {
            self.log.push(match happening {
                Happening::Alert { alert, rule } => format!("alert {} {rule}", alert.subject.check),
                Happening::Resolved { alert, message, .. } => format!("resolved {} {message}", alert.subject.check),
                Happening::Suppressed { alert, by, .. } => {
                    format!("suppressed {} {}", alert.subject.check, by.join(","))
                }
                Happening::Acknowledged { alert, by, .. } => format!("acknowledged {} {by}", alert.subject.check),
                Happening::Disowned { alert, by } => format!("disowned {} {by}", alert.subject.check),
                Happening::Silenced(silence) => format!("silenced {} {}", silence.id, silence.selector),
                Happening::Unsilenced { silence, by } => format!("unsilenced {} {by}", silence.id),
            });
        }
    }

    /// Does something, and polls.
    fn act(&mut self, act: impl FnOnce(&mut Keeper, Timestamp, &mut Told)) -> &mut Scene {
        let mut told = Told::default();
        act(&mut self.keeper, self.now, &mut told);
        self.keeper.poll(self.now, &mut told);
        self.take(told);
        self
    }

    fn see(&mut self, check: &str, health: Health) -> &mut Scene {
        self.see_as(&Subject::new(check), health)
    }

    fn see_as(&mut self, subject: &Subject, health: Health) -> &mut Scene {
        self.act(|keeper, now, told| keeper.observe(subject, health, &health.as_str().into(), now, told))
    }

    /// Lets time pass, and polls whenever something is due.
    fn pass(&mut self, span: Duration) -> &mut Scene {
        let end = batch::later(self.now, span);
        while let Some(due) = self.keeper.due().filter(|due| *due <= end) {
            assert!(self.now <= due, "what was due was done");
            self.now = due;
            self.act(|_, _, _| ());
        }
        self.now = end;
        self
    }

    #[track_caller]
    fn expect(&mut self, told: &[&str]) -> &mut Scene {
        assert_eq!(self.told, told);
        self.told.clear();
        self
    }

    #[track_caller]
    fn expect_log(&mut self, log: &[&str]) -> &mut Scene {
        assert_eq!(self.log, log);
        self.log.clear();
        self
    }

    fn id(&self, check: &str) -> String {
        self.keeper.alerts()[check].id.to_string()
    }

    fn silence(&mut self, id: &str, checks: &str, span: Duration) -> &mut Scene {
        let selector = Selector { checks: vec![Pattern::new(checks)], ..Selector::default() };
        let until = batch::later(self.now, span);
        let silence = Silence { id: id.into(), selector, created: self.now, until, by: "".into(), comment: "".into() };
        self.act(|keeper, now, told| keeper.silence(silence, now, told))
    }

    fn acknowledge(&mut self, check: &str, span: Option<Duration>) -> &mut Scene {
        let (id, severity) = (self.id(check), self.keeper.alerts()[check].severity);
        let until = span.map(|span| batch::later(self.now, span));
        let acknowledgement = Acknowledgement { at: self.now, until, by: "ann".into(), comment: "".into(), severity };
        self.act(|keeper, now, told| assert!(keeper.acknowledge(&id, acknowledgement, now, told)))
    }
}

#[test]
fn trouble_is_told_once_and_so_is_its_end() {
    let mut scene = Scene::new(policy(vec![rule(Trouble::default())]));
    scene.see("a", Pending).see("a", Healthy).expect(&[]);
    scene.see("a", Unhealthy).see("a", Unhealthy).pass(MINUTE).see("a", Unhealthy);
    scene.expect(&["alert a unhealthy"]).expect_log(&["alert a r"]);
    scene.see("a", Pending).expect(&[]);
    scene.see("a", Healthy).see("a", Healthy).expect(&["resolved a unhealthy"]).expect_log(&["resolved a healthy"]);
    assert!(scene.keeper.alerts().is_empty() && scene.keeper.due().is_none());
}

#[test]
fn the_end_need_not_be_told() {
    let mut scene = Scene::new(policy(vec![rule(Trouble { resolve: false, ..Trouble::default() })]));
    scene.see("a", Unhealthy).see("a", Healthy).expect(&["alert a unhealthy"]);
    scene.expect_log(&["alert a r", "resolved a healthy"]);
}

#[test]
fn trouble_must_hold_for_a_while() {
    let mut scene = Scene::new(policy(vec![rule(Trouble { hold: MINUTE, ..Trouble::default() })]));
    scene.see("a", Unhealthy).pass(MINUTE / 2).see("a", Healthy).pass(MINUTE).expect(&[]);
    scene.see("a", Degraded).pass(MINUTE / 2).see("a", Unhealthy).pass(MINUTE / 2);
    scene.expect(&["alert a unhealthy"]);
}

#[test]
fn what_gets_worse_is_told_again_and_what_gets_better_is_not() {
    let critical = Subject { critical: true, ..Subject::new("a") };
    let mut scene = Scene::new(policy(vec![rule(Trouble::default())]));
    scene
        .see_as(&critical, Unknown)
        .see_as(&critical, Degraded)
        .see_as(&critical, Unhealthy)
        .see_as(&critical, Degraded);
    scene.expect(&["alert a unknown", "worse a degraded", "worse a critical"]);
    scene.see_as(&critical, Unhealthy).expect(&["worse a critical"]);
    // What is not known is no better than what was told.
    scene.see_as(&critical, Unknown).see_as(&critical, Unhealthy).expect(&[]);
    scene.see_as(&critical, Healthy).expect(&["resolved a critical"]);
}

#[test]
fn a_rule_looks_at_its_severities_alone_and_what_is_not_known_changes_nothing() {
    let only = |severity| rule(Trouble { severities: [severity].into(), ..Trouble::default() });
    let mut scene = Scene::new(policy(vec![only(Severity::Unhealthy)]));
    scene.see("a", Degraded).expect(&[]);
    scene.see("a", Unhealthy).see("a", Unknown).see("a", Unhealthy).expect(&["alert a unhealthy"]);
    scene.see("a", Unknown).see("a", Degraded).expect(&["resolved a degraded"]);
    scene.see("a", Healthy).expect(&[]);
    // It must have been known to hold when it is told.
    let held = Trouble { severities: [Severity::Unhealthy].into(), hold: MINUTE, ..Trouble::default() };
    let mut scene = Scene::new(policy(vec![rule(held)]));
    scene.see("a", Unhealthy).pass(MINUTE / 2).see("a", Unknown).pass(MINUTE).expect(&[]);
    scene.see("a", Unhealthy).expect(&["alert a unhealthy"]);
    let mut scene = Scene::new(policy(vec![only(Severity::Unknown)]));
    scene.see("a", Unhealthy).see("a", Unknown).expect(&["alert a unknown"]);
    scene.see("a", Unhealthy).expect(&["resolved a unhealthy"]);
}

#[test]
fn trouble_that_goes_on_is_told_again_and_again() {
    let mut scene = Scene::new(policy(vec![rule(Trouble { repeat: Some(MINUTE), ..Trouble::default() })]));
    scene.see("a", Unhealthy).pass(MINUTE * 3).expect(&[
        "alert a unhealthy",
        "reminder a unhealthy",
        "reminder a unhealthy",
        "reminder a unhealthy",
    ]);
    let telling = scene.keeper.alerts()["a"].rules["r"].told.clone().unwrap();
    assert_eq!((telling.count, telling.first, telling.last), (4, start(), scene.now));
    scene.see("a", Healthy).pass(MINUTE * 3).expect(&["resolved a unhealthy"]);
}

#[test]
fn what_comes_within_a_window_is_told_together_or_not_at_all() {
    let calm = Policy {
        window: MINUTE,
        summary_above: 2,
        summary_interval: MINUTE * 5,
        ..policy(vec![rule(Trouble::default())])
    };
    let mut scene = Scene::new(calm.clone());
    scene.see("a", Unhealthy).pass(MINUTE / 2).see("a", Healthy).pass(MINUTE).expect(&[]);
    scene.see("a", Degraded).pass(MINUTE / 2).see("a", Unhealthy).see("b", Unhealthy).pass(MINUTE / 2);
    scene.expect(&["alert a unhealthy", "alert b unhealthy"]);
    // A storm.
    let mut scene = Scene::new(calm);
    for number in 0..100 {
        scene.see(&number.to_string(), Unhealthy);
    }
    scene.pass(MINUTE).expect(&["+100"]);
    for number in 0..100 {
        scene.see(&number.to_string(), Healthy);
    }
    scene.pass(MINUTE * 4).expect(&[]).pass(MINUTE).expect(&["+100"]);
    scene.pass(MINUTE * 5).see("a", Unhealthy).pass(MINUTE).expect(&["alert a unhealthy"]);
}

#[test]
fn in_quiet_hours_news_are_kept() {
    let cron = Cron::parse("0 22 * * *", None, start()).unwrap();
    let nights = Period::Recurring { cron, duration: MINUTE * 60 * 8 };
    let mut scene = Scene::new(policy(vec![Rule { quiet: vec![nights], ..rule(Trouble::default()) }]));
    scene.see("before", Unhealthy).expect(&["alert before unhealthy"]);
    scene.pass(MINUTE * 60 * 11).see("gone", Unhealthy).see("stays", Unhealthy).see("before", Healthy);
    scene.pass(MINUTE * 60).see("gone", Healthy).pass(MINUTE * 60 * 5).expect(&[]);
    scene.pass(MINUTE * 60).expect(&["alert stays unhealthy", "resolved before unhealthy"]);
}

#[test]
fn a_silence_suppresses_trouble_and_not_its_end() {
    let mut scene = Scene::new(policy(vec![rule(Trouble { repeat: Some(MINUTE), ..Trouble::default() })]));
    scene.see("a1", Unhealthy).expect(&["alert a1 unhealthy"]);
    scene.silence("s", "a*", MINUTE * 10).pass(MINUTE * 5).see("a2", Unhealthy).expect(&[]);
    assert_eq!(scene.keeper.alerts()["a2"].rules["r"].suppressed_by, ["silence:s".into()]);
    scene.see("b", Unhealthy).expect(&["alert b unhealthy"]).see("b", Healthy).expect(&["resolved b unhealthy"]);
    scene.see("a1", Healthy).expect(&["resolved a1 unhealthy"]);
    scene.log.clear();
    scene.pass(MINUTE * 5).expect(&["alert a2 unhealthy"]).expect_log(&["alert a2 r"]);
    scene.see("a2", Healthy).expect(&["resolved a2 unhealthy"]);
    // One that is taken back ends at once.
    scene.silence("t", "*", MINUTE).see("c", Unhealthy).expect(&[]);
    scene.log.clear();
    scene.act(|keeper, now, told| {
        assert!(keeper.unsilence("t", "ann", now, told) && !keeper.unsilence("t", "ann", now, told));
    });
    scene.expect(&["alert c unhealthy"]).expect_log(&["unsilenced t ann", "alert c r"]);
}

#[test]
fn a_silence_that_comes_within_the_window_still_counts() {
    let mut scene = Scene::new(Policy { window: MINUTE, ..policy(vec![rule(Trouble::default())]) });
    scene.see("a", Unhealthy).pass(MINUTE / 2).silence("s", "a", MINUTE * 2).pass(MINUTE).expect(&[]);
    scene.expect_log(&["silenced s checks a", "suppressed a silence:s"]);
    scene.pass(MINUTE * 2).expect(&["alert a unhealthy"]);
}

#[test]
fn what_is_no_worse_by_the_time_it_would_be_told_is_not_told() {
    let mut scene = Scene::new(Policy { window: MINUTE, ..policy(vec![rule(Trouble::default())]) });
    scene.see("a", Unknown).pass(MINUTE * 2).expect(&["alert a unknown"]);
    scene.see("a", Degraded).see("a", Unknown).silence("s", "a", MINUTE).pass(MINUTE * 5).expect(&[]);
    scene.see("a", Degraded).pass(MINUTE).expect(&["worse a degraded"]);
}

#[test]
fn what_waits_to_be_told_is_silenced_even_if_nothing_is_known_by_then() {
    let of_the_target = Trouble { severities: [Severity::Unhealthy].into(), ..Trouble::default() };
    let mut scene = Scene::new(Policy { window: MINUTE, ..policy(vec![rule(of_the_target)]) });
    scene.see("a", Unhealthy).see("a", Unknown).silence("s", "a", MINUTE * 5).pass(MINUTE * 10).expect(&[]);
    scene.see("a", Unhealthy).pass(MINUTE).expect(&["alert a unhealthy"]);
}

#[test]
fn planned_work_suppresses_trouble_until_it_is_over() {
    let from = start() + Duration::from_secs(30);
    let work = Maintenance {
        name: "move".into(),
        selector: Selector { checks: vec![Pattern::new("a")], ..Selector::default() },
        period: Period::Once { from, to: start() + MINUTE * 10 },
    };
    let with = Policy { maintenances: vec![work], ..policy(vec![rule(Trouble::default())]) };
    let mut scene = Scene::new(with.clone());
    scene.pass(MINUTE).see("a", Unhealthy).see("b", Unhealthy).expect(&["alert b unhealthy"]);
    scene.pass(MINUTE * 8).expect(&[]).expect_log(&["suppressed a maintenance:move", "alert b r"]);
    scene.pass(MINUTE).expect(&["alert a unhealthy"]);
    // One that begins while trouble waits to be told.
    let mut scene = Scene::new(Policy { window: MINUTE, ..with });
    scene.see("a", Unhealthy).pass(MINUTE).expect(&[]).pass(MINUTE * 10).expect(&["alert a unhealthy"]);
}

#[test]
fn whoever_takes_care_hears_no_more_until_it_is_worse_or_over() {
    let critical = Subject { critical: true, ..Subject::new("a") };
    let mut scene = Scene::new(policy(vec![rule(Trouble { repeat: Some(MINUTE), ..Trouble::default() })]));
    scene.see_as(&critical, Degraded).acknowledge("a", None).pass(MINUTE * 5);
    scene.expect(&["alert a degraded"]).expect_log(&["alert a r", "acknowledged a ann"]);
    scene.see_as(&critical, Unhealthy).expect(&["worse a critical"]);
    assert_eq!(scene.keeper.alerts()["a"].acknowledged, None);
    // What was told already was of another time than what somebody takes care of.
    scene.see_as(&critical, Degraded).acknowledge("a", None).see_as(&critical, Unhealthy).expect(&["worse a critical"]);
    scene.see_as(&critical, Unknown).acknowledge("a", None).see_as(&critical, Unhealthy).expect(&["worse a critical"]);
    scene.acknowledge("a", None).pass(MINUTE * 5).see_as(&critical, Healthy).expect(&["resolved a critical"]);
    // For a while, and taken back.
    scene.see("b", Unhealthy).acknowledge("b", Some(MINUTE * 3)).pass(MINUTE * 2).expect(&["alert b unhealthy"]);
    scene.pass(MINUTE).expect(&["reminder b unhealthy"]);
    let id = scene.id("b");
    scene.acknowledge("b", None).pass(MINUTE * 2).expect(&[]);
    scene.log.clear();
    scene.act(|keeper, now, told| {
        assert!(keeper.disown(&id, "bob", now, told) && !keeper.disown(&id, "bob", now, told));
    });
    scene.expect(&["reminder b unhealthy"]).expect_log(&["disowned b bob"]);
    let mut told = Told::default();
    let nobody =
        Acknowledgement { at: start(), until: None, by: "".into(), comment: "".into(), severity: Severity::Critical };
    assert!(!scene.keeper.acknowledge("no-such-id", nobody, start(), &mut told));
}

#[test]
fn events_are_told_each_by_itself() {
    let events = |kinds: &[&str], selector| Rule {
        watches: Watches::Events(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
        selector,
        ..Rule::new("e", ["ops"])
    };
    let of_a = Selector { checks: vec![Pattern::new("a")], ..Selector::default() };
    let mut scene = Scene::new(policy(vec![events(&["fault", "reload"], of_a)]));
    let happen = |scene: &mut Scene, check: Option<&str>, kind: &str| {
        let subject = check.map(Subject::new);
        scene.act(|keeper, now, _| keeper.happened(subject.as_ref(), kind, &"m".into(), now));
    };
    for (check, kind) in [(Some("a"), "fault"), (Some("a"), "error"), (Some("b"), "fault"), (None, "reload")] {
        happen(&mut scene, check, kind);
    }
    scene.see("a", Unhealthy).expect(&["event a fault"]);
    scene.silence("s", "a", MINUTE);
    happen(&mut scene, Some("a"), "fault");
    scene.expect(&[]);
    let mut scene = Scene::new(policy(vec![events(&["reload"], Selector::default())]));
    happen(&mut scene, None, "reload");
    scene.expect(&["event runner reload"]);
}

#[test]
fn what_is_remembered_goes_on_where_it_was() {
    let with =
        Policy { window: MINUTE, ..policy(vec![rule(Trouble { repeat: Some(MINUTE * 5), ..Trouble::default() })]) };
    let mut scene = Scene::new(with.clone());
    scene.see("a", Unhealthy).pass(MINUTE).expect(&["alert a unhealthy"]);
    scene.see("a", Healthy).see("b", Unhealthy).silence("s", "c", MINUTE * 100);
    let memory = scene.keeper.take_changes().unwrap().clone();
    assert!(scene.keeper.take_changes().is_none());
    let mut next = Scene::new(with);
    next.now = scene.now + MINUTE * 3;
    next.act(|keeper, now, told| keeper.recall(memory, now, told));
    next.expect(&["resolved a unhealthy", "alert b unhealthy"]);
    next.see("b", Unhealthy).pass(MINUTE * 6).expect(&["reminder b unhealthy"]);
    next.see("c", Unhealthy).pass(MINUTE * 2).expect(&[]);
    assert_eq!(next.keeper.silences().len(), 1);
}

#[test]
fn other_rules_take_over_what_is_theirs() {
    let mut scene = Scene::new(policy(vec![rule(Trouble::default())]));
    scene.see("a", Unhealthy).expect(&["alert a unhealthy"]);
    let more = Rule { name: "more".into(), ..rule(Trouble::default()) };
    let both = policy(vec![rule(Trouble { repeat: Some(MINUTE), ..Trouble::default() }), more.clone()]);
    scene.act(|keeper, now, told| keeper.adopt(both.into(), Arc::default(), now, told));
    scene.expect(&["alert a unhealthy"]);
    scene.pass(MINUTE).expect(&["reminder a unhealthy"]);
    scene.act(|keeper, now, told| keeper.adopt(policy(vec![more]).into(), Arc::default(), now, told));
    scene.pass(MINUTE * 5).expect(&[]);
    scene.see("a", Healthy).expect(&["resolved a unhealthy"]);
}

#[test]
fn a_check_that_is_gone_has_no_trouble() {
    let mut scene = Scene::new(policy(vec![rule(Trouble::default())]));
    scene.see("a", Unhealthy);
    scene.act(|keeper, now, told| keeper.forget("a", &"nobody watches it any more".into(), now, told));
    scene.expect(&["alert a unhealthy", "resolved a unhealthy"]);
    scene.expect_log(&["alert a r", "resolved a nobody watches it any more"]);
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_waiting_for_years() {
    let mut scene = Scene::new(policy(vec![rule(Trouble { hold: MINUTE, ..Trouble::default() })]));
    scene.now = "2036-01-01T00:00:00Z".parse().unwrap();
    scene.see("a", Degraded);
    scene.now = start();
    scene.see("a", Unhealthy).pass(MINUTE).expect(&["alert a unhealthy"]);
}
