//! What wins: the check, the defaults of the config, the probe's manifest, or what is built in.

use probity_core::{
    backoff::Policy,
    schedule::{Every, Schedule},
};

use super::*;

#[test]
fn a_schedule_is_an_interval_or_cron() {
    let cron = check("cron = \"*/5 8-18 * * mon-fri\"\ntimezone = \"Europe/Stockholm\"").unwrap();
    let plan = cron.plan(Suggestions::default(), Duration::ZERO).unwrap();
    assert_eq!(plan.policy.schedule.to_string(), "cron */5 8-18 * * mon-fri Europe/Stockholm");
    assert_eq!(
        problems(check("cron = \"@daily\"\ninterval = \"1h\"")),
        ["4: `interval` and `cron` exclude each other; leave one out"]
    );
    let wrong = problems(check("timezone = \"Europe/Stokholm\"\ncron = \"@fortnightly\""));
    assert_eq!(wrong[0], "3: timezone: `Europe/Stokholm` is not an IANA time zone; did you mean `Europe/Stockholm`?");
    assert!(wrong.len() == 2 && wrong[1].starts_with("4: cron: `@fortnightly` is no known nickname"), "{wrong:?}");
    let wrong = problems(check("cron = \"61 * * * *\"\ntimezone = \"UTC\""));
    assert!(wrong.len() == 1 && wrong[0].starts_with("3: cron: in `61 * * * *`"), "{wrong:?}");
    let mixed = parse("[defaults]\ninterval = \"1m\"\n[[check]]\nname = \"a\"\ncron = \"@daily\"").unwrap();
    assert!(matches!(mixed.checks[0].schedule, When::Cron(_)), "a check's schedule wins over the interval of all");
}

#[test]
fn the_check_wins_over_the_defaults_and_those_over_the_manifest() {
    let suggestions = Suggestions {
        interval: Some(3 * SECOND),
        timeout: Some(2 * SECOND),
        critical: Some(true),
        ..Suggestions::default()
    };
    let defaults = "[defaults]\ninterval = \"20s\"\ntimeout = \"4s\"\ncritical = false\njitter = 0\n";
    let own = "interval = \"40s\"\ntimeout = \"8s\"\ncritical = true\n";
    for (defaults, own, interval, timeout, critical) in
        [("", "", 3, 2, true), (defaults, "", 20, 4, false), ("", own, 40, 8, true), (defaults, own, 40, 8, true)]
    {
        let config = parse(&format!("{defaults}[[check]]\nname = \"a\"\n{own}")).unwrap();
        let plan = config.checks[0].plan(suggestions, Duration::ZERO).unwrap();
        let Schedule::Every(every) = &plan.policy.schedule else { panic!("{plan:?}") };
        assert_eq!((every.interval(), plan.timeout), (interval * SECOND, timeout * SECOND));
        assert_eq!(plan.critical, critical);
        assert_eq!(plan.policy.down_interval, Some(interval * SECOND));
        assert_eq!(plan.policy.fast_interval, (interval * SECOND).min(5 * SECOND));
    }
    let plan = check("").unwrap().plan(Suggestions::default(), SECOND).unwrap();
    assert_eq!((plan.timeout, plan.critical, plan.policy.spread), (10 * SECOND, false, SECOND));
    assert_eq!(plan.policy.schedule, Schedule::Every(Every::new(30 * SECOND, 0.1, "a").unwrap()));
}

#[test]
fn limits_and_delays_are_merged_key_by_key() {
    let text = r#"
[defaults.limits]
fuel = 5
[defaults.connection]
reconnect_delay = "2s"
max_reconnect_attempts = 3
down_interval = "off"
max_age = "10m"
fall = 7
[[check]]
name = "a"
limits = { memory = 1_000_000 }
connection = { rise = 2, max_reconnect_attempts = "unlimited", fast_interval = "1s", jitter = 0.0 }
"#;
    let check = &parse(text).unwrap().checks[0];
    let limits = Limits { fuel: 5, memory: 1_000_000, ..Limits::DEFAULT };
    assert_eq!(check.limits, limits);
    let plan = check.plan(Suggestions::default(), Duration::ZERO).unwrap();
    assert_eq!(plan.max_age, Some(600 * SECOND));
    let policy = plan.policy;
    assert_eq!((policy.thresholds.fall.get(), policy.thresholds.rise.get()), (7, 2));
    assert_eq!((policy.down_interval, policy.fast_interval), (None, SECOND));
    assert_eq!(policy.backoff, Policy::new(2 * SECOND, 2.0, 60 * SECOND, 0.0, None).unwrap());
}

#[test]
fn a_passive_probe_is_believed_at_once_unless_the_operator_says_otherwise() {
    let passive = Suggestions { passive: true, ..Suggestions::default() };
    let lives = |text: &str, suggestions| {
        let config = parse(text).unwrap();
        let policy = config.checks[0].plan(suggestions, Duration::ZERO).unwrap().policy;
        let failures = policy.circuit.trip.failures.map(std::num::NonZeroU32::get);
        (policy.thresholds.fall.get(), policy.backoff.attempts(), failures, policy.down_interval)
    };
    let check = "[[check]]\nname = \"a\"\ninterval = \"7s\"\n";
    assert_eq!(lives(check, Suggestions::default()), (3, None, Some(10), Some(7 * SECOND)));
    assert_eq!(lives(check, passive), (1, Some(0), None, Some(7 * SECOND)));
    let own = format!("{check}connection = {{ fall = 2, max_reconnect_attempts = 4 }}\ncircuit = {{ failures = 5 }}\n");
    assert_eq!(lives(&own, passive), (2, Some(4), Some(5), Some(7 * SECOND)));
    let of_all = format!("[defaults.connection]\nfall = 2\n{check}");
    assert_eq!(lives(&of_all, passive), (2, Some(0), None, Some(7 * SECOND)));
    let window = format!("{check}connection.fall_window = 5\n");
    assert_eq!(lives(&window, passive).0, 3, "a window is of the failures that it was said for");
}

