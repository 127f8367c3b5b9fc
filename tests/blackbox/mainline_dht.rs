//! The probe `mainline-dht`, against nodes of libtorrent and against some that only look like nodes.

mod scripted;

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Command,
};

use self::scripted::{aside, curious, good, node, refusing, saying};
use crate::{
    guest::repository,
    probes::try_out,
    runner::{BRISK, Home},
    servers::{self, Server},
    target::{Target, nobody},
};

/// What lets a check at nodes that it is told of.
const ALLOWED: &str = "allow = [\"udp:127.0.0.1:*\"]";
/// What makes a check judge at once, and try again soon.
const EAGER: &str = "timeout = \"4s\"\n\
                     connection = { fall = 1, reconnect_delay = \"200ms\", reconnect_multiplier = 1.0 }\n\
                     circuit = { failures = \"off\" }\n";

/// The key of [`TEXT`] (BEP 44, "Test vectors", test 3).
const KEY: &str = "e5f96f6f38320f0f33959cb4d3d656452117aadb";
/// What somebody else puts.
const TEXT: &str = "Hello World!";

/// Five nodes of libtorrent, each a process of its own.
pub struct Network(Vec<Server>);

impl Network {
    pub fn start() -> Option<Network> {
        let python = servers::find("python3")?;
        let package = servers::python_package("libtorrent")?;
        let script = repository().join("tests/blackbox/mainline_dht/node.py");
        let ports = [(); 5].map(|()| servers::free_port());
        let nodes = ports.map(|port| {
            let (python, package, script) = (python.clone(), package.clone(), script.clone());
            let others = ports.into_iter().filter(move |other| *other != port).map(|other| other.to_string());
            let others: Vec<String> = others.collect();
            Server::start(servers::folder(), port, move |folder| {
                let mut command = Command::new(&python);
                command.current_dir(folder).env("PYTHONPATH", &package).arg(&script);
                command.args(["--port", &port.to_string()]).args(&others);
                command
            })
        });
        Some(Network(nodes.into()))
    }

    /// The setting that names the first two, from which the others are learned.
    pub fn bootstrap(&self) -> String {
        let [first, second, ..] = &self.0[..] else { unreachable!() };
        format!("bootstrap = [\"localhost:{}\", \"127.0.0.1:{}\"]", first.port(), second.port())
    }

    fn each(&mut self, act: impl FnMut(&mut Server)) {
        self.0.iter_mut().for_each(act);
    }
}

fn check(name: &str, settings: &str, more: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"mainline-dht\"\nsettings = {{ wait = \"200ms\", {settings} }}\n{more}\n{EAGER}"
    )
}

