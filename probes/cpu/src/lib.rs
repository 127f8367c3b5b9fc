//! `cpu`: looks at how busy the processors of the runner's machine are.

mod settings;
mod usage;

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Description, Error, Failure, Findings, Probe, SettingProblem, Verdict,
    expected::Number,
    settings::Span,
    system::{self, Cpu},
};

pub use crate::settings::Settings;
use crate::usage::{Counters, Usage};

/// The probe.
pub struct Processors;

impl Probe for Processors {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Looks at how busy the processors of the runner's machine are.";
        Description::new("cpu", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("system:cpu")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let (cpu, usage) = observe(settings, attempt)?;
        let mut findings = Findings::default();
        judge(settings, &cpu, &usage, &mut findings);
        let target = if cpu.cores == 1 { "1 core".to_owned() } else { format!("{} cores", cpu.cores) };
        let praise =
            format!("{} {} busy over {}", if cpu.cores == 1 { "was" } else { "were" }, usage.busy, Span(usage.over));
        let verdict = findings.verdict(attempt, None, &target, &praise);
        Ok(tell(verdict, &cpu, &usage).state(Counters::of(&cpu).to_bytes()))
    }
}

/// What the processors have done since the last run; or over a sample, at the first run, and where the last was so short a time
/// ago that it tells no more than one.
fn observe(settings: &Settings, attempt: &Attempt) -> Result<(Cpu, Usage), Failure> {
    let cpu = system::cpu()?;
    let now = Counters::of(&cpu);
    let last = Counters::from_bytes(&attempt.run().state);
    let since = last.and_then(|last| Usage::between(&last, &now, cpu.cores));
    if let Some(usage) = since.filter(|usage| usage.over >= settings.sample.0) {
        return Ok((cpu, usage));
    }
    attempt.deadline().within(settings.sample.0).pass();
    let cpu = system::cpu()?;
    match Usage::between(&now, &Counters::of(&cpu), cpu.cores) {
        Some(usage) => Ok((cpu, usage)),
        None => {
            let cause = Cause::Runner("the kernel's counters stood still".to_owned());
            Err(Error::new("looking at the processors", cause).into())
        }
    }
}

fn judge(settings: &Settings, cpu: &Cpu, usage: &Usage, findings: &mut Findings) {
    let over = Span(usage.over);
    let shares = [
        (settings.busy(), usage.busy, "busy"),
        (settings.iowait(), usage.iowait, "idle while a disk was waited for"),
        (settings.steal(), usage.steal, "kept from working by the hypervisor"),
    ];
    for (limits, share, what) in shares {
        limits.hold_down(share, &format!("{share} {what} over {over}"), findings);
    }
    if let (Some(group), Some(share)) = (&cpu.control_group, usage.throttled) {
        let told = format!("the runner's control group {} was held back in {share} of its periods", group.path);
        settings.throttled().hold_down(share, &told, findings);
    }
    let load = load_of_core(cpu);
    settings.load().hold_down(load, &format!("a load of {load} for each core"), findings);
}

/// The load of the last minute, divided among the cores.
fn load_of_core(cpu: &Cpu) -> Number {
    // As exact as the kernel tells the load.
    Number((cpu.load.one / f64::from(cpu.cores.max(1)) * 100.0).round() / 100.0)
}

/// Adds what was seen to a verdict.
fn tell(verdict: Verdict, cpu: &Cpu, usage: &Usage) -> Verdict {
    let verdict = verdict
        .measurement("cores", "1", cpu.cores.into())
        .measurement("over", "s", usage.over.as_secs_f64())
        .measurement("busy", "1", usage.busy.0)
        .measurement("idle", "1", usage.idle.0)
        .measurement("iowait", "1", usage.iowait.0)
        .measurement("steal", "1", usage.steal.0)
        .measurement("load-1", "1", cpu.load.one)
        .measurement("load-5", "1", cpu.load.five)
        .measurement("load-15", "1", cpu.load.fifteen)
        .measurement("load-per-core", "1", load_of_core(cpu).0);
    let Some(group) = &cpu.control_group else { return verdict };
    let verdict =
        verdict.detail("control-group", group.path.as_str()).measurement("control-group-cores", "1", group.cores);
    match usage.throttled {
        Some(share) => verdict.measurement("throttled", "1", share.0),
        None => verdict,
    }
}

probity_guest::export!(Processors);

#[cfg(test)]
mod tests {
    use probity_guest::{
        settings::{Share, parse},
        system::{CpuGroup, Load},
    };

    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<Processors>(), Ok(Vec::new()));
    }

    fn cpu(load: f64, grouped: bool) -> Cpu {
        let (path, throttled) = ("/a".to_owned(), 0);
        let group = CpuGroup { path, cores: 0.5, periods: 9, throttled_periods: 3, throttled };
        let load = Load { one: load, five: 0.0, fifteen: 0.0 };
        Cpu { cores: 4, busy: 0, idle: 0, iowait: 0, steal: 0, load, control_group: grouped.then_some(group) }
    }

    fn usage(busy: f64) -> Usage {
        let over = Duration::from_secs(30);
        let [busy, idle, iowait, steal] = [busy, 0.0, 0.2, 0.1].map(Share);
        Usage { over, busy, idle, iowait, steal, throttled: Some(Share(0.25)) }
    }

    fn judged(settings: &str, cpu: &Cpu, usage: &Usage) -> Findings {
        let mut findings = Findings::default();
        judge(&parse(settings).unwrap(), cpu, usage, &mut findings);
        findings
    }

    #[test]
    fn figures_are_held_to_their_limits() {
        let degraded = |text: &str| {
            let mut findings = Findings::default();
            findings.degraded(text);
            findings
        };
        assert_eq!(judged("{}", &cpu(100.0, true), &usage(0.89)), Findings::default());
        assert_eq!(judged("{}", &cpu(0.0, false), &usage(0.9)), degraded("90% busy over 30.0 s: 90% or more"));
        let mut unhealthy = Findings::default();
        unhealthy.unhealthy("95% busy over 30.0 s: 95% or more");
        assert_eq!(judged(r#"{ "unhealthy_busy": 0.95 }"#, &cpu(0.0, false), &usage(0.95)), unhealthy);
        for (settings, text) in [
            (r#"{ "degraded_iowait": 0.2 }"#, "20% idle while a disk was waited for over 30.0 s: 20% or more"),
            (r#"{ "degraded_steal": 0.1 }"#, "10% kept from working by the hypervisor over 30.0 s: 10% or more"),
            (
                r#"{ "degraded_throttled": 0.25 }"#,
                "the runner's control group /a was held back in 25% of its periods: 25% or more",
            ),
            (r#"{ "degraded_load": 1.5 }"#, "a load of 1.58 for each core: 1.5 or more"),
        ] {
            assert_eq!(judged(settings, &cpu(6.33, true), &usage(0.5)), degraded(text));
        }
        assert_eq!(judged(r#"{ "degraded_throttled": 0.01 }"#, &cpu(0.0, false), &usage(0.5)), Findings::default());
    }
}
