//! The probe `ping`, over a real network that is well and unwell, through either kind of socket.

use crate::{
    network::Network,
    runner::{BRISK, Check, Ended, Home, Runner},
    verdicts::EAGER,
};

/// Takes the right to raw sockets from what it runs.
const WITHOUT_RAW: [&str; 4] = ["setpriv", "--bounding-set", "-net_raw", "--"];

/// Sends three quick requests, unless `more` has other settings.
#[track_caller]
fn ping(network: &Network, by_way_of: &[&str], host: &str, more: &[&str]) -> Ended {
    let usual = ["count=3", "interval=10ms", "reply_timeout=400ms"];
    let key = |setting: &str| setting.split('=').next().unwrap().to_owned();
    let kept = usual.into_iter().filter(|usual| more.iter().all(|other| key(other) != key(usual)));
    let host = format!("host={host}");
    let settings = kept.chain([host.as_str()]).chain(more.iter().copied());
    let arguments: Vec<_> =
        ["check", "ping"].into_iter().chain(settings.flat_map(|setting| ["--set", setting])).collect();
    network.run(by_way_of, Home::empty().command(&arguments))
}

#[track_caller]
fn expect(ended: &Ended, code: i32, part: &str) {
    assert!(ended.code == Some(code) && ended.stdout.contains(part), "{code}, {part:?}: {ended:?}");
}

/// What hosts of each kind come to, at a payload of so many bytes: a status, and a part of the message.
const HOSTS: [(&str, u32, &str, &str); 19] = [
    ("127.0.0.1", 56, "healthy", "127.0.0.1 answered 3 of 3 echo requests, in "),
    ("::1", 56, "healthy", "::1 answered 3 of 3 echo requests, in "),
    ("[::1]", 56, "healthy", "::1 answered 3 of 3 echo requests, in "),
    ("10.80.1.3", 56, "healthy", "10.80.1.3 answered 3 of 3 echo requests, in "),
    ("10.80.1.3", 8, "healthy", "answered 3 of 3"),
    ("10.80.1.3", 3_000, "healthy", "answered 3 of 3"),
    ("10.80.1.3", 65_507, "healthy", "answered 3 of 3"),
    ("fd80:1::3", 56, "healthy", "fd80:1::3 answered 3 of 3 echo requests, in "),
    ("fd80:1::3", 65_507, "healthy", "answered 3 of 3"),
    ("10.80.2.1", 56, "unhealthy", "(10.80.0.2 says: host unreachable)"),
    ("fd80:2::1", 56, "unhealthy", "(fd80::2 says: no route to the destination)"),
    ("10.80.3.1", 56, "unhealthy", "(10.80.0.2 says: communication prohibited)"),
    ("fd80:3::1", 56, "unhealthy", "(fd80::2 says: communication prohibited)"),
    ("10.80.4.1", 56, "unhealthy", "10.80.4.1: no reply to any of 3 echo requests within 1.0 s"),
    ("fd80:4::1", 56, "unhealthy", "fd80:4::1: no reply to any of 3 echo requests within 1.0 s"),
    ("10.80.5.1", 56, "unhealthy", "host unreachable while sending an echo request to 10.80.5.1"),
    ("fd80:5::1", 56, "unhealthy", "host unreachable while sending an echo request to fd80:5::1"),
    ("10.80.6.1", 56, "unhealthy", "host unreachable while sending an echo request to 10.80.6.1"),
    ("nowhere.invalid", 56, "unhealthy", "while resolving nowhere.invalid"),
];

/// A check of a host.
fn check(name: &str, host: &str, payload_size: u32) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"ping\"\n{EAGER}\
         settings = {{ host = \"{host}\", count = 3, interval = \"10ms\", payload_size = {payload_size} }}\n"
    )
}

/// Starts a runner within the network.
fn start(network: &Network, by_way_of: &[&str], checks: &str) -> Runner {
    let home = Home::new(&(BRISK.to_owned() + checks));
    let command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    home.start_by(network.inside(by_way_of, command))
}

#[track_caller]
fn wait(network: &Network, runner: &Runner, name: &str, status: &str, part: &str) -> Check {
    network.within(|| runner.wait_for_verdict(name, status, part))
}

/// Both kinds of socket must tell the same.
fn try_all(network: &Network, by_way_of: &[&str]) {
    let named = |at: usize| format!("host-{at}");
    let checks = HOSTS.iter().enumerate().map(|(at, (host, size, ..))| check(&named(at), host, *size));
    let runner = start(network, by_way_of, &checks.collect::<String>());
    for (at, (host, size, status, part)) in HOSTS.iter().enumerate() {
        let seen = wait(network, &runner, &named(at), status, part);
        if (*host, *size) != ("10.80.1.3", 56) {
            continue;
        }
        assert_eq!(
            (&seen.0["details"]["address"], &seen.0["details"]["ttl"]),
            (&(*host).into(), &63.into()),
            "{seen:?}"
        );
        let figures = seen.0["measurements"].as_array().unwrap();
        let names: Vec<&str> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
        let all = ["sent", "received", "loss", "rtt-min", "rtt-avg", "rtt-max", "jitter", "resolve", "total"];
        assert_eq!(names, all, "{seen:?}");
        let values: Vec<f64> = figures.iter().map(|figure| figure["value"].as_f64().unwrap()).collect();
        assert_eq!(values[..3], [3.0, 3.0, 0.0], "{seen:?}");
        assert!(0.0 < values[3] && values[3] <= values[4] && values[4] <= values[5], "{seen:?}");
    }
    network.sh("sysctl -q -w net.ipv4.ip_default_ttl=1 net.ipv6.conf.near.hop_limit=1");
    wait(network, &runner, &named(3), "unhealthy", "(10.80.0.2 says: too many routers on the way, or a circle)");
    wait(network, &runner, &named(7), "unhealthy", "(fd80::2 says: too many routers on the way, or a circle)");
    network.sh("sysctl -q -w net.ipv4.ip_default_ttl=64 net.ipv6.conf.near.hop_limit=64");
    wait(network, &runner, &named(3), "healthy", "answered 3 of 3");
    runner.stop();
}

