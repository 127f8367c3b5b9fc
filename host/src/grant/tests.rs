#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn grants(texts: &[&str]) -> Grants {
    grants_under(texts, Policy::default())
}

fn grants_under(texts: &[&str], policy: Policy) -> Grants {
    Grants::new(texts.iter().map(|text| text.parse::<Grant>().unwrap()), policy.into())
}

fn allows(grants: &Grants, protocol: Protocol, address: &str, port: impl Into<Option<u16>>, names: &[&str]) -> bool {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let address = canonical(address.parse().unwrap());
    grants.allow(&Target { protocol, address, port: port.into(), names: &names }).is_ok()
}

#[test]
fn grants_are_read_and_written() {
    for text in [
        "tcp:db.internal:5432",
        "tcp:*.internal:5432,6432",
        "udp:*:53",
        "udp:10.0.0.0/8:*",
        "tcp:[::1]:8000-8100",
        "tcp:[fd00::/8]:1",
        "http:api.example.com",
        "https:*.example.com:8443",
        "icmp:gateway.internal",
        "icmp:[2001:db8::/32]",
        "icmp:*",
        "resolve:localhost",
        "check:orders-db",
        "check:group/storage",
        "system:disk",
        "system:memory",
        "system:cpu",
    ] {
        assert_eq!(text.parse::<Grant>().unwrap().to_string(), text);
    }
    assert_eq!("https:A.example.COM.:443".parse::<Grant>().unwrap().to_string(), "https:a.example.com");
}

