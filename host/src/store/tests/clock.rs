//! A clock that is wrong for a while, and a runner that stands still.

use super::*;

/// What the life of a check came to in the last three hours, and in the last days.
fn totals(check: &Check) -> [Rollup; 2] {
    assert!(check.store.flush(PATIENCE));
    let now = Timestamp::now();
    let wanted =
        [(Level::Hour, now - SignedDuration::from_hours(3)), (Level::Day, now - SignedDuration::from_hours(48))];
    let found = check.store.stretches("db", &wanted, now).unwrap().unwrap();
    assert!(found.iter().all(|stretches| stretches.from <= now), "{found:?}");
    [found[0].total.clone(), found[1].total.clone()]
}

fn incident(check: &Check) -> Incident {
    let mut page = check.store.incidents("db", &check.asked()).unwrap().unwrap();
    assert_eq!(page.entries.len(), 1, "{page:?}");
    page.entries.remove(0)
}

#[test]
fn downtime_counts_though_the_clock_of_the_runner_before_was_a_month_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let month = SignedDuration::from_hours(30 * 24);
    let mut check = Check::begin(&Arc::new(store), Timestamp::now() + month);
    check.run(verdict(Status::Healthy, "well"));
    assert!(check.store.close(PATIENCE));
    drop(check);

    let began = Timestamp::now();
    let (store, _) = open_when_free(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    for _ in 0..3 {
        check.run(verdict(Status::Unhealthy, "down"));
    }
    for total in totals(&check) {
        assert!(total.failures == 3 && total.up == 0, "{total:?}");
    }
    let incident = incident(&check);
    assert!(incident.began >= began.as_millisecond(), "{incident:?}");
    assert!(incident.began < (began + SignedDuration::from_hours(1)).as_millisecond(), "{incident:?}");
}

#[test]
fn downtime_counts_while_a_clock_that_was_wrong_is_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let month = SignedDuration::from_hours(30 * 24);
    let mut check = Check::begin(&Arc::new(store), past());
    check.run(verdict(Status::Healthy, "well"));
    let set = check.now.wall;
    check.store.put(Item::Leap((set, set + month)));
    check.now.wall = set + month;
    for _ in 0..3 {
        check.run(verdict(Status::Unhealthy, "down"));
    }
    let wrong = check.now.wall;
    check.store.put(Item::Leap((wrong, wrong - month)));
    check.now.wall = wrong - month;
    check.run(verdict(Status::Unhealthy, "down"));
    let ended = check.now.wall;
    let since = Duration::try_from(Timestamp::now().duration_since(ended)).unwrap();
    for total in totals(&check) {
        assert!(u128::from(total.down) >= since.as_millis(), "{since:?}: {total:?}");
        assert!(total.failures >= 1, "{total:?}");
    }
    let incident = incident(&check);
    assert!(incident.began <= ended.as_millisecond(), "{incident:?}");
}

#[test]
fn a_run_during_which_the_clock_was_set_back_ended_when_it_was_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    check.run(verdict(Status::Healthy, "well"));
    let right = check.now.wall;
    let run = Run {
        started: right + SignedDuration::from_hours(700),
        took: Duration::from_secs(2),
        outcome: verdict(Status::Healthy, "well"),
        usage: Usage::default(),
    };
    check.now.wall = right + SignedDuration::from_secs(4);
    check.keeper.keep(&check.machine, Some((&Arc::new(run), 3, false)), false, check.now);
    let kept = check.results()[0].run.started;
    assert_eq!(kept.as_microsecond(), (right + SignedDuration::from_secs(2)).as_microsecond(), "to the microsecond");
    assert!(totals(&check).iter().all(|total| total.results == 2));
}

#[test]
fn time_in_which_the_runner_stood_still_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    check.run(verdict(Status::Healthy, "well"));
    let stopped = check.now.wall;
    let span = SignedDuration::from_secs(600);
    check.store.put(Item::Leap((stopped, stopped + span)));
    check.now.wall = stopped + span;
    check.run(verdict(Status::Healthy, "well"));
    for again in [false, true] {
        for total in totals(&check) {
            // Between two runners some moments are unknown as well.
            assert!((600_000..660_000).contains(&total.unknown), "{again}: {total:?}");
            assert!(
                total.up > 600_000 && total.results == 2,
                "{again}: what was known before is known again: {total:?}"
            );
        }
        if !again {
            assert!(check.store.close(PATIENCE));
            let Check { now, .. } = check;
            let (store, _) = open_when_free(options(folder.path()));
            check = Check::begin(&Arc::new(store), now.wall);
        }
    }
}
