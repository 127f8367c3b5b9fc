//! The probe `etcd`, against the real server.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    authority::Authority,
    runner::{BRISK, Deadline, EAGER, Home, PATIENCE, Runner},
    servers::{self, Server},
    target::nobody,
};

/// The password of both users.
pub const PASSWORD: &str = "correct-horse";
/// The range of all keys, in base 64: from the least to the end.
const ALL: (&str, &str) = ("AA==", "AA==");

/// A member, with more options. Its folder keeps its data.
fn member(folder: TempDir, name: &str, client: &str, peer: u16, cluster: &str, more: &[&str]) -> Option<Server> {
    let program = servers::find("etcd")?;
    let port = client.rsplit_once(':').unwrap().1.parse().unwrap();
    let options = [
        ("name", name),
        ("data-dir", "data"),
        ("listen-client-urls", client),
        ("advertise-client-urls", client),
        ("listen-peer-urls", &url(peer)),
        ("initial-advertise-peer-urls", &url(peer)),
        ("initial-cluster", cluster),
        ("logger", "zap"),
        ("log-level", "error"),
    ];
    let options: Vec<String> = options.iter().map(|(name, value)| format!("--{name}={value}")).collect();
    let more: Vec<String> = more.iter().map(ToString::to_string).collect();
    Some(Server::start(folder, port, move |folder: &Path| {
        let mut command = Command::new(&program);
        command.current_dir(folder).args(&options).args(&more);
        command
    }))
}

/// A server that is all of its cluster.
fn etcd(more: &[&str]) -> Option<Server> {
    let peer = servers::free_port();
    member(servers::folder(), "one", &url(servers::free_port()), peer, &format!("one={}", url(peer)), more)
}