#[test]
fn a_raw_socket_tells_of_hosts_of_all_kinds() {
    let Some(network) = Network::new() else { return };
    network.let_groups_ping(false);
    try_all(&network, &[]);
}

#[test]
fn a_socket_without_privilege_tells_the_same() {
    let Some(network) = Network::new() else { return };
    network.let_groups_ping(true);
    try_all(&network, &WITHOUT_RAW);
}

#[test]
fn a_system_that_forbids_both_says_what_to_set() {
    let Some(network) = Network::new() else { return };
    network.let_groups_ping(false);
    for host in ["127.0.0.1", "::1"] {
        let ended = ping(&network, &WITHOUT_RAW, host, &[]);
        expect(&ended, 3, "unknown (link): this system lets the runner send no echo requests: ");
        expect(
            &ended,
            3,
            "net.ipv4.ping_group_range so that the runner's group is in it (it is 0, and the range is \"1 0\")",
        );
        expect(&ended, 3, "or give the runner the capability CAP_NET_RAW\n");
    }
}

#[test]
fn lost_and_slow_replies_are_held_to_their_limits() {
    let Some(network) = Network::new() else { return };
    // Every second reply is lost.
    network.sh("ip netns exec router nft 'table inet loss { chain forward { type filter hook forward priority 0; \
         icmp type echo-reply numgen inc mod 2 == 0 drop; icmpv6 type echo-reply numgen inc mod 2 == 0 drop; }; }'");
    for host in ["10.80.1.3", "fd80:1::3"] {
        let lost = |more: &[&str]| ping(&network, &[], host, &[&["count=10"], more].concat());
        let part = format!("degraded: {host}: 5 of 10 echo requests were lost, 50%: 40% or more\n");
        expect(&lost(&[]), 1, &part);
        expect(&lost(&["unhealthy_loss=0.5"]), 2, "unhealthy: ");
        expect(&lost(&["degraded_loss=0.6"]), 0, &format!("healthy: {host} answered 5 of 10 echo requests, in "));
    }
    network.sh("ip netns exec router nft flush ruleset");
    let slow = ping(&network, &[], "10.80.1.3", &["degraded_rtt=0ms"]);
    expect(&slow, 1, "ms on average: 0.0 ms or more");
    let mismatched = ping(&network, &[], "10.80.1.3", &["family=ipv6"]);
    expect(&mismatched, 2, "unhealthy: 10.80.1.3 has no address of IPv6");
    // What the time-out leaves no room for is not sent, and nothing is taken for lost.
    let cut = ping(&network, &[], "10.80.1.3", &["count=100", "interval=1s"]);
    expect(&cut, 0, "answered 5 of 5 echo requests, in ");
    expect(&cut, 0, "; the time-out left no room for more\n");
}

#[test]
fn a_host_is_watched_through_silence_and_return() {
    let Some(network) = Network::new() else { return };
    let runner = start(&network, &[], &check("host", "10.80.1.3", 56));
    let wait = |status: &str, part: &str| wait(&network, &runner, "host", status, part);
    wait("healthy", "answered 3 of 3");
    network.sh("ip netns exec target sysctl -q -w net.ipv4.icmp_echo_ignore_all=1");
    wait("unhealthy", "no reply to any of 3 echo requests within 1.0 s");
    network.sh("ip netns exec target sysctl -q -w net.ipv4.icmp_echo_ignore_all=0");
    wait("healthy", "answered 3 of 3");
    network.sh("ip -n router route add unreachable 10.80.1.3/32");
    wait("unhealthy", "(10.80.0.2 says: host unreachable)");
    network.sh("ip -n router route del unreachable 10.80.1.3/32");
    wait("healthy", "answered 3 of 3");
    let faults = network.within(|| runner.check("host").unwrap().0["counters"]["faults"].clone());
    assert!(faults.as_object().unwrap().values().all(|count| *count == 0), "{faults}");
    runner.stop();
}

#[test]
fn an_address_that_means_nothing_by_itself_is_no_failure_of_the_runner() {
    let ended = Home::empty().run(&["check", "ping", "--set", "host=fe80::1"]);
    expect(
        &ended,
        3,
        "unknown (invalid-settings): the probe does not accept its settings: /host: a link-local address leads",
    );
}
