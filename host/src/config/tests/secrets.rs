//! What is filled in, and who gets to see it.

use super::*;

#[test]
fn secrets_are_filled_in_and_never_shown() {
    let text = r#"
http.auth.token = "${env:PROBITY_TOKEN}"
[[check]]
name = "a"
[check.settings]
url = "postgres://probe:${env:DB_PASSWORD}@db"
self = { port = "${runner:port}", hosts = ["${runner:host}", "$${x}"] }
date = 2026-03-01
"#;
    let config = parse(text).unwrap();
    let [token] = config.http.auth.tokens.as_slice() else { panic!("{:?}", config.http.auth) };
    assert!(token.digest.is(&TokenDigest::of("tell-nobody")) && token.scopes == Scopes::ALL);
    let settings = &config.checks[0].settings;
    let filled = json!({
        "date": "2026-03-01",
        "self": { "port": 8081, "hosts": ["127.0.0.1", "${x}"] },
        "url": "postgres://probe:hunter2@db",
    });
    assert_eq!(*settings.filled(), filled);
    assert_eq!(settings.redact("can't log in with hunter2 (hunter2)"), "can't log in with *** (***)");
    assert_eq!(settings.redact("127.0.0.1:8081"), "127.0.0.1:8081");
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("${env:DB_PASSWORD}") && shown.contains("TokenDigest(***)"));
    assert!(!shown.contains("hunter2") && !shown.contains("tell-nobody"));

    let listening = Surroundings { listening: Some("[::]:40123".parse().unwrap()), ..surroundings() };
    let config = Config::parse(Path::new("probity.toml"), text, &Overrides::default(), listening).unwrap();
    assert_eq!(config.checks[0].settings.filled()["self"], json!({ "port": 40123, "hosts": ["::1", "${x}"] }));
}

#[test]
fn a_secret_that_changed_is_a_change_of_the_check() {
    let check = |password: &str| {
        let text = "data_dir = \"/\"\n[[check]]\nname = \"a\"\nsettings = { a = \"${env:A}\" }";
        let surroundings = Surroundings { variable: &|_| Some(password.into()), ..surroundings() };
        let config = Config::parse(Path::new("probity.toml"), text, &Overrides::default(), surroundings);
        config.unwrap().checks.remove(0)
    };
    assert!(check("old").says_the_same_as(&check("old")));
    assert!(!check("old").says_the_same_as(&check("new")));
}

#[test]
fn a_token_has_to_fit_a_header() {
    let unfit = "must be visible ASCII without spaces, and not empty: nothing else fits a header of HTTP";
    for (token, why) in [
        ("${env:SPACES}", unfit),
        ("${env:EMPTY}", unfit),
        ("é", unfit),
        ("${env:ABSENT}", "the environment variable `ABSENT` is not set"),
    ] {
        let text = format!("[http.auth]\ntoken = \"{token}\"");
        assert_eq!(problems(parse(&text)), [format!("2: token: {why}")]);
    }
}

#[test]
fn secrets_are_hidden_from_the_longest_and_as_json_too() {
    let variable = |name: &str| {
        let value = match name {
            "SHORT" => "abc",
            "LONG" => "abcdef",
            "LINES" => "x\n\"y\"",
            "EMPTY" => "",
            _ => return None,
        };
        Some(value.into())
    };
    let surroundings = Surroundings { variable: &variable, ..surroundings() };
    let text = "data_dir = \"/\"\n[[check]]\nname = \"a\"\nsettings.a = [\"${env:SHORT}\", \"${env:LONG}\", \"${env:LINES}\", \
                \"${env:EMPTY}\"]";
    let config = Config::parse(Path::new("probity.toml"), text, &Overrides::default(), surroundings).unwrap();
    let settings = &config.checks[0].settings;
    assert_eq!(settings.redact("abcdef abc x\n\"y\" x\\n\\\"y\\\""), "*** *** *** ***");
}