#[test]
fn a_connection_lives_for_an_hour_or_as_is_said() {
    for (said, age) in
        [("", Some(3600)), ("connection.max_age = \"5s\"", Some(5)), ("connection.max_age = \"off\"", None)]
    {
        let plan = check(said).unwrap().plan(Suggestions::default(), Duration::ZERO).unwrap();
        assert_eq!(plan.max_age, age.map(Duration::from_secs), "{said}");
    }
}

#[test]
fn a_cron_schedule_has_its_own_pace_while_down() {
    let check = check("cron = \"@daily\"\nconnection.max_reconnect_delay = \"10m\"").unwrap();
    let policy = check.plan(Suggestions::default(), Duration::ZERO).unwrap().policy;
    assert_eq!((policy.fast_interval, policy.down_interval), (5 * SECOND, Some(600 * SECOND)));
}

#[test]
fn the_ends_of_each_range_are_fine_for_the_core() {
    for (delay, multiplier, jitter) in [("10ms", 1, 0), ("24h", 100, 1)] {
        let text = format!(
            "interval = \"100ms\"\n[check.connection]\nreconnect_delay = \"{delay}\"\nmax_reconnect_delay = \"24h\"\n\
             reconnect_multiplier = {multiplier}\njitter = {jitter}"
        );
        assert!(check(&text).is_ok(), "{text}");
    }
}

#[test]
fn delays_that_contradict_each_other_are_reported_where_they_meet() {
    let why = "the largest delay (5s) must not be less than the first (10s)";
    let text = "[[check]]\nname = \"a\"\n[check.connection]\nreconnect_delay = \"10s\"\nmax_reconnect_delay = \"5s\"";
    assert_eq!(problems(parse(text)), [format!("5: max_reconnect_delay: {why}")]);
    let text = "[defaults.connection]\nmax_reconnect_delay = \"5s\"\n[[check]]\nname = \"a\"\n[check.connection]\n\
                reconnect_delay = \"10s\"\n[[check]]\nname = \"b\"";
    assert_eq!(problems(parse(text)), [format!("6: reconnect_delay: {why}")]);
    let text =
        "[defaults.connection]\nmax_reconnect_delay = \"5s\"\nreconnect_delay = \"10s\"\n[[check]]\nname = \"a\"";
    assert_eq!(problems(parse(text)), [format!("2: max_reconnect_delay: {why}")]);
}

#[test]
fn a_suggestion_out_of_range_counts_only_if_it_is_needed() {
    let suggestions =
        Suggestions { interval: Some(Duration::from_nanos(1)), timeout: Some(Duration::MAX), ..Suggestions::default() };
    let plan = |lines: &str| check(lines).unwrap().plan(suggestions, Duration::ZERO);
    assert_eq!(plan("interval = \"1s\""), Err(PlanError::Timeout(Duration::MAX)));
    assert_eq!(
        PlanError::Timeout(2 * 3600 * SECOND).to_string(),
        "the time-out must be from 1ms to 1h, not 7200s; the probe suggests it, and the check does not say otherwise"
    );
    assert!(matches!(plan("timeout = \"1s\""), Err(PlanError::Interval(_))));
    assert!(plan("timeout = \"1m\"\ninterval = \"1s\"").is_ok(), "a run may outlast its interval");
}

#[test]
fn no_run_may_have_more_than_the_operator_lets_any_have() {
    let config = "[limits.max]\nmemory = \"16MiB\"\nsockets = 4\n[defaults.limits]\nmemory = \"8MiB\"\n[[check]]\nname = \"a\"\n";
    let check = &parse(config).unwrap().checks[0];
    let limits = Limits { memory: 8 << 20, sockets: 4, ..Limits::DEFAULT };
    assert_eq!(check.limits, limits, "what nobody asks for is within it as well");
    let config = config.to_owned() + "[check.limits]\nmemory = \"1GiB\"\nsockets = 4\n";
    let message = "memory: no run may have 1073741824 of it, since [limits.max] has memory = 16777216; ask for less here, or \
                   raise it there";
    assert_eq!(problems(parse(&config)), [format!("9: {message}")]);

    let config = parse("[limits.max]\nlookups = 1").unwrap();
    let beside = |text| config.sidecar(Path::new("/etc/probity/probes.d/ping.toml"), text, "ping", surroundings());
    assert_eq!(beside("[[check]]").unwrap()[0].limits.lookups, 1);
    assert!(problems(beside("[[check]]\nlimits.lookups = 2"))[0].contains("has lookups = 1;"));
    assert_eq!(
        problems(parse("limits.max.state = 5\ndefaults.limits.state = 6")),
        ["2: state: no run may have 6 of it, since [limits.max] has state = 5; ask for less here, or raise it there"]
    );
}
