//! What the operator configures; settings.schema.json says what each setting means.

use std::net::IpAddr;

use probity_guest::{
    SettingProblem, net,
    settings::{Host, Port, Span},
};
use serde::Deserialize;

use crate::{
    expectation::{example, is_record},
    message::{Question, Rcode, RecordType},
};

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) name: String,
    #[serde(rename = "type", default = "address")]
    pub(crate) record_type: RecordType,
    pub(crate) server: Option<Host>,
    #[serde(default = "usual_port")]
    pub(crate) port: Port,
    #[serde(default)]
    pub(crate) expect: Vec<String>,
    #[serde(default = "success")]
    pub(crate) expect_rcode: Rcode,
    #[serde(default)]
    pub(crate) authoritative: bool,
    pub(crate) degraded_after: Option<Span>,
}

fn address() -> RecordType {
    RecordType::A
}

fn usual_port() -> Port {
    Port(53)
}

fn success() -> Rcode {
    Rcode::NoError
}

impl Settings {
    /// The question that a server is asked. `None` if the name can't be one.
    pub(crate) fn question(&self, id: u16) -> Option<Question> {
        match net::literal(&self.name) {
            Some(address) if self.record_type == RecordType::Ptr => {
                Question::new(id, &reverse_name(address), self.record_type)
            }
            _ => Question::new(id, &self.name, self.record_type),
        }
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut problem = |pointer: String, message: String| problems.push(SettingProblem::new(pointer, message));

        if self.question(0).is_none() {
            problem("/name".to_owned(), "not a domain name; write one such as `example.org`".to_owned());
        }
        if self.server.is_none() {
            if !matches!(self.record_type, RecordType::A | RecordType::Aaaa) {
                let message = format!("the system's resolver can't be asked for {}; name a `server`", self.record_type);
                problem("/type".to_owned(), message);
            }
            if self.expect_rcode != Rcode::NoError {
                let message = "the system's resolver does not tell its response code; name a `server`";
                problem("/expect_rcode".to_owned(), message.to_owned());
            }
            if self.authoritative {
                let message = "the system's resolver speaks with nobody's authority; name a `server`";
                problem("/authoritative".to_owned(), message.to_owned());
            }
        }
        if self.expect_rcode != Rcode::NoError && !self.expect.is_empty() {
            problem("/expect".to_owned(), format!("there are no records in an answer of {}", self.expect_rcode));
        }
        for (index, text) in self.expect.iter().enumerate().filter(|(_, text)| !is_record(self.record_type, text)) {
            problem(
                format!("/expect/{index}"),
                format!(
                    "`{text}` can't be the content of a record of type {}; write it as `{}`",
                    self.record_type,
                    example(self.record_type)
                ),
            );
        }
        problems
    }
}

/// The name under which the name of an address is kept (RFC 1035, section 3.5, and RFC 3596, section 2.5).
fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 0xf, byte >> 4));
            nibbles.collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings;

    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        settings::pointers(json, Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        for (json, wrong) in [
            (r#"{ "name": "example.org" }"#, &[] as &[&str]),
            (r#"{ "name": ".", "type": "NS", "server": "192.0.2.53" }"#, &[]),
            (r#"{ "name": "::1", "type": "PTR", "server": "192.0.2.53" }"#, &[]),
            (r#"{ "name": "a", "authoritative": true }"#, &["/authoritative"]),
            (r#"{ "name": "" }"#, &["/name"]),
            (r#"{ "name": "a..b" }"#, &["/name"]),
            (r#"{ "name": "bücher.example" }"#, &["/name"]),
            (r#"{ "name": "a", "type": "MX" }"#, &["/type"]),
            (r#"{ "name": "a", "type": "ANY" }"#, &["/type"]),
            (r#"{ "name": "a", "expect_rcode": "NXDOMAIN" }"#, &["/expect_rcode"]),
            (r#"{ "name": "a", "server": "b", "expect_rcode": "OTHER" }"#, &["/expect_rcode"]),
            (r#"{ "name": "a", "server": "b", "expect_rcode": "NXDOMAIN", "expect": ["192.0.2.1"] }"#, &["/expect"]),
            (r#"{ "name": "a", "server": "" }"#, &["/server"]),
            (r#"{ "name": "a", "server": "192.0.2.53:53" }"#, &["/server"]),
            (r#"{ "name": "a", "expect": ["192.0.2.1", "b", "2001:db8::1"] }"#, &["/expect/1", "/expect/2"]),
            (r#"{ "name": "a", "type": "MX", "server": "b", "expect": ["mail.a"] }"#, &["/expect/0"]),
            (r#"{ "name": "a", "port": 0 }"#, &["/port"]),
        ] {
            assert_eq!(pointers(json), wrong, "{json}");
        }
    }

    #[test]
    fn addresses_have_names() {
        assert_eq!(reverse_name("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
        assert_eq!(
            reverse_name("2001:db8::567:89ab".parse().unwrap()),
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }
}
