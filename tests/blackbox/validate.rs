//! `probity validate`: all that is wrong, at once.

use crate::{
    guest,
    runner::{BRISK, Home},
};

/// A home with a good component and a bad one.
fn home() -> Home {
    let home = Home::new(BRISK);
    home.put("healthy.wasm", &guest::saying("all is well"));
    home.put("junk.wasm", b"junk");
    home
}

#[test]
fn validate_says_all_that_is_wrong() {
    let home = home();
    let good = "[[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = { host = \"localhost\", port = 22 }\n";
    home.put("probity.toml", good.as_bytes());
    for arguments in [&["validate"] as &[_], &["validate", "probity.toml", "healthy.wasm"]] {
        let ended = home.run(arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("probity.toml: all is well"), "{ended:?}");
    }
    let ended = home.run(&["validate", "healthy.wasm", "junk.wasm"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("healthy.wasm: all is well\n"), "{ended:?}");
    assert!(ended.stdout.contains("junk.wasm is not a probe that can run here"), "{ended:?}");

    home.put("probity.toml", good.replace("probe =", "prob =").as_bytes());
    let ended = home.run(&["validate"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("probity.toml:3: unknown key `prob` in [[check]]; did you mean `probe`"),
        "{ended:?}"
    );

    // What only the probe knows is found as well, and so is what is wrong with side-cars.
    home.put("probity.toml", good.replace("22", "70000").as_bytes());
    home.drop_in("a", &guest::saying("hello"));
    home.put("probes.d/a.toml", b"[[check]]\nname = \"door\"\n");
    let ended = home.run(&["validate"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("probity.toml:4: check `door`") && ended.stdout.contains("/port"), "{ended:?}");
    assert!(ended.stdout.contains("a.toml:1: `door` is the name of the check at probity.toml:1 already"), "{ended:?}");
    assert!(ended.stdout.contains("2 problems"), "{ended:?}");
}

#[test]
fn hooks_are_components_too() {
    let home = home();
    let hook = guest::hook("passes-on", &[]);
    home.put("pager.wasm", &hook);
    let sink = |name: &str, component: &str| {
        format!("[[notify.sink]]\nname = \"{name}\"\ntype = \"hook\"\ncomponent = \"{component}\"\n")
    };
    home.put("probity.toml", sink("pager", "pager.wasm").as_bytes());
    let ended = home.run(&["validate", "pager.wasm", "probity.toml"]);
    assert_eq!(ended.stdout, "pager.wasm: all is well\nprobity.toml: all is well\n", "{ended:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let bad = sink("probe", "healthy.wasm") + &sink("gone", "gone.wasm") + &sink("pager", "pager.wasm");
    home.put(
        "probity.toml",
        format!("{bad}[security.trust.digests]\npager = \"sha256:{}\"\n", "0".repeat(64)).as_bytes(),
    );
    let ended = home.run(&["validate"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in [
        "probity.toml:1: sink `probe`: ",
        "healthy.wasm: this component is no hook: it must export `probity:probe/listener@0.1.0`",
        "probity.toml:5: sink `gone`: ",
        "gone.wasm: it can't be read: No such file",
        "probity.toml:9: sink `pager`: ",
        "pager.wasm: it is not trusted: its digest is none of those pinned for `pager`",
        "3 problems",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in:\n{}", ended.stdout);
    }
}

#[test]
fn one_mistake_does_not_hide_another() {
    let home = Home::new(
        "[[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = { host = \"localhost\", port = 70000 }\n\
         [[check]]\nname = \"lost\"\nprobe = \"nothing-of-this-name\"\n\
         [[check]]\nname = \"all\"\nprobe = \"composite\"\nsettings = { checks = [\"lost\", \"door\"] }\n",
    );
    home.drop_in("broken", b"junk");
    home.drop_in("Loud", &guest::saying("hello"));
    home.put("probes.d/aside.toml", b"[[check]]\nnam = \"x\"\n");
    let ended = home.run(&["validate"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in [
        "probity.toml:4: check `door`: the probe does not accept its settings: /port",
        "probity.toml:7: there is no probe `nothing-of-this-name`",
        "broken.wasm is not a probe that can run here: this is not WebAssembly",
        "aside.toml:2: unknown key `nam`",
        "`Loud` can't be the name of a check; rename the file",
        "5 problems",
    ] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in:\n{}", ended.stdout);
    }
}

#[test]
fn components_are_held_to_the_limits_of_their_configuration() {
    let home = home();
    home.put("probity.toml", b"[limits]\ncomponent_size = \"1KiB\"\n");
    home.drop_in("small", &guest::saying("hello"));
    let size = guest::saying("hello").len();
    assert!(size > 1024, "{size}");
    let told = format!("the file has {size} bytes, and a component may have 1024");
    let ended = home.run(&["validate"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("small.wasm: ") && ended.stdout.contains(&told), "{ended:?}");
    // What is named beside a configuration is meant for it, in whatever order.
    let ended = home.run(&["validate", "healthy.wasm", "probity.toml"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.starts_with("healthy.wasm is not a probe that can run here: the file has"), "{ended:?}");
    assert_eq!(home.run(&["validate", "healthy.wasm"]).code, Some(0));

    // So is compiling: this takes more memory than honest ones do.
    home.put("probity.toml", b"[limits]\ncompile_memory = \"64MiB\"\n");
    home.drop_in("small", &guest::large(400_000));
    let ended = home.run(&["validate"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("small.wasm: ") && ended.stdout.contains("raise `limits.compile_memory`"),
        "{ended:?}"
    );
}
