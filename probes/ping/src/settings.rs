//! What the operator configures; settings.schema.json says what each setting means.

use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

use probity_guest::{
    SettingProblem,
    limits::Limits,
    settings::{Host, Share, Span},
};
use serde::Deserialize;

/// Requests of one run. A hundred tell a loss of one in a hundred; who wants to know more exactly wants another tool.
const COUNT: RangeInclusive<u16> = 1..=100;
/// The least time between two requests: a check is not to be a flood.
const LEAST_INTERVAL: Span = Span(Duration::from_millis(10));
/// Bytes of a request's payload: enough to tell a reply from a forged one, and as much as an IPv4 packet holds.
const PAYLOAD: RangeInclusive<u32> = 8..=65_507;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) host: Host,
    #[serde(default)]
    pub(crate) family: Family,
    #[serde(default = "five")]
    pub(crate) count: u16,
    #[serde(default = "fifth_of_a_second")]
    pub(crate) interval: Span,
    #[serde(default = "a_second")]
    pub(crate) reply_timeout: Span,
    /// As most programs called `ping` have it.
    #[serde(default = "fifty_six")]
    pub(crate) payload_size: u32,
    #[serde(default = "two_of_five")]
    degraded_loss: Share,
    #[serde(default = "four_of_five")]
    unhealthy_loss: Share,
    degraded_rtt: Option<Span>,
    unhealthy_rtt: Option<Span>,
}

fn five() -> u16 {
    5
}

fn fifth_of_a_second() -> Span {
    Span(Duration::from_millis(200))
}

fn a_second() -> Span {
    Span(Duration::from_secs(1))
}

fn fifty_six() -> u32 {
    56
}

fn two_of_five() -> Share {
    Share(0.4)
}

fn four_of_five() -> Share {
    Share(0.8)
}

/// Which of a host's addresses will do.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    #[default]
    Any,
    Ipv4,
    Ipv6,
}

impl Family {
    pub(crate) fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }
}

impl Settings {
    pub(crate) fn loss(&self) -> Limits<Share> {
        Limits { degraded: Some(self.degraded_loss), unhealthy: Some(self.unhealthy_loss) }
    }

    pub(crate) fn rtt(&self) -> Limits<Span> {
        Limits { degraded: self.degraded_rtt, unhealthy: self.unhealthy_rtt }
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut complain = |pointer: &str, message: String| problems.push(SettingProblem::new(pointer, message));
        if !COUNT.contains(&self.count) {
            complain("/count", format!("must be from {} to {}", COUNT.start(), COUNT.end()));
        }
        if self.interval < LEAST_INTERVAL {
            complain("/interval", "less than 10ms, which would be a flood; give more".to_owned());
        }
        if self.reply_timeout.0.is_zero() {
            complain("/reply_timeout", "no time at all; give more, such as `1s`".to_owned());
        }
        if !PAYLOAD.contains(&self.payload_size) {
            complain("/payload_size", format!("must be from {} to {}", PAYLOAD.start(), PAYLOAD.end()));
        }
        problems.extend(self.loss().problem_down("loss"));
        problems.extend(self.rtt().problem_down("rtt"));
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        probity_guest::settings::pointers(json, Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        assert_eq!(pointers(r#"{ "host": "a" }"#), Vec::<String>::new());
        for host in ["", "a:80", "fe80::1"] {
            assert_eq!(pointers(&format!(r#"{{ "host": "{host}" }}"#)), ["/host"], "{host}");
        }
        for (wrong, pointer) in [
            (r#""count": 0"#, "/count"),
            (r#""count": 101"#, "/count"),
            (r#""interval": "9ms""#, "/interval"),
            (r#""reply_timeout": "0s""#, "/reply_timeout"),
            (r#""payload_size": 7"#, "/payload_size"),
            (r#""payload_size": 65508"#, "/payload_size"),
            (r#""family": "4""#, "/family"),
            (r#""degraded_loss": 0"#, "/degraded_loss"),
            (r#""degraded_loss": 0.9"#, "/degraded_loss"),
            (r#""degraded_rtt": "2s", "unhealthy_rtt": "1s""#, "/degraded_rtt"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "host": "a", {wrong} }}"#)), [pointer], "{wrong}");
        }
    }
}
