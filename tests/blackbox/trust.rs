//! Which dropped components are trusted, and what becomes of the others.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::json;

use crate::{
    guest,
    runner::{BRISK, Home, Runner, run_to_end},
    servers,
    target::Target,
};

/// What is added to trust nothing but what is listed.
const STRICT: &str = "[security.trust]\nallow_unlisted = false\n";

fn config(trust: &str) -> String {
    format!("{BRISK}{trust}")
}

/// Makes a pair of keys; the line of the config.
fn keygen(home: &Home, out: &str) -> String {
    let ended = home.run(&["keygen", "--no-password", "--out", out]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.lines().last().unwrap().to_owned()
}

fn sign(home: &Home, key: &str, file: &str) {
    let ended = home.run(&["sign", "--key", key, file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The digest of a component, as a person finds it.
fn digest(home: &Home, file: &str) -> String {
    let ended = home.run(&["inspect", file]);
    ended
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("digest   "))
        .unwrap_or_else(|| panic!("{ended:?}"))
        .to_owned()
}

/// Whether anything was ever compiled.
fn compiled(runner: &Runner) -> usize {
    fs::read_dir(runner.home.path("state/compiled")).map_or(0, |entries| {
        entries
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "cwasm"))
            .count()
    })
}

#[test]
fn by_default_whatever_is_dropped_is_trusted() {
    let home = Home::new(&config(""));
    home.drop_in("a", &guest::saying("hello"));
    home.put("probes.d/a.wasm.sig", b"of somebody whom nobody knows");
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    runner.stop();
}

#[test]
fn what_is_not_listed_is_rejected_and_never_compiled() {
    let home = Home::new(&config(STRICT));
    home.drop_in("a", &guest::saying("hello"));
    // What is not trusted is not even looked at.
    home.drop_in("junk", b"junk");
    let digest = digest(&home, "probes.d/a.wasm");
    let runner = home.start();
    for probe in ["a", "junk"] {
        let reason = runner.wait_for_rejection(probe);
        assert!(
            reason.contains("it is neither signed nor pinned, and `security.trust.allow_unlisted` is false"),
            "{reason}"
        );
        runner.wait_for_log(&reason);
    }
    let line = format!("\"a\" = \"{digest}\"");
    let reason = runner.wait_for_rejection("a");
    assert!(reason.ends_with(&format!("add to [security.trust.digests]: {line}")), "{reason}");
    let probe = runner.probe("a").unwrap();
    assert_eq!((&probe["digest"], &probe["generation"]), (&json!(null), &json!(0)), "{probe}");
    runner.wait_for_checks(&[]);
    assert_eq!(compiled(&runner), 0, "nothing is compiled that is not trusted");

    // What it said to add is enough.
    let pinned = config(&format!("{STRICT}[security.trust.digests]\n{line}\n"));
    runner.home.put("probity.toml", pinned.as_bytes());
    runner.wait_for_message("a", "hello");
    assert_eq!(compiled(&runner), 1);
    runner.stop();
}

#[test]
fn what_is_part_of_the_program_is_always_trusted() {
    let target = Target::greeting("hello");
    let check = format!(
        "[[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = {} }}\n",
        target.port()
    );
    let home = Home::new(&config(&format!("{STRICT}{check}")));
    let runner = home.start();
    runner.wait_for_check("door", "is healthy", |check| check.status() == "healthy");
    // And what would hide it has to be trusted first.
    runner.home.drop_in("tcp", &guest::saying("I am another"));
    runner.wait_for_log("it is neither signed nor pinned");
    runner.stop();
}

#[test]
fn the_last_good_one_goes_on_until_another_is_trusted() {
    let home = Home::new("");
    let keys = keygen(&home, "mine.key");
    keygen(&home, "other.key");
    home.put("probity.toml", config(&format!("{STRICT}{keys}\n[[check]]\nname = \"a\"\n")).as_bytes());
    home.drop_in("a", &guest::saying("one"));
    sign(&home, "mine.key", "probes.d/a.wasm");
    let runner = home.start();
    runner.wait_for_message("a", "one");
    let generation = |runner: &Runner| runner.probe("a").unwrap()["generation"].clone();
    assert_eq!(generation(&runner), 1);

    let rejected = |part: &str| {
        runner.wait_for_probe("a", &format!("is rejected: {part}"), |probe| {
            probe["state"] == "rejected" && probe["reason"].as_str().is_some_and(|reason| reason.contains(part))
        });
        runner.wait_for_runs("a", 2);
        assert_eq!(runner.check("a").unwrap().message(), "one", "the last good one goes on");
        assert_eq!(generation(&runner), 1);
    };
    // The signature is of what was there before.
    runner.home.drop_in("a", &guest::saying("two"));
    rejected("is not of this file: one of the two was changed");
    sign(&runner.home, "other.key", "probes.d/a.wasm");
    rejected("which is none of `security.trust.keys`");
    runner.home.remove("probes.d/a.wasm.sig");
    rejected("it is neither signed nor pinned");
    runner.home.put("probes.d/a.wasm.sig", b"hello");
    rejected("is not one of minisign");
    // Another component that is trusted, under a name that it was not signed for.
    runner.home.put("b.wasm", &guest::saying("three"));
    sign(&runner.home, "mine.key", "b.wasm");
    runner.home.put("probes.d/a.wasm.sig", &fs::read(runner.home.path("b.wasm.sig")).unwrap());
    runner.home.drop_in("a", &guest::saying("three"));
    rejected("says that the file is the probe `b`");

    runner.home.drop_in("a", &guest::saying("two"));
    sign(&runner.home, "mine.key", "probes.d/a.wasm");
    runner.wait_for_message("a", "two");
    assert_eq!(generation(&runner), 2);
    runner.stop();
}

#[test]
fn what_is_not_trusted_any_more_does_not_go_on() {
    let home = Home::new("");
    let keys = keygen(&home, "mine.key");
    let check = "[[check]]\nname = \"a\"\n";
    home.put("probity.toml", config(&format!("{STRICT}{keys}\n{check}")).as_bytes());
    home.drop_in("a", &guest::saying("one"));
    sign(&home, "mine.key", "probes.d/a.wasm");
    let runner = home.start();
    runner.wait_for_message("a", "one");

    // The key is taken out: what it vouched for is out as well.
    runner.home.put("probity.toml", config(&format!("{STRICT}{check}")).as_bytes());
    let check_now = runner.wait_for_check("a", "has no probe", |check| check.fault() == "link");
    assert!(check_now.message().contains("the probe `a` can't be used: it is not trusted"), "{}", check_now.message());
    // And back in.
    runner.home.put("probity.toml", config(&format!("{STRICT}{keys}\n{check}")).as_bytes());
    runner.wait_for_message("a", "one");

    // It is out too if it runs on for want of a better one.
    runner.home.drop_in("a", b"junk");
    runner.wait_for_rejection("a");
    runner.wait_for_runs("a", 2);
    runner.home.put("probity.toml", config(&format!("{STRICT}{check}")).as_bytes());
    runner.wait_for_check("a", "has no probe", |check| check.fault() == "link");
    runner.home.put("probity.toml", config(&format!("{STRICT}{keys}\n{check}")).as_bytes());
    runner.home.drop_in("a", &guest::saying("one"));
    runner.wait_for_message("a", "one");

    // A pin of another is stronger than a signature.
    let other = digest_of_other();
    let pinned = format!("{STRICT}{keys}\n[security.trust.digests]\na = [\"{other}\"]\n{check}");
    runner.home.put("probity.toml", config(&pinned).as_bytes());
    runner.wait_for_check("a", "has no probe", |check| check.fault() == "link");
    assert!(runner.wait_for_rejection("a").contains("its digest is none of those pinned for `a`"));
    runner.stop();
}

fn digest_of_other() -> String {
    format!("sha256:{}", "0123456789abcdef".repeat(4))
}

#[test]
fn a_bad_signature_is_worse_than_none() {
    let home = Home::new("");
    let keys = keygen(&home, "mine.key");
    home.put("probity.toml", config(&format!("[security.trust]\n{keys}\n")).as_bytes());
    home.drop_in("bare", &guest::saying("I am bare"));
    home.drop_in("forged", &guest::saying("I am forged"));
    sign(&home, "mine.key", "probes.d/forged.wasm");
    home.drop_in("forged", &guest::saying("I am another"));
    let runner = home.start();
    runner.wait_for_message("bare", "I am bare");
    assert!(runner.wait_for_rejection("forged").contains("is not of this file"));
    runner.stop();
}

#[test]
fn keys_are_kept_well() {
    let home = Home::new("");
    keygen(&home, "probity.key");
    let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("probity.key"), mode("probity.pub") & 0o600), (0o600, 0o600));
    let before = (fs::read(home.path("probity.key")).unwrap(), fs::read(home.path("probity.pub")).unwrap());
    // Neither is put in the place of another, be it there alone.
    for gone in ["", "probity.pub", "probity.key"] {
        if !gone.is_empty() {
            home.remove(gone);
        }
        let ended = home.run(&["keygen", "--no-password"]);
        assert!(
            ended.code == Some(3) && ended.stderr.contains("is there already, and a key is not to be lost"),
            "{ended:?}"
        );
        if !gone.is_empty() {
            assert!(!home.path(gone).exists(), "nothing is left half done");
            home.put(gone, if gone == "probity.pub" { &before.1 } else { &before.0 });
        }
    }
    assert_eq!((fs::read(home.path("probity.key")).unwrap(), fs::read(home.path("probity.pub")).unwrap()), before);
    let ended = home.run(&["keygen", "--out", "other.key"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("--password-file"), "{ended:?}");
}

