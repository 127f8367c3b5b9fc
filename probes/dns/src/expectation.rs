//! What the operator expects of an answer, and what of it was not met.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    message::{Answer, Rcode, RecordType},
    settings::Settings,
};

/// How an answer falls short of what is expected; empty if it does not. Each continues a sentence about the answer.
pub(crate) fn shortcomings(settings: &Settings, answer: &Answer) -> Vec<String> {
    if answer.rcode != settings.expect_rcode {
        return vec![format!("is {}, expected {}", answer.rcode, settings.expect_rcode)];
    }
    if settings.authoritative && !answer.authoritative {
        return vec!["is not authoritative".to_owned()];
    }
    if answer.rcode != Rcode::NoError {
        return Vec::new();
    }
    if answer.records.is_empty() {
        return vec![format!("has no record of type {}", settings.record_type)];
    }
    let seen: Vec<_> = answer.records.iter().map(|record| normal(settings.record_type, record)).collect();
    let missing = settings.expect.iter().filter(|expected| !seen.contains(&normal(settings.record_type, expected)));
    missing.map(|expected| format!("lacks {expected}")).collect()
}

/// Whether a text can be the content of such a record.
pub(crate) fn is_record(record_type: RecordType, text: &str) -> bool {
    let words: Vec<_> = text.split_whitespace().collect();
    let are_numbers = |words: &[&str]| words.iter().all(|word| word.parse::<u32>().is_ok());
    match (record_type, words.as_slice()) {
        (RecordType::A, _) => text.parse::<Ipv4Addr>().is_ok(),
        (RecordType::Aaaa, _) => text.parse::<Ipv6Addr>().is_ok(),
        (RecordType::Txt, _) => !text.is_empty(),
        (RecordType::Cname | RecordType::Ns | RecordType::Ptr, [_]) => true,
        (RecordType::Mx, [numbers @ .., _]) => numbers.len() == 1 && are_numbers(numbers),
        (RecordType::Srv, [numbers @ .., _]) => numbers.len() == 3 && are_numbers(numbers),
        (RecordType::Caa, [flags, _, _, ..]) => are_numbers(&[flags]),
        (RecordType::Soa, [_, _, numbers @ ..]) => numbers.len() == 5 && are_numbers(numbers),
        _ => false,
    }
}

/// What such a record looks like.
pub(crate) fn example(record_type: RecordType) -> &'static str {
    match record_type {
        RecordType::A => "192.0.2.1",
        RecordType::Aaaa => "2001:db8::1",
        RecordType::Caa => "0 issue \"ca.example.net\"",
        RecordType::Cname | RecordType::Ns | RecordType::Ptr => "host.example.org",
        RecordType::Mx => "10 mail.example.org",
        RecordType::Soa => "ns.example.org hostmaster.example.org 2026 7200 3600 1209600 3600",
        RecordType::Srv => "0 5 5060 sip.example.org",
        RecordType::Txt => "v=spf1 -all",
    }
}

/// A record in the one of its spellings that all others are compared by.
fn normal(record_type: RecordType, text: &str) -> String {
    match record_type {
        RecordType::Aaaa => match text.parse::<Ipv6Addr>() {
            Ok(address) => address.to_string(),
            Err(_) => text.to_owned(),
        },
        // What is text in the record is compared as it is.
        RecordType::A | RecordType::Caa | RecordType::Txt => text.to_owned(),
        RecordType::Cname | RecordType::Mx | RecordType::Ns | RecordType::Ptr | RecordType::Soa | RecordType::Srv => {
            let words = text.split_whitespace();
            let words = words.map(|word| if word.len() > 1 { word.strip_suffix('.').unwrap_or(word) } else { word });
            words.collect::<Vec<_>>().join(" ").to_ascii_lowercase()
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    fn found(more: &str, rcode: Rcode, records: &[&str]) -> Vec<String> {
        let settings: Settings = parse(&format!(r#"{{ "name": "a", "server": "b", {more} "port": 53 }}"#)).unwrap();
        let records = records.iter().map(ToString::to_string).collect();
        shortcomings(&settings, &Answer { rcode, authoritative: false, truncated: false, records, ttl: None })
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn a_record_has_the_parts_of_its_type() {
        use RecordType::{A, Aaaa, Caa, Cname, Mx, Ns, Ptr, Soa, Srv, Txt};
        for record_type in [A, Aaaa, Caa, Cname, Mx, Ns, Ptr, Soa, Srv, Txt] {
            assert!(is_record(record_type, example(record_type)), "{record_type}");
            assert!(!is_record(record_type, ""), "{record_type}");
        }
        for (record_type, wrong) in [
            (A, "2001:db8::1"),
            (Caa, "0 issue"),
            (Cname, "10 mail.example.org"),
            (Mx, "mail.example.org"),
            (Mx, "ten mail.example.org"),
            (Soa, "ns.example.org hostmaster.example.org 2026"),
            (Srv, "5060 sip.example.org"),
        ] {
            assert!(!is_record(record_type, wrong), "{record_type} {wrong}");
        }
    }

    #[test]
    fn there_must_be_an_answer() {
        assert_eq!(found("", Rcode::NoError, &["192.0.2.1"]), NONE);
        assert_eq!(found("", Rcode::NoError, &[]), ["has no record of type A"]);
        assert_eq!(found("", Rcode::ServFail, &[]), ["is SERVFAIL, expected NOERROR"]);
    }

    #[test]
    fn a_name_can_be_expected_not_to_exist() {
        let more = r#""expect_rcode": "NXDOMAIN","#;
        assert_eq!(found(more, Rcode::NxDomain, &[]), NONE);
        assert_eq!(found(more, Rcode::NoError, &["192.0.2.1"]), ["is NOERROR, expected NXDOMAIN"]);
    }

    #[test]
    fn an_answer_can_be_expected_of_whom_it_is_for_to_say() {
        let more = r#""authoritative": true,"#;
        assert_eq!(found(more, Rcode::NoError, &["192.0.2.1"]), ["is not authoritative"]);
        assert_eq!(found(more, Rcode::ServFail, &[]), ["is SERVFAIL, expected NOERROR"]);
    }

    #[test]
    fn all_expected_records_must_be_there_however_they_are_spelt() {
        let more = r#""type": "AAAA", "expect": ["2001:DB8:0::1", "2001:db8::2"],"#;
        assert_eq!(found(more, Rcode::NoError, &["2001:db8::2", "2001:db8::1", "2001:db8::3"]), NONE);
        assert_eq!(found(more, Rcode::NoError, &["2001:db8::1"]), ["lacks 2001:db8::2"]);

        let more = r#""type": "MX", "expect": ["10  Mail.Example.org.", "0 ."],"#;
        assert_eq!(found(more, Rcode::NoError, &["10 mail.example.org", "0 ."]), NONE);

        let more = r#""type": "TXT", "expect": ["Case matters."],"#;
        assert_eq!(found(more, Rcode::NoError, &["case matters."]), ["lacks Case matters."]);
    }
}
