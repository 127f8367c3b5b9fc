//! What must be true of whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const CHECKS: [&str; 3] = ["parent", "child", "other"];

#[derive(Clone, Debug)]
enum Step {
    See(usize, Health),
    Pass(u64),
    Silence(usize, u64),
    Unsilence(usize),
    Acknowledge(usize, Option<u64>),
    Forget(usize),
    Suspect(u64),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let check = 0..CHECKS.len();
    let health = prop::sample::select(Health::ALL.to_vec());
    let step = prop_oneof![
        6 => (check.clone(), health).prop_map(|(check, health)| Step::See(check, health)),
        4 => (1u64..200).prop_map(Step::Pass),
        1 => (check.clone(), 1u64..300).prop_map(|(check, span)| Step::Silence(check, span)),
        1 => check.clone().prop_map(Step::Unsilence),
        1 => (check.clone(), prop::option::of(1u64..300)).prop_map(|(check, span)| Step::Acknowledge(check, span)),
        1 => check.prop_map(Step::Forget),
        1 => (1u64..100).prop_map(Step::Suspect),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a reader of the messages of one rule believes of each alert.
#[derive(Default)]
struct Believed {
    /// The alerts that were told and not resolved, each with the time of the last message.
    open: BTreeMap<Arc<str>, Timestamp>,
}

struct Model {
    scene: Scene,
    believed: Believed,
    hold: Duration,
    repeat: Option<Duration>,
    window: Duration,
}

impl Model {
    fn act(&mut self, act: impl FnOnce(&mut Keeper, Timestamp, &mut Told)) -> Result<(), TestCaseError> {
        let mut told = Told::default();
        let now = self.scene.now;
        act(&mut self.scene.keeper, now, &mut told);
        self.scene.keeper.poll(now, &mut told);
        for item in told.messages.iter().flat_map(|message| &message.items) {
            self.hear(item)?;
        }
        prop_assert!(self.scene.keeper.due().is_none_or(|due| now < due), "what is due was done");
        Ok(())
    }

    fn hear(&mut self, item: &Item) -> Result<(), TestCaseError> {
        let (keeper, now) = (&self.scene.keeper, self.scene.now);
        let id = item.alert.clone().unwrap();
        if item.kind == ItemKind::Resolved {
            prop_assert!(self.believed.open.remove(&id).is_some(), "an end was told of what nobody had heard of");
            return Ok(());
        }
        let check = item.check.clone().unwrap();
        let alert = &keeper.alerts()[&check];
        prop_assert!(now >= batch::later(alert.rules["r"].since, self.hold), "too early");
        prop_assert_eq!(&alert.rules["r"].suppressed_by, &Vec::<Arc<str>>::new());
        let silenced = keeper.silences().values().any(|silence| silence.selector.selects(&alert.subject));
        let parent_down = *check == *"child" && keeper.alerts().get("parent").is_some_and(|parent| parent.down);
        prop_assert!(!silenced && !parent_down && alert.acknowledged.is_none(), "it was suppressed");
        prop_assert!(*check != *"child" || !keeper.is_suspect("parent", now), "its parent was to be looked at first");
        let before = self.believed.open.insert(id, now);
        prop_assert_eq!(before.is_some(), item.kind != ItemKind::Alert, "the first word is an alert, and no other is");
        if item.kind == ItemKind::Reminder {
            let repeat = self.repeat.unwrap();
            prop_assert!(now >= batch::later(before.unwrap(), repeat), "reminded too early");
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) -> Result<(), TestCaseError> {
        let end = batch::later(self.scene.now, span);
        while let Some(due) = self.scene.keeper.due().filter(|due| *due <= end) {
            self.scene.now = due;
            self.act(|_, _, _| ())?;
        }
        self.scene.now = end;
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let now = self.scene.now;
        match *step {
            Step::See(check, health) => {
                let subject = Subject { critical: check == 2, ..Subject::new(CHECKS[check]) };
                self.act(|keeper, now, told| keeper.observe(&subject, health, &"m".into(), now, told))
            }
            Step::Pass(seconds) => self.pass(Duration::from_secs(seconds)),
            Step::Silence(check, seconds) => {
                let selector = Selector { checks: vec![Pattern::new(CHECKS[check])], ..Selector::default() };
                let until = batch::later(now, Duration::from_secs(seconds));
                let id = CHECKS[check].to_owned();
                let silence = Silence { id, selector, created: now, until, by: String::new(), comment: String::new() };
                self.act(|keeper, now, told| keeper.silence(silence, now, told))
            }
            Step::Unsilence(check) => self.act(|keeper, now, told| {
                keeper.unsilence(CHECKS[check], "", now, told);
            }),
            Step::Acknowledge(check, seconds) => {
                let Some(alert) = self.scene.keeper.alerts().get(CHECKS[check]).cloned() else { return Ok(()) };
                let until = seconds.map(|seconds| batch::later(now, Duration::from_secs(seconds)));
                let (by, comment) = (String::new(), String::new());
                let acknowledgement = Acknowledgement { at: now, until, by, comment, severity: alert.severity };
                self.act(|keeper, now, told| {
                    keeper.acknowledge(&alert.id, acknowledgement, now, told);
                })
            }
            Step::Suspect(seconds) => {
                let until = batch::later(now, Duration::from_secs(seconds));
                self.act(|keeper, now, told| keeper.suspect(&CHECKS[0].into(), until, now, told))
            }
            Step::Clear => self.act(|keeper, now, told| keeper.clear(CHECKS[0], now, told)),
            Step::Forget(check) => {
                self.act(|keeper, now, told| keeper.forget(CHECKS[check], &"gone".into(), now, told))
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_suppressed_is_told_and_every_end_of_what_was_told_is(
        steps in steps(),
        hold in prop::sample::select(vec![0u64, 30, 100]),
        repeat in prop::option::of(prop::sample::select(vec![60u64, 150])),
        window in prop::sample::select(vec![0u64, 10, 90]),
        summary_above in 0usize..4,
        unknown in any::<bool>(),
    ) {
        let mut severities: std::collections::BTreeSet<Severity> = Severity::ALL.into();
        if !unknown {
            severities.remove(&Severity::Unknown);
        }
        let span = Duration::from_secs;
        let trouble = Trouble { severities, hold: span(hold), repeat: repeat.map(span), resolve: true };
        let with = Policy { window: span(window), summary_above, ..policy(vec![rule(trouble)]) };
        let mut model = Model {
            scene: Scene::with_family(with, &[("child", "parent")]),
            believed: Believed::default(),
            hold: span(hold),
            repeat: repeat.map(span),
            window: span(window),
        };
        for step in &steps {
            model.step(step)?;
        }
        // Whatever is suppressed, the end is told.
        for check in 0..CHECKS.len() {
            model.step(&Step::See(check, Health::Healthy))?;
        }
        model.pass(model.window.max(Policy::default().summary_interval) * 2)?;
        prop_assert!(model.believed.open.is_empty(), "never resolved: {:?}", model.believed.open);
        prop_assert!(model.scene.keeper.alerts().is_empty());
    }
}
