//! The probe `dns` against Unbound.

use std::{fs, process::Command};

use crate::{
    probes::{try_out, watch},
    servers::{self, Server},
};

/// What the server is an authority for. The last is too long for a datagram.
const RECORDS: [&str; 10] = [
    "www.probity.test. A 192.0.2.1",
    "www.probity.test. AAAA 2001:db8::1",
    "alias.probity.test. CNAME www.probity.test.",
    "probity.test. MX 10 mail.probity.test.",
    "probity.test. NS ns.probity.test.",
    "probity.test. SOA ns.probity.test. hostmaster.probity.test. 7 3600 600 86400 300",
    "probity.test. TXT well",
    "probity.test. CAA 0 issue ca.example",
    "_sip._tcp.probity.test. SRV 0 5 5060 sip.probity.test.",
    "7.2.0.192.in-addr.arpa. PTR seven.probity.test.",
];
/// Addresses of a name that has so many that they do not fit in a datagram.
const MANY: u8 = 200;

fn unbound() -> Option<Server> {
    let program = servers::find("unbound")?;
    let port = servers::free_port();
    Some(Server::start(servers::folder(), port, move |folder| {
        let here = folder.display();
        let mut config = format!(
            "server:\n  interface: 127.0.0.1\n  port: {port}\n  username: \"\"\n  chroot: \"\"\n  use-syslog: no\n  \
             do-daemonize: no\n  directory: \"{here}\"\n  pidfile: \"{here}/pid\"\n  module-config: \"iterator\"\n  \
             local-zone: \"probity.test.\" static\n  local-zone: \"192.in-addr.arpa.\" static\n  \
             local-zone: \"elsewhere.test.\" refuse\n"
        );
        let many = (1..=MANY).map(|last| format!("many.probity.test. A 198.51.100.{last}"));
        for record in RECORDS.map(str::to_owned).into_iter().chain(many) {
            config += &format!("  local-data: '{record}'\n");
        }
        fs::write(folder.join("unbound.conf"), config + "remote-control:\n  control-enable: no\n").unwrap();
        let mut command = Command::new(&program);
        command.args(["-d", "-p", "-c"]).arg(folder.join("unbound.conf"));
        command
    }))
}

#[test]
fn a_server_is_asked_for_records_of_all_types() {
    let Some(server) = unbound() else { return };
    let at = |name: &str, more: &str| {
        format!("settings = {{ name = \"{name}\", server = \"127.0.0.1\", port = {}, {more} }}", server.port())
    };
    let zone = "probity.test";
    let missing = "192.0.2.9";
    try_out(
        "dns",
        &[
            ("a", at("www.probity.test", "expect = [\"192.0.2.1\"]"), "healthy", "www.probity.test A: 192.0.2.1"),
            ("aaaa", at("www.probity.test", "type = \"AAAA\", expect = [\"2001:DB8::1\"]"), "healthy", "2001:db8::1"),
            ("cname", at("alias.probity.test", "type = \"CNAME\", expect = [\"www.probity.test\"]"), "healthy", "www."),
            ("mx", at(zone, "type = \"MX\", expect = [\"10 mail.probity.test\"]"), "healthy", "10 mail.probity.test"),
            ("ns", at(zone, "type = \"NS\", expect = [\"ns.probity.test.\"]"), "healthy", "ns.probity.test"),
            ("soa", at(zone, "type = \"SOA\""), "healthy", "hostmaster.probity.test 7 3600 600 86400 300"),
            ("txt", at(zone, "type = \"TXT\", expect = [\"well\"]"), "healthy", "well"),
            ("caa", at(zone, "type = \"CAA\", expect = ['0 issue \"ca.example\"']"), "healthy", "0 issue"),
            (
                "srv",
                at("_sip._tcp.probity.test", "type = \"SRV\", expect = [\"0 5 5060 sip.probity.test\"]"),
                "healthy",
                "0 5 5060 sip.probity.test",
            ),
            ("ptr", at("192.0.2.7", "type = \"PTR\", expect = [\"seven.probity.test\"]"), "healthy", "seven."),
            ("by-tcp", at("many.probity.test", "expect = [\"198.51.100.200\"]"), "healthy", "198.51.100."),
            ("authority", at("www.probity.test", "authoritative = true"), "healthy", "192.0.2.1"),
            ("none-such", at("none.probity.test", ""), "unhealthy", "is NXDOMAIN, expected NOERROR"),
            ("rightly", at("none.probity.test", "expect_rcode = \"NXDOMAIN\""), "healthy", "NXDOMAIN"),
            ("refused", at("www.elsewhere.test", ""), "unhealthy", "is REFUSED, expected NOERROR"),
            ("no-type", at("www.probity.test", "type = \"MX\""), "unhealthy", "has no record of type MX"),
            ("lacking", at("www.probity.test", &format!("expect = [\"{missing}\"]")), "unhealthy", "lacks 192.0.2.9"),
            ("slow", at("www.probity.test", "degraded_after = \"0ms\""), "degraded", "more than 0.0 ms"),
        ],
    );
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = unbound() else { return };
    let settings =
        format!("settings = {{ name = \"www.probity.test\", server = \"127.0.0.1\", port = {} }}", server.port());
    watch(&mut server, "dns", &settings, "no answer within");
}