#[test]
fn a_network_is_watched_through_freeze_crash_and_return() {
    let Some(mut network) = Network::start() else { return };
    let bootstrap = network.bootstrap();
    let all = format!("{bootstrap}, min_peers = 5, min_nodes = 5, min_copies = 5");
    let cases = [
        ("all", all, ALLOWED, "healthy", "kept a value and gave it back"),
        ("narrow", bootstrap.clone(), "", "healthy", "kept a value and gave it back"),
        (
            "narrow-few",
            format!("{bootstrap}, min_peers = 5"),
            "",
            "degraded",
            "it has 2 nodes that answer, expected 5, and ",
        ),
        ("few", format!("{bootstrap}, min_peers = 500"), ALLOWED, "degraded", "nodes that answer, expected 500"),
        ("large", format!("{bootstrap}, value_bytes = 900"), ALLOWED, "healthy", "kept a value and gave it back"),
        ("published", format!("{bootstrap}, keys = [\"{KEY}\"]"), ALLOWED, "unhealthy", "nobody gave the value e5f96f"),
        ("wrong-port", format!("bootstrap = [\"{}\"]", nobody()), "", "unhealthy", ": no answer within "),
        ("nowhere", "bootstrap = [\"nowhere.invalid:6881\"]".to_owned(), "", "unhealthy", "no such name"),
    ];
    let config: String = cases.iter().map(|(name, settings, more, ..)| check(name, settings, more)).collect();
    let runner = Home::new(&format!("{BRISK}{config}")).start();
    for (name, _, _, status, part) in &cases {
        runner.wait_for_verdict(name, status, part);
    }
    let well = || runner.wait_for_verdict("all", "healthy", "kept a value and gave it back");

    // What the probe put, the nodes of libtorrent find by themselves.
    let told = well().0;
    for measured in ["lookup", "store", "put", "get", "total", "peers", "queries", "timeouts", "nodes", "copies"] {
        assert!(told["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {told}");
    }
    assert_eq!(told["details"]["node-id"].as_str().map(str::len), Some(40), "{told}");
    assert!(told["details"]["external-address"].as_str().is_some_and(|seen| seen.starts_with("127.0.0.1:")), "{told}");
    let key = told["details"]["key"].as_str().unwrap().to_owned();
    let folder = network.0[4].folder();
    fs::write(folder.join("wanted"), &key).unwrap();
    let found = runner.wait_for("libtorrent to find the value", || fs::read_to_string(folder.join("found")));
    let value = found.strip_prefix(&format!("{key} ")).unwrap_or_else(|| panic!("{key}: {found}"));
    assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{found}");

    // What a node of libtorrent puts, the probe finds.
    fs::write(folder.join("given"), TEXT).unwrap();
    let published = runner.wait_for_verdict("published", "healthy", "kept a value and gave it back").0;
    assert_eq!(fs::read_to_string(folder.join("put")).unwrap(), KEY);
    assert!(published["measurements"].to_string().contains("\"found\""), "{published}");

    // One that is silent, or gone, is missed and no more.
    let missed = || runner.wait_for_verdict("all", "degraded", "4 nodes took the value, expected 5");
    network.0[3].freeze();
    missed();
    network.0[3].thaw();
    well();
    network.0[3].kill();
    missed();
    network.0[3].restart();
    well();

    network.each(|node| node.freeze());
    let frozen = runner.wait_for_verdict("all", "unhealthy", "no node of the DHT answered: 127.0.0.1:");
    assert!(frozen.message().contains(": no answer within"), "{frozen:?}");
    network.each(|node| node.thaw());
    well();
    network.each(Server::kill);
    runner.wait_for_verdict("all", "unhealthy", "no node of the DHT answered: 127.0.0.1:");
    network.each(Server::restart);
    well();

    let faults = &runner.check("all").unwrap().0["counters"]["faults"];
    assert!(faults.as_object().unwrap().values().all(|count| *count == 0), "{faults}");
    runner.stop();
}

#[test]
fn what_only_looks_like_a_node_gets_a_verdict() {
    let port = |address: SocketAddr| [address.port() >> 8, address.port() & 255].map(|byte| byte as u8);
    let honest = good(Ipv4Addr::LOCALHOST.into());
    let honest_v6 = good(Ipv6Addr::LOCALHOST.into());
    let asking = curious();
    // Tells of ever more nodes next to whatever is looked for, and none of them is there.
    let leading = node(|query, kept| {
        let nodes: Vec<u8> = (0..8)
            .flat_map(|_| {
                [&fastrand::u128(..).to_be_bytes()[..], b"abcd\x7f\0\0\x01", &[255, fastrand::u8(..)]].concat()
            })
            .collect();
        vec![match kept {
            Some(_) => query.answer(kept),
            None => query.reply(&[b"5:nodes208:", &nodes, b"5:token3:abc"]),
        }]
    });
    let denied = good(Ipv4Addr::LOCALHOST.into());
    let [high, low] = port(denied.address);
    let pointing = saying(move || [&b"5:nodes26:another node that is\x7f\0\0\x01"[..], &[high, low]].concat());
    let corrupting = node(|query, kept| {
        let other = kept.map(|kept| [b"x", &kept[1..]].concat());
        vec![query.answer(other.as_deref())]
    });
    let odd = saying(|| b"5:token3:abc1:vd3:onei1ee".to_vec());
    let forgetful = node(|query, _| vec![query.answer(None)]);
    let stingy = saying(Vec::new);
    let old = refusing("get", "li204e14:Method Unknowne");
    let strict = refusing("put", "li203e9:bad tokene");
    let narrow = refusing("put", "li205e0:e");
    let broken = node(|query, _| vec![query.refuse("li202e4:oopse")]);
    let frozen = Target::udp(|_| vec![]);
    let rambling =
        Target::udp(|_| vec![b"hello".to_vec(), b"d1:t99999999:".to_vec(), b"d1:t".repeat(200), b"l".repeat(60_000)]);
    let forging = node(|query, kept| {
        let mut answer = query.answer(kept);
        let at = answer.len() - 11;
        answer[at] ^= 1;
        vec![answer]
    });
    let padded = saying(|| [&b"5:token3:abc1:x3000:"[..], &[b'x'; 3000]].concat());
    let flooding = Target::udp(|_| vec![b"d1:rd2:id3:abce1:t4:abcd1:y1:re".to_vec(); 30_000]);
    let nagging = Target::udp(|_| vec![b"d1:ad2:id20:a node that is not ae1:q4:ping1:t1:p1:y1:qe".to_vec(); 30_000]);
    let elsewhere = aside();
    let at = |target: &Target, more: &str| {
        format!("{more}\nsettings = {{ wait = \"200ms\", bootstrap = [\"{}\"] }}\n{EAGER}", target.address)
    };
    let with = |target: &Target, setting: &str| at(target, "").replace("wait", &format!("{setting}, wait"));
    // A flood takes its time, and should be over before the next.
    let seldom = |target: &Target| at(target, "").replace("reconnect_delay = \"200ms\"", "reconnect_delay = \"3s\"");
    let unhealthy = "unhealthy";
    let well = "kept a value and gave it back";
    try_out(
        "mainline-dht",
        &[
            ("honest", at(&honest, ""), "healthy", &format!("the DHT at {} {well}", honest.address)),
            ("honest-v6", at(&honest_v6, ""), "healthy", &format!("the DHT at {} {well}", honest_v6.address)),
            ("asking", at(&asking, ""), "healthy", well),
            ("leading", at(&leading, ALLOWED), "healthy", well),
            ("alone", with(&honest, "unhealthy_below = 2"), unhealthy, "it has 1 nodes that answer, expected 2"),
            (
                "other",
                with(&honest, &format!("keys = [\"{KEY}\"]")),
                unhealthy,
                &format!("{} gave something else as the value {KEY}", honest.address),
            ),
            ("denied", at(&pointing, ""), "denied", &format!("udp:{}", denied.address)),
            (
                "corrupting",
                at(&corrupting, ""),
                unhealthy,
                &format!("corrupted a value: {} gave \"x", corrupting.address),
            ),
            ("odd", at(&odd, ""), unhealthy, r#"gave "d3:onei1ee", and "#),
            ("forgetful", at(&forgetful, ""), unhealthy, "it lost a value that it had just taken"),
            ("stingy", at(&stingy, ""), unhealthy, "keeps no values: no node gave a token to put one"),
            (
                "old",
                at(&old, ""),
                unhealthy,
                &format!("{}: refused with 204 method unknown, \"Method Unknown\"", old.address),
            ),
            (
                "strict",
                at(&strict, ""),
                unhealthy,
                &format!(
                    "no node of the DHT took the value: {}: refused with 203 protocol error, \"bad token\"",
                    strict.address
                ),
            ),
            ("narrow", at(&narrow, ""), unhealthy, "refused with 205 message too big"),
            (
                "broken",
                at(&broken, ""),
                unhealthy,
                &format!("no node of the DHT answered: {}: refused with 202 server error, \"oops\"", broken.address),
            ),
            (
                "frozen",
                at(&frozen, ""),
                unhealthy,
                &format!("no node of the DHT answered: {}: no answer within", frozen.address),
            ),
            ("rambling", at(&rambling, ""), unhealthy, "datagrams that came was an answer"),
            ("forging", at(&forging, ""), unhealthy, "datagrams that came was an answer"),
            ("padded", at(&padded, ""), unhealthy, "datagrams that came was an answer"),
            ("flooding", seldom(&flooding), unhealthy, "datagrams that came "),
            ("nagging", seldom(&nagging), unhealthy, "datagrams that came "),
            // Who may not be heard is not there, and no grant is missing.
            ("elsewhere", at(&elsewhere, ""), unhealthy, &format!("{}: no answer within", elsewhere.address)),
        ],
    );
}