#[test]
fn a_key_under_a_password_needs_it() {
    let home = Home::new("");
    home.put("password", b"open sesame\n");
    home.put("wrong", b"open simsim\n");
    home.put("empty", b"\n");
    home.put("a.wasm", &guest::saying("hello"));
    let ended = home.run(&["keygen", "--password-file", "password"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for (arguments, why) in [
        (&[][..], "it is under a password; give it with --password-file"),
        (&["--password-file", "wrong"], "the password is wrong, or the key is damaged"),
        (&["--password-file", "empty"], "the password is empty"),
        (&["--password-file", "absent"], "can't read the password from absent"),
    ] {
        let ended = home.run(&[&["sign", "a.wasm"], arguments].concat());
        assert!(ended.code == Some(3) && ended.stderr.contains(why), "{ended:?}");
        assert!(!ended.stderr.contains("simsim") && !home.path("a.wasm.sig").exists(), "{ended:?}");
    }
    let ended = home.run(&["sign", "a.wasm", "--password-file", "password"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(home.run(&["verify", "a.wasm", "--public-key", "probity.pub"]).code, Some(0));
}

#[test]
fn verify_says_what_the_runner_would() {
    let home = Home::new("");
    let keys = keygen(&home, "mine.key");
    home.put("a.wasm", &guest::saying("hello"));
    let digest = digest(&home, "./a.wasm");
    let verify = |more: &[&str]| home.run(&[&["verify", "a.wasm"], more].concat());
    let said = verify(&[]);
    assert_eq!((said.code, said.stdout), (Some(0), format!("a.wasm: trusted, {digest}\n")), "unlisted is allowed");
    home.put("probity.toml", format!("{STRICT}{keys}\n[[check]]\nname = \"a\"\n").as_bytes());
    let said = verify(&[]);
    assert!(
        said.code == Some(1) && said.stdout.contains("a.wasm: it is not trusted: it is neither signed nor pinned"),
        "{said:?}"
    );
    home.drop_in("a", &guest::saying("hello"));
    let validated = home.run(&["validate"]);
    assert!(validated.code == Some(1) && validated.stdout.contains("it is neither signed nor pinned"), "{validated:?}");

    sign(&home, "mine.key", "a.wasm");
    fs::copy(home.path("a.wasm.sig"), home.path("probes.d/a.wasm.sig")).unwrap();
    assert_eq!(verify(&[]).code, Some(0));
    assert_eq!(home.run(&["validate"]).code, Some(0));
    let key = keys.split('"').nth(1).unwrap();
    for key in [key, "mine.pub"] {
        assert_eq!(verify(&["--public-key", key]).code, Some(0), "{key}");
    }
    keygen(&home, "other.key");
    let said = verify(&["--public-key", "other.pub"]);
    assert!(said.code == Some(1) && said.stdout.contains("which is none of"), "{said:?}");
    let said = verify(&["--public-key", "hello"]);
    assert!(said.code == Some(3) && said.stderr.contains("`hello` is no public key of minisign"), "{said:?}");

    home.put("b.wasm", &guest::saying("hello"));
    fs::copy(home.path("a.wasm.sig"), home.path("b.wasm.sig")).unwrap();
    assert_eq!(home.run(&["verify", "b.wasm"]).code, Some(1), "it is signed under another name");
    assert_eq!(home.run(&["sign", "--any-name", "--key", "mine.key", "a.wasm"]).code, Some(0));
    fs::copy(home.path("a.wasm.sig"), home.path("b.wasm.sig")).unwrap();
    assert_eq!(home.run(&["verify", "a.wasm", "b.wasm"]).code, Some(0));
}

#[test]
fn trust_that_makes_no_sense_is_an_error_that_says_so() {
    for (line, why) in [
        ("keys = [\"hello\"]", "keys = \"hello\": is no public key of minisign"),
        ("digests = { a = \"hello\" }", "digests.a = \"hello\": must be `sha256:` and 64 hexadecimal digits"),
        ("digests = { \"A b\" = \"hello\" }", "`A b` can't be the name of a probe"),
        ("digests = true", "must be a table of digests"),
        ("allow_unlisted = 1", "must be true or false"),
        ("allow_unlist = true", "did you mean `allow_unlisted`"),
    ] {
        let refusal = Home::new(&format!("[security.trust]\n{line}\n")).refusal();
        assert!(refusal.contains(why), "{refusal}");
    }
}

/// The real minisign takes our keys and signatures, and we take its.
#[test]
fn minisign_agrees() {
    let Some(minisign) = servers::find("minisign") else { return };
    let home = Home::new("");
    let program = |arguments: &[&str]| {
        let mut command = Command::new(&minisign);
        command.args(arguments).current_dir(home.path(""));
        run_to_end(command)
    };
    home.put("a.wasm", &guest::saying("hello"));
    home.put("password", b"open sesame\n");
    let verify = |key: &Path| home.run(&["verify", "a.wasm", "--public-key", &key.display().to_string()]);

    // Ours, by theirs.
    keygen(&home, "ours.key");
    sign(&home, "ours.key", "a.wasm");
    let ended = program(&["-V", "-m", "a.wasm", "-x", "a.wasm.sig", "-p", "ours.pub"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("probe:a"), "{ended:?}");
    // Our secret key, in their hands.
    let ended = program(&["-S", "-W", "-s", "ours.key", "-m", "a.wasm", "-x", "a.wasm.sig"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(verify(&home.path("ours.pub")).code, Some(0));

    // Theirs, by ours.
    let ended = program(&["-G", "-W", "-p", "theirs.pub", "-s", "theirs.key"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = program(&["-S", "-s", "theirs.key", "-m", "a.wasm", "-x", "a.wasm.sig"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(verify(&home.path("theirs.pub")).code, Some(0));
    assert_eq!(verify(&home.path("ours.pub")).code, Some(1));
    // Their secret key, in our hands.
    sign(&home, "theirs.key", "a.wasm");
    let ended = program(&["-V", "-m", "a.wasm", "-x", "a.wasm.sig", "-p", "theirs.pub"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // The legacy mode is refused.
    let ended = program(&["-S", "-l", "-s", "theirs.key", "-m", "a.wasm", "-x", "a.wasm.sig"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = verify(&home.path("theirs.pub"));
    assert!(said.code == Some(1) && said.stdout.contains("legacy mode"), "{said:?}");
}
