//! Checks that depend on others.

use super::*;

#[test]
fn who_depends_on_what_is_down_is_not_told_of() {
    let mut scene =
        Scene::with_family(policy(vec![rule(Trouble::default())]), &[("child", "parent"), ("grandchild", "child")]);
    scene.see("child", Unhealthy).expect(&["alert child unhealthy"]);
    scene.see("parent", Unhealthy).see("grandchild", Unhealthy).expect(&["alert parent unhealthy"]);
    scene.expect_log(&["alert child r", "alert parent r", "suppressed grandchild check:child,check:parent"]);
    // Resolution is never suppressed.
    scene.see("child", Healthy).expect(&["resolved child unhealthy"]);
    // A parent of which nothing is known was down when it was last known.
    scene.see("parent", Unknown).expect(&[]);
    scene.see("parent", Healthy).expect(&["resolved parent unknown", "alert grandchild unhealthy"]);
    scene.see("parent", Degraded).expect(&["alert parent degraded"]);
    scene.see("child", Unhealthy).expect(&["alert child unhealthy"]);
}

#[test]
fn a_parent_that_fails_within_the_window_takes_the_blame() {
    let mut scene =
        Scene::with_family(Policy { window: MINUTE, ..policy(vec![rule(Trouble::default())]) }, &[("child", "parent")]);
    scene.see("child", Unhealthy).pass(MINUTE / 2).see("parent", Unhealthy).pass(MINUTE * 2);
    scene.expect(&["alert parent unhealthy"]);
    // The child has time to be found well, too.
    scene
        .see("parent", Healthy)
        .pass(MINUTE / 2)
        .see("child", Healthy)
        .pass(MINUTE)
        .expect(&["resolved parent unhealthy"]);
}

#[test]
fn who_depends_on_a_suspect_is_told_of_once_it_is_known_how_that_is() {
    let suspect = |scene: &mut Scene| {
        let until = batch::later(scene.now, MINUTE);
        scene.act(|keeper, now, told| {
            keeper.suspect(&"parent".into(), until, now, told);
            assert!(keeper.is_suspect("parent", now) && !keeper.is_suspect("child", now));
        });
    };
    let scene =
        || Scene::with_family(policy(vec![rule(Trouble::default())]), &[("child", "parent"), ("grandchild", "child")]);
    // It is down.
    let mut down = scene();
    suspect(&mut down);
    down.see("child", Unhealthy).see("grandchild", Unknown).see("other", Unhealthy).expect(&["alert other unhealthy"]);
    down.pass(MINUTE / 2).see("parent", Unhealthy);
    down.act(|keeper, now, told| keeper.clear("parent", now, told)).expect(&["alert parent unhealthy"]);
    // It is well.
    let mut well = scene();
    suspect(&mut well);
    well.see("child", Unhealthy).pass(MINUTE / 2).expect(&[]);
    well.act(|keeper, now, told| keeper.clear("parent", now, told)).expect(&["alert child unhealthy"]);
    // Nobody finds out.
    let mut open = scene();
    suspect(&mut open);
    open.see("child", Unhealthy).expect(&[]).pass(MINUTE).expect(&["alert child unhealthy"]);
    // What waits to be told waits for that as well.
    let mut queued = Scene::with_family(
        Policy { window: MINUTE / 2, ..policy(vec![rule(Trouble::default())]) },
        &[("child", "parent")],
    );
    queued.see("child", Unhealthy);
    suspect(&mut queued);
    queued.pass(MINUTE).expect(&[]).pass(MINUTE / 2).expect(&["alert child unhealthy"]);
}
