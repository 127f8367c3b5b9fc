//! A run, by the names of the blackbox exporter. What that one tells of a target in any case is told in any case: rules compare
//! with 0 where nothing answered, and a series that is not there is greater or less than nothing.

use std::net::{IpAddr, SocketAddr};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use probity_core::outcome::{Outcome, Value, Verdict};

use crate::{
    http::exposition::{Exposition, Kind::Gauge, Labels},
    probing::Probed,
};

/// How a call of gRPC ends, each at the place of its code (grpc.io/docs/guides/status-codes).
const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// What a server of gRPC says of its health when its call ends with OK (grpc.health.v1). `UNKNOWN` is told apart from the code of
/// that name by nothing; of the two that code is the one that nobody should overlook.
const GRPC_HEALTH: [&str; 4] = ["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"];
/// How a call ends that came to no server, as clients of gRPC have it.
const GRPC_UNAVAILABLE: usize = 14;
/// A phase that no probe measures: it is 0, so that sums of phases come out.
const UNMEASURED: &str = "";

/// Writes it.
pub(super) fn write(probed: &Probed, now: Timestamp, out: &mut Exposition) {
    let verdict = match &probed.run.outcome {
        Outcome::Verdict(verdict) => Some(verdict),
        Outcome::Fault(_) => None,
    };
    let mut told = Told { out, verdict, now };
    told.lookup();
    told.address(probed.address);
    match &*probed.probe {
        "http" => told.http(),
        "ping" => told.icmp(),
        "dns" => told.dns(),
        "grpc" => told.grpc(),
        "tls" => told.tls(),
        _ => told.certificate("certificate-days-left", "certificate-not-after"),
    }
}

/// A verdict, if there is one, on its way out.
struct Told<'a> {
    out: &'a mut Exposition,
    verdict: Option<&'a Verdict>,
    now: Timestamp,
}

