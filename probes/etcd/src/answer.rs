//! What etcd answers with: the messages of its API, version 3, as JSON (`etcdserver/etcdserverpb/rpc.proto`). A field that is zero
//! or empty is left out.

use std::fmt;

use probity_guest::base64;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, Unexpected, Visitor},
};

/// What all but some answers begin with.
#[derive(Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Header {
    #[serde(default)]
    pub(crate) member_id: Count,
}

/// That it was done.
#[derive(Deserialize)]
pub(crate) struct Done {
    #[serde(rename = "header")]
    _header: IgnoredAny,
}

/// `AuthenticateResponse`.
#[derive(Deserialize)]
pub(crate) struct Token {
    pub(crate) token: String,
}

/// `LeaseGrantResponse`.
#[derive(Deserialize)]
pub(crate) struct Lease {
    #[serde(rename = "ID")]
    pub(crate) id: String,
}

/// `RangeResponse`.
#[derive(Deserialize)]
pub(crate) struct Range {
    #[serde(rename = "header")]
    _header: IgnoredAny,
    #[serde(default)]
    kvs: Vec<KeyValue>,
}

#[derive(Deserialize)]
struct KeyValue {
    #[serde(default)]
    value: String,
}

impl Range {
    /// The values, or `None` if one is no base 64.
    pub(crate) fn values(&self) -> Option<Vec<Vec<u8>>> {
        self.kvs.iter().map(|pair| base64::decode(&pair.value)).collect()
    }
}

/// `StatusResponse`: what a member tells of itself.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) header: Header,
    #[serde(default)]
    pub(crate) version: String,
    /// The member that leads; 0 if none is known.
    #[serde(default)]
    pub(crate) leader: Count,
    #[serde(default)]
    pub(crate) is_learner: bool,
    /// The last entry of the log that the cluster agreed on.
    #[serde(default)]
    pub(crate) raft_index: Count,
    /// The last one that is in the member's database.
    #[serde(default)]
    pub(crate) raft_applied_index: Count,
    /// Bytes of the database, what is free within included.
    #[serde(default)]
    pub(crate) db_size: Count,
    /// Bytes that it may have; 0 before version 3.6, and where nothing was configured.
    #[serde(default)]
    pub(crate) db_size_quota: Count,
}

/// `AlarmResponse`.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Alarms {
    #[serde(default)]
    pub(crate) alarms: Vec<Alarm>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Alarm {
    #[serde(default, rename = "memberID")]
    pub(crate) member: Count,
    /// `NOSPACE` or `CORRUPT`.
    #[serde(default)]
    pub(crate) alarm: String,
}

/// A whole number of 64 bits: in JSON, a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl Visitor<'_> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Count, E> {
                Ok(Count(number))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Count, E> {
                text.parse().map(Count).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(CountVisitor)
    }
}

/// As etcd's own tools write the number of a member.
impl fmt::LowerHex for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_come() {
        // What etcd 3.4.23 answered, shortened.
        let told = r#"{"header":{"cluster_id":"15141206348206992227","member_id":"4335799851407160000","revision":"1"},
            "version":"3.4.23","dbSize":"20480","leader":"7616583982444832909","raftIndex":"9","raftTerm":"2",
            "raftAppliedIndex":"8","errors":["memberID:1 alarm:NOSPACE "],"dbSizeInUse":"16384"}"#;
        let status: Status = serde_json::from_str(told).unwrap();
        assert_eq!(
            status,
            Status {
                header: Header { member_id: Count(4_335_799_851_407_160_000) },
                version: "3.4.23".to_owned(),
                leader: Count(7_616_583_982_444_832_909),
                is_learner: false,
                raft_index: Count(9),
                raft_applied_index: Count(8),
                db_size: Count(20_480),
                db_size_quota: Count(0),
            }
        );
        assert_eq!(format!("{:x}", status.leader), "69b38ac7138de88d");
        let alarms: Alarms = serde_json::from_str(r#"{"alarms":[{"memberID":"7","alarm":"NOSPACE"}]}"#).unwrap();
        assert_eq!(alarms.alarms, [Alarm { member: Count(7), alarm: "NOSPACE".to_owned() }]);
        assert_eq!(serde_json::from_str::<Alarms>("{}").unwrap(), Alarms { alarms: Vec::new() });
    }

    #[test]
    fn values_are_decoded() {
        let values = |kvs: &str| {
            let range: Range = serde_json::from_str(&format!(r#"{{"header":{{}}{kvs}}}"#)).unwrap();
            range.values()
        };
        assert_eq!(values(""), Some(Vec::new()));
        assert_eq!(values(r#","kvs":[{"key":"YQ==","value":"Yg=="}]"#), Some(vec![b"b".to_vec()]));
        assert_eq!(values(r#","kvs":[{"key":"YQ=="}]"#), Some(vec![Vec::new()]));
        assert_eq!(values(r#","kvs":[{"value":"*"}]"#), None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(serde_json::from_str::<Done>("{}").is_err());
        assert!(serde_json::from_str::<Lease>(r#"{"header":{}}"#).is_err());
        for number in [r#""-1""#, r#""1.5""#, r#""""#, "null", "-1"] {
            assert!(serde_json::from_str::<Count>(number).is_err(), "{number}");
        }
        assert_eq!(serde_json::from_str::<Count>("7").unwrap(), Count(7));
    }
}