pub fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Calls a method of a server.
fn call(port: u16, method: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(stream, "POST /v3/{method} HTTP/1.0\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

pub fn check(name: &str, url: &str, settings: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nprobe = \"etcd\"\nsettings = {{ url = \"{url}\"{settings} }}\n{EAGER}")
}

/// The settings of a check that logs in.
fn logged_in(more: &str) -> String {
    format!(r#", user = "probe", password = "${{env:ETCD_PASSWORD}}"{more}"#)
}

/// Starts a runner that knows the password.
fn runner(config: &str) -> Runner {
    let home = Home::new(&format!("{BRISK}{config}"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("ETCD_PASSWORD", PASSWORD);
    home.start_by(command)
}

/// Lets nobody in but two users, of which `probe` may do no more than it must.
fn guard(port: u16) {
    let do_all = [
        ("auth/user/add", json!({ "name": "root", "password": PASSWORD })),
        ("auth/user/grant", json!({ "user": "root", "role": "root" })),
        ("auth/role/add", json!({ "name": "probe" })),
        // From `probity/` to `probity0`, which is what comes after all that begins so.
        (
            "auth/role/grant",
            json!({ "name": "probe", "perm": { "permType": "READWRITE", "key": "cHJvYml0eS8=", "range_end": "cHJvYml0eTA=" } }),
        ),
        ("auth/user/add", json!({ "name": "probe", "password": PASSWORD })),
        ("auth/user/grant", json!({ "user": "probe", "role": "probe" })),
        ("auth/enable", json!({})),
    ];
    for (method, body) in do_all {
        let answer = call(port, method, &body);
        assert!(answer["header"].is_object(), "{method}: {answer}");
    }
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    // A login is to cost it next to nothing: many fail here.
    let Some(mut server) = etcd(&["--bcrypt-cost=4"]) else { return };
    let port = server.port();
    guard(port);
    let here = url(port);
    let well = "kept a value and gave it back";
    let wrong = |user: &str| format!(r#", user = "{user}", password = "wrong-horse""#);
    let cases = [
        ("good", logged_in(""), "healthy", well, false),
        ("large", logged_in(", value_bytes = 900, db_critical = 1, lag_critical = 1000"), "healthy", well, false),
        ("slow", logged_in(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", false),
        ("full", logged_in(", db_warn = 0.000001"), "degraded", "of its quota: 0% or more", false),
        ("fuller", logged_in(", quota = 1, db_critical = 1"), "unhealthy", "of its quota: 100% or more", false),
        ("wrong-password", wrong("probe"), "unhealthy", "refused the credentials", true),
        ("wrong-user", wrong("nobody"), "unhealthy", "refused the credentials: it answered auth/authenticate", true),
        ("no-password", String::new(), "unhealthy", "asks for credentials: it answered", true),
        ("forbidden", logged_in(r#", prefix = "other/""#), "unhealthy", "does not permit this user", true),
    ];
    let config: String = cases.iter().map(|(name, more, ..)| check(name, &here, more)).collect();
    let runner = runner(&(config + &check("wrong-port", &url(nobody().port()), "")));
    let all_are_judged = || {
        for (name, _, status, part, _) in &cases {
            runner.wait_for_verdict(name, status, part);
        }
    };
    all_are_judged();
    for (name, .., lasting) in &cases {
        runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
            if runner.was_permanent(name) == *lasting { Ok(()) } else { Err(runner.log()) }
        });
    }
    runner.wait_for_check("wrong-port", "is refused", |check| check.message().contains("connection refused"));
    let good = runner.check("good").unwrap().0;
    assert_eq!(good["details"]["role"], "leader", "{good}");
    assert!(good["details"]["version"].as_str().is_some_and(|version| version.starts_with("3.")), "{good}");
    for measured in ["put", "get", "remove", "status", "alarm", "total", "db-size", "db-share", "raft-lag"] {
        assert!(good["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {good}");
    }

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("good", "unhealthy", &format!("while asking {here}/v3/"));
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    server.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    server.restart();
    all_are_judged();
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}

#[test]
fn a_value_is_put_with_a_lease_and_nothing_is_left_behind() {
    let Some(server) = etcd(&[]) else { return };
    let port = server.port();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = json!({ "create_request": { "key": ALL.0, "range_end": ALL.1 } }).to_string();
    write!(stream, "POST /v3/watch HTTP/1.1\r\nhost: it\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();

    let needless = check("needless", &url(port), r#", user = "probe", password = "x""#);
    let runner = runner(&(check("good", &url(port), "") + &needless));
    runner.wait_for_check("good", "is well", |check| check.status() == "healthy");
    runner.wait_for_check("needless", "is told so", |check| check.message().contains("has no users: leave `user` out"));
    let mut seen = BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line.contains("\"events\""));
    let put = seen.next().unwrap();
    assert!(put.contains("\"lease\""), "{put}");
    let deleted = seen.next().unwrap();
    assert!(deleted.contains("\"DELETE\""), "{deleted}");

    runner.wait_for_runs("good", 3);
    let patient = Deadline::new();
    loop {
        let keys = call(port, "kv/range", &json!({ "key": ALL.0, "range_end": ALL.1 }));
        let leases = call(port, "lease/leases", &json!({}));
        if keys.get("count").is_none() && leases.get("leases").is_none() {
            break;
        }
        patient.pause(|| format!("nothing to be there between two runs: {keys}, {leases}"));
    }
    runner.stop();
}

#[test]
fn a_cluster_is_watched_through_the_loss_of_its_majority() {
    let (clients, peers): (Vec<u16>, Vec<u16>) = (0..3).map(|_| (servers::free_port(), servers::free_port())).unzip();
    let cluster: Vec<String> =
        peers.iter().enumerate().map(|(index, peer)| format!("m{index}={}", url(*peer))).collect();
    let cluster = cluster.join(",");
    let mut members = Vec::new();
    for (index, (client, peer)) in clients.iter().zip(&peers).enumerate() {
        let name = format!("m{index}");
        let Some(member) = member(servers::folder(), &name, &url(*client), *peer, &cluster, &[]) else { return };
        members.push(member);
    }
    let names = ["m0", "m1", "m2"];
    let config: String = names.iter().zip(&clients).map(|(name, port)| check(name, &url(*port), "")).collect();
    let runner = runner(&config);
    let all_are_well = || {
        for name in names {
            runner.wait_for_check(name, "is well", |check| check.status() == "healthy");
        }
    };
    all_are_well();
    runner.wait_for("one leader and two followers", || {
        let mut roles: Vec<String> =
            names.iter().map(|name| runner.check(name).unwrap().0["details"]["role"].to_string()).collect();
        roles.sort();
        if roles == [r#""follower""#, r#""follower""#, r#""leader""#] { Ok(()) } else { Err(roles.join(" ")) }
    });

    members[1].kill();
    runner.wait_for_check("m1", "is found dead", |check| check.message().contains("connection refused"));
    for name in ["m0", "m2"] {
        runner.wait_for_check(name, "is well with the other", |check| check.status() == "healthy");
    }
    members[2].freeze();
    let lost =
        runner.wait_for_check("m0", "has no leader", |check| check.message().contains("has no leader: it answered"));
    assert_eq!((lost.status(), lost.fault()), ("unhealthy", ""));
    members[2].thaw();
    members[1].restart();
    all_are_well();
    runner.stop();
}

#[test]
fn a_database_without_space_is_told() {
    let Some(server) = etcd(&["--quota-backend-bytes=200000"]) else { return };
    let port = server.port();
    let runner = runner(&check("full", &url(port), ""));
    runner.wait_for_check("full", "is well", |check| check.status() == "healthy");
    let patient = Deadline::new();
    let put = json!({ "key": "YQ==", "value": "YWFh".repeat(15_000) });
    while !call(port, "kv/put", &put).to_string().contains("space exceeded") {
        patient.pause(|| "the database to be full".to_owned());
    }
    runner.wait_for_verdict("full", "unhealthy", "has no space left in its database");
    runner.stop();
}

#[test]
fn a_secure_server_must_be_who_it_says() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let secure = |is_late: bool| {
        let (folder, peer) = (servers::folder(), servers::free_port());
        let certify = if is_late { Authority::certify_late } else { Authority::certify };
        certify(&authority, &["127.0.0.1"], folder.path());
        let client = url(servers::free_port()).replace("http:", "https:");
        let files = ["--cert-file=server.crt", "--key-file=server.key"];
        member(folder, "one", &client, peer, &format!("one={}", url(peer)), &files)
    };
    let (Some(server), Some(late)) = (secure(false), secure(true)) else { return };
    let at = |name: &str, scheme: &str, host: &str, server: &Server| {
        check(name, &format!("{scheme}://{host}:{}", server.port()), "")
    };
    let good = at("good", "https", "127.0.0.1", &server);
    let config = [
        BRISK,
        &good,
        &at("other-name", "https", "localhost", &server),
        &at("late", "https", "127.0.0.1", &late),
        &at("in-the-clear", "http", "127.0.0.1", &server),
    ];
    let runner = authority.trusting_runner(&config.concat());
    let other = stranger.trusting_runner(&format!("{BRISK}{good}"));
    runner.wait_for_check("good", "is well", |check| check.status() == "healthy");
    for (runner, name, part) in [
        (&runner, "other-name", "the certificate is not for "),
        (&runner, "late", "expired"),
        (&runner, "in-the-clear", ""),
        (&other, "good", "is not trusted by this system"),
    ] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    server.freeze();
    runner.wait_for_check("good", "is found frozen", |check| check.message().contains("no answer within"));
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");
    runner.stop();
    other.stop();
}