impl Told<'_> {
    fn lookup(&mut self) {
        let seconds = self.measured("resolve").unwrap_or(0.0);
        let help = "Returns the time taken for probe dns lookup in seconds.";
        self.gauge("probe_dns_lookup_time_seconds", help, seconds);
    }

    /// The address that was dialled, or else the one that the target names.
    fn address(&mut self, named: Option<IpAddr>) {
        let dialled = self.text("address").or(self.text("server")).and_then(|address| {
            let socket = address.parse::<SocketAddr>().map(|address| address.ip());
            socket.or_else(|_| address.parse()).ok()
        });
        let (protocol, hash) = match dialled.or(named) {
            None => (0.0, 0.0),
            Some(IpAddr::V4(ip)) => (4.0, f64::from(fnv_1a(&ip.octets()))),
            Some(IpAddr::V6(ip)) => (6.0, f64::from(fnv_1a(&ip.octets()))),
        };
        let help = "Specifies whether probe ip protocol is IP4 or IP6.";
        self.gauge("probe_ip_protocol", help, protocol);
        let help = "Specifies the hash of IP address. It's useful to detect if the IP address changes.";
        self.gauge("probe_ip_addr_hash", help, hash);
    }

    fn http(&mut self) {
        let phases = [
            ("resolve", "resolve"),
            ("connect", "connect"),
            ("tls", "tls"),
            ("processing", "wait"),
            ("transfer", "body"),
        ];
        let help = "Duration of http request by phase, summed over all redirects.";
        self.phases("probe_http_duration_seconds", help, phases);
        let status = self.number("status").unwrap_or(0.0);
        self.gauge("probe_http_status_code", "Response HTTP status code.", status);
        let version = self.text("http-version").and_then(|version| version.strip_prefix("HTTP/")?.parse().ok());
        let help = "Returns the version of HTTP of the probe response.";
        self.gauge("probe_http_version", help, version.unwrap_or(0.0));
        let redirects = self.number("redirects").unwrap_or(0.0);
        self.gauge("probe_http_redirects", "The number of redirects.", redirects);
        let secure = self.text("url").is_some_and(|url| url.starts_with("https://"));
        let help = "Indicates if SSL was used for the final redirect.";
        self.gauge("probe_http_ssl", help, f64::from(u8::from(secure)));
        let size = self.measured("body-size").unwrap_or(0.0);
        self.gauge("probe_http_uncompressed_body_length", "Length of uncompressed response body.", size);
        self.certificate("certificate-days-left", "certificate-not-after");
    }

    fn icmp(&mut self) {
        let phases = [("resolve", "resolve"), ("setup", UNMEASURED), ("rtt", "rtt-avg")];
        self.phases("probe_icmp_duration_seconds", "Duration of icmp request by phase.", phases);
        if let Some(ttl) = self.number("ttl") {
            let help = "Replied packet hop limit (TTL for ipv4).";
            self.gauge("probe_icmp_reply_hop_limit", help, ttl);
        }
    }

    fn dns(&mut self) {
        let phases = [("resolve", "resolve"), ("connect", UNMEASURED), ("request", "answer")];
        self.phases("probe_dns_duration_seconds", "Duration of DNS request by phase.", phases);
        let help = "Displays whether or not the query was executed successfully.";
        let answered = self.text("rcode").is_some();
        self.gauge("probe_dns_query_succeeded", help, f64::from(u8::from(answered)));
        let records = self.measured("records").unwrap_or(0.0);
        let help = "Returns number of entries in the answer resource record list.";
        self.gauge("probe_dns_answer_rrs", help, records);
    }

    fn grpc(&mut self) {
        let phases = [("resolve", UNMEASURED), ("check", "first-byte"), ("transfer", "answer")];
        self.phases("probe_grpc_duration_seconds", "Duration of gRPC request by phase.", phases);
        let status = self.text("status").unwrap_or_default().to_owned();
        let code = GRPC_CODES.iter().position(|code| *code == status);
        let code = code.or_else(|| GRPC_HEALTH.contains(&&*status).then_some(0)).unwrap_or(GRPC_UNAVAILABLE);
        self.gauge("probe_grpc_status_code", "Response gRPC status code.", code as f64);
        let help = "Response HealthCheck response.";
        let family = self.out.family("probe_grpc_healthcheck_response", Gauge, help);
        family.by("serving_status", GRPC_HEALTH).one_hot(&Labels::NONE, &status);
        let secure = self.detail("certificate-not-after").is_some();
        let help = "Indicates if SSL was used for the connection.";
        self.gauge("probe_grpc_ssl", help, f64::from(u8::from(secure)));
        self.certificate("certificate-days-left", "certificate-not-after");
    }

    fn tls(&mut self) {
        let version = self.text("protocol").map(|protocol| protocol.replace("TLSv", "TLS "));
        if let Some(version) = version {
            let help = "Returns the TLS version used, or NaN when unknown.";
            self.out.family("probe_tls_version_info", Gauge, help).sample(&[("version", &version)], 1);
        }
        self.certificate("days-left", "not-after");
    }

    /// When the certificate ends: so many days from now, by a measurement of this name, or else on a day, by such a detail.
    fn certificate(&mut self, days_left: &str, not_after: &str) {
        let day = self.text(not_after).and_then(|day| day.parse::<Date>().ok());
        let left = self.measured(days_left);
        // A day is what is told, and how many are left tells when of that day.
        let at = match (left, day.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok())) {
            (Some(left), _) => Some(self.now.as_second() as f64 + left * 86_400.0),
            (None, Some(day)) => Some(day.as_second() as f64),
            (None, None) => None,
        };
        if let Some(at) = at {
            let help = "Returns earliest SSL cert expiry in unixtime.";
            self.gauge("probe_ssl_earliest_cert_expiry", help, at.round());
        }
    }

    /// Durations by phase: each by its name there, and the one of the measurement. What did not come to pass took no time.
    fn phases<const N: usize>(&mut self, name: &'static str, help: &'static str, phases: [(&str, &str); N]) {
        let told = phases.map(|(phase, measurement)| (phase, self.measured(measurement).unwrap_or(0.0)));
        let mut family = self.out.family(name, Gauge, help);
        for (phase, seconds) in told {
            family.sample(&[("phase", phase)], seconds);
        }
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.out.family(name, Gauge, help).sample(&[], value);
    }

    fn measured(&self, name: &str) -> Option<f64> {
        self.verdict?.measurements.iter().rev().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    fn detail(&self, key: &str) -> Option<&Value> {
        self.verdict?.details.iter().rev().find(|detail| detail.key == key).map(|detail| &detail.value)
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.detail(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<f64> {
        match self.detail(key)? {
            Value::Integer(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            Value::Boolean(_) => None,
        }
    }
}

/// The hash of 32 bits by Fowler, Noll and Vo, variant 1a (draft-eastlake-fnv), as the blackbox exporter has it of an address.
fn fnv_1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_hash_that_the_blackbox_exporter_gives_it() {
        assert_eq!(fnv_1a(&[127, 0, 0, 1]), 3_668_918_509, "as version 0.23 of it says");
    }
}