#[test]
fn what_is_not_a_grant_says_why() {
    for (text, part) in [
        ("db.internal:5432", "names no protocol"),
        ("ftp:db:21", "names no protocol"),
        ("tcp:db.internal", "names no port"),
        ("tcp:db.internal:0", "is not a port"),
        ("tcp:db.internal:70000", "is not a port"),
        ("tcp:db.internal:9-1", "is not a port"),
        ("tcp:a b:1", "is not a host"),
        ("tcp:*x.com:1", "is not a host"),
        ("tcp::1", "is not a host"),
        ("tcp:10.0.0.300:1", "is not a host"),
        ("tcp:2130706433:80", "is not a host"),
        ("resolve:a:53", "names a port, and there are none in `resolve`"),
        ("icmp:a:7", "names a port, and there are none in `icmp`"),
        ("check:Orders", "is not a check"),
        ("check:group/", "is not a check"),
        ("icmp:*x", "is not a host"),
        ("system:disks", "is no part of a system"),
        ("system:", "is no part of a system"),
        ("system:disk:/", "is no part of a system"),
        ("system", "names no protocol"),
    ] {
        let error = text.parse::<Grant>().unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn the_address_decides_and_the_name_it_came_from() {
    use Protocol::*;
    let granted = grants(&["tcp:db.internal:5432", "tcp:10.1.0.0/16:1-9", "http:*.example.com"]);
    assert!(allows(&granted, Tcp, "192.0.2.1", 5432, &["DB.internal."]));
    assert!(!allows(&granted, Tcp, "192.0.2.1", 5432, &[]), "an address the name was not resolved to");
    assert!(!allows(&granted, Tcp, "192.0.2.1", 5433, &["db.internal"]));
    assert!(!allows(&granted, Udp, "192.0.2.1", 5432, &["db.internal"]));
    assert!(allows(&granted, Tcp, "::ffff:10.1.2.3", 9, &[]), "IPv4 within IPv6 is IPv4");
    assert!(!allows(&granted, Tcp, "10.2.2.3", 9, &[]));
    assert!(allows(&granted, Http, "192.0.2.1", 80, &["a.example.com"]));
    assert!(!allows(&granted, Http, "192.0.2.1", 80, &["example.com"]));
    assert!(!allows(&granted, Http, "192.0.2.1", 80, &["a.example.com.evil.org"]));
    assert!(granted.allow_lookup("db.internal") && !granted.allow_lookup("other"));
}

#[test]
fn credentials_of_a_cloud_are_reached_by_address_alone() {
    use Protocol::Tcp;
    let wide = grants(&["tcp:*:*", "tcp:evil.example:80"]);
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::"] {
        assert!(!allows(&wide, Tcp, address, 80, &["evil.example"]), "{address}");
    }
    assert!(allows(&wide, Tcp, "127.0.0.1", 80, &[]));
    assert!(allows(&grants(&["tcp:169.254.169.254:80"]), Tcp, "169.254.169.254", 80, &[]));
}

#[test]
fn a_refusal_names_the_grant_that_would_allow_it() {
    let names = ["db.internal".to_owned()];
    let target = |protocol, address: &str, port, names| {
        Target { protocol, address: address.parse().unwrap(), port: Some(port), names }.to_string()
    };
    assert_eq!(target(Protocol::Tcp, "192.0.2.1", 5432, &names), "tcp:db.internal:5432");
    assert_eq!(target(Protocol::Tcp, "192.0.2.1", 5432, &[]), "tcp:192.0.2.1:5432");
    assert_eq!(target(Protocol::Udp, "::1", 53, &[]), "udp:[::1]:53");
    assert_eq!(target(Protocol::Https, "192.0.2.1", 443, &names), "https:db.internal");
    assert_eq!(target(Protocol::Tcp, "169.254.169.254", 80, &names), "tcp:169.254.169.254:80");
    let echo = |address: &str, names| {
        Target { protocol: Protocol::Icmp, address: address.parse().unwrap(), port: None, names }.to_string()
    };
    assert_eq!(echo("192.0.2.1", &names), "icmp:db.internal");
    assert_eq!(echo("2001:db8::1", &[]), "icmp:[2001:db8::1]");
    assert_eq!(echo("fe80::1", &names), "icmp:[fe80::1]");
    assert_eq!(Part::Disk.to_string(), "system:disk");
}

#[test]
fn templates_are_filled_from_settings_and_never_widened() {
    let settings = json!({ "host": "DB", "port": 5432, "v6": "::1", "any": "*", "url": "https://a.b:8443/x?y", "list": [], "none": [true],
                "hosts": ["a", "b"], "places": ["DB:1", "[::1]:2"], "wide": ["*:1"], "ports": ["a:*"], "bare": ["a"] });
    let filled = |template: &str| {
        let grants = Grant::from_template(template, &settings, &settings)?;
        Ok::<_, GrantError>(grants.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(filled("tcp:{host}:{port}"), Ok(vec!["tcp:db:5432".into()]));
    assert_eq!(filled("udp:{v6}:53"), Ok(vec!["udp:[::1]:53".into()]));
    assert_eq!(filled("url:{url}"), Ok(vec!["https:a.b:8443".into()]));
    for (url, granted) in [
        ("https://a.b/", "https:a.b"),
        ("http://[::1]/", "http:[::1]"),
        ("ws://a.b/feed", "tcp:a.b:80"),
        ("wss://A.b", "tcp:a.b:443"),
        ("wss://10.0.0.7:8443/", "tcp:10.0.0.7:8443"),
    ] {
        let settings = json!({ "url": url });
        let grant = Grant::from_template("url:{url}", &settings, &settings).unwrap();
        assert_eq!(grant, [granted.parse().unwrap()], "{url}");
    }
    let wide = json!({ "url": "wss://*/" });
    assert!(Grant::from_template("url:{url}", &wide, &wide).is_err());
    assert_eq!(filled("tcp:{absent}:{port}"), Ok(Vec::new()));
    assert_eq!(filled("tcp:{host}:{list}"), Ok(Vec::new()));
    assert_eq!(filled("resolve:{host}"), Ok(vec!["resolve:db".into()]));
    assert_eq!(filled("icmp:{host}"), Ok(vec!["icmp:db".into()]));
    assert_eq!(filled("icmp:{v6}"), Ok(vec!["icmp:[::1]".into()]));
    assert_eq!(filled("icmp:{hosts}"), Ok(vec!["icmp:a".into(), "icmp:b".into()]));
    assert!(filled("icmp:{any}").is_err());
    assert_eq!(filled("system:memory"), Ok(vec!["system:memory".into()]));
    assert!(filled("system:{host}").is_err());
    assert!(filled("tcp:{any}:{port}").is_err());
    assert_eq!(filled("tcp:{hosts}:{port}"), Ok(vec!["tcp:a:5432".into(), "tcp:b:5432".into()]));
    assert_eq!(filled("udp:{places}"), Ok(vec!["udp:db:1".into(), "udp:[::1]:2".into()]));
    assert_eq!(filled("udp:{none}"), Ok(Vec::new()));
    for (template, part) in
        [("udp:{wide}", "is not a host"), ("udp:{ports}", "is not a port"), ("udp:{bare}", "names no port")]
    {
        let error = filled(template).unwrap_err().to_string();
        assert!(error.contains(part), "{template}: {error}");
    }
}

#[test]
fn only_what_the_operator_wrote_is_granted() {
    let (written, usual) = (
        json!({ "host": "db" }),
        json!({ "host": "db", "port": 5432, "url": "http://evil/", "peers": ["evil:1"], "checks": ["x"] }),
    );
    let filled = |template: &str| {
        let grants = Grant::from_template(template, &written, &usual).unwrap();
        grants.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(filled("tcp:{host}:{port}"), ["tcp:db:5432"], "a port is the probe's to know");
    for template in [
        "url:{url}",
        "udp:{peers}",
        "tcp:evil:{port}",
        "tcp:evil:80",
        "icmp:evil",
        "resolve:evil",
        "url:http://evil/",
        "check:{checks}",
        "check:x",
        "check:group/x",
    ] {
        assert_eq!(filled(template), Vec::<String>::new(), "{template}");
    }
}

#[test]
fn what_is_denied_to_all_is_reached_by_no_grant() {
    let policy =
        || Policy { deny: vec!["10.0.0.0/8".parse().unwrap(), "loopback".parse().unwrap()], ..Policy::default() };
    let granted = grants_under(&["tcp:*:*", "tcp:10.0.0.7:1", "tcp:localhost:1"], policy());
    assert!(allows(&granted, Protocol::Tcp, "192.0.2.1", 1, &[]));
    for (address, names) in
        [("10.0.0.7", &[][..]), ("::ffff:10.0.0.7", &[]), ("127.0.0.1", &["localhost"]), ("::1", &[])]
    {
        assert!(!allows(&granted, Protocol::Tcp, address, 1, names), "{address}");
    }
    let target =
        |address: &str, protocol| Target { protocol, address: address.parse().unwrap(), port: Some(1), names: &[] };
    assert_eq!(granted.allow(&target("10.0.0.7", Protocol::Tcp)), Err(Refusal::Denied(&"10.0.0.0/8".parse().unwrap())));
    assert_eq!(granted.allow(&target("10.0.0.7", Protocol::Udp)), Err(Refusal::NotGranted));
}

#[test]
fn an_echo_needs_a_grant_of_its_own() {
    use Protocol::{Icmp, Tcp};
    let granted = grants(&["icmp:gateway.internal", "icmp:10.1.0.0/16", "tcp:*:*"]);
    assert!(allows(&granted, Icmp, "192.0.2.1", None, &["gateway.internal"]));
    assert!(allows(&granted, Icmp, "10.1.2.3", None, &[]));
    assert!(!allows(&granted, Icmp, "10.2.2.3", None, &[]));
    assert!(!allows(&grants(&["icmp:*"]), Tcp, "192.0.2.1", 80, &[]));
    assert!(granted.allow_lookup("gateway.internal"));
    let wide = grants(&["icmp:*"]);
    assert!(!allows(&wide, Icmp, "169.254.169.254", None, &[]) && !allows(&wide, Icmp, "ff02::1", None, &[]));
}

#[test]
fn each_part_of_the_system_needs_its_own_grant() {
    let granted = grants(&["system:disk", "tcp:*:*", "resolve:*"]);
    assert!(granted.allow_look(Part::Disk));
    assert!(!granted.allow_look(Part::Memory) && !granted.allow_look(Part::Cpu));
    assert!(!grants(&["system:disk"]).allow_lookup("disk"));
}

#[test]
fn what_may_be_read_and_what_may_be_dialled_are_two_things() {
    let settings = json!({
        "checks": ["a", "b.c"], "group": "The Shop", "wide": ["a", "*"], "sly": ["group/all"], "odd": ["a", { "b": "c" }],
    });
    let filled = |template: &str| {
        let grants = Grant::from_template(template, &settings, &settings)?;
        Ok::<_, GrantError>(grants.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(filled("check:{checks}"), Ok(vec!["check:a".into(), "check:b.c".into()]));
    assert_eq!(filled("check:group/{group}"), Ok(vec!["check:group/The Shop".into()]));
    assert_eq!(filled("check:{absent}"), Ok(vec![]));
    assert_eq!(filled("check:{odd}"), Ok(vec!["check:a".into()]), "what is no text names nothing");
    assert!(filled("check:{wide}").is_err());
    assert!(filled("check:{sly}").is_err(), "a name leads to no group");

    let granted = grants(&["check:orders-*", "check:group/storage", "tcp:db:1"]);
    assert!(granted.allow_check("orders-db", None) && granted.allow_check("x", Some("storage")));
    assert!(!granted.allow_check("db", None) && !granted.allow_group("orders-db"));
    assert!(granted.allow_group("storage"));
    assert!(!granted.allow_lookup("orders-db") && granted.allow_lookup("db"));
    assert_eq!(for_check("orders-db"), "check:orders-db");
    assert_eq!(for_group("storage").parse::<Grant>().unwrap().to_string(), "check:group/storage");
}
