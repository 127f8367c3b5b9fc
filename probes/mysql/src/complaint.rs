//! What a server says when it refuses something.

use std::fmt;

use probity_guest::{
    Verdict,
    text::{blot, first_line},
};

use crate::packet::Cursor;

/// What a payload begins with that is one.
pub(crate) const MARK: u8 = 0xff;
/// A right is missing (`ER_SPECIFIC_ACCESS_DENIED_ERROR`).
const DENIED: u16 = 1227;
/// Characters of a text of the server's that a verdict shows.
const SHOWN: usize = 200;

/// An `ERR_Packet`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) code: u16,
    message: String,
}

impl Complaint {
    /// `None` if it is none. A server that has not greeted yet gives no SQLSTATE.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        if cursor.byte()? != MARK {
            return None;
        }
        let code = cursor.number(2)? as u16;
        if cursor.0.first() == Some(&b'#') {
            let _sqlstate = cursor.bytes(6)?;
        }
        Some(Self { code, message: first_line(&String::from_utf8_lossy(cursor.0), SHOWN) })
    }

    /// Blots out what nobody may read: a server can repeat what it was told.
    pub(crate) fn hide(&mut self, secrets: &[String]) {
        self.message = String::from_utf8_lossy(&blot(self.message.as_bytes(), secrets)).into_owned();
    }

    /// The verdict on a server that said this to somebody who logged in; without TLS since `tls_failure`, if TLS was tried.
    pub(crate) fn at_login(&self, server: &str, tls_failure: Option<&str>) -> Verdict {
        let what = match self.code {
            1040 | 1203 | 1226 => "has no connection left",
            1053 => "is shutting down",
            1129 | 1130 => "lets nobody in from here",
            _ => "refused the login",
        };
        let why = tls_failure.map(|why| format!("; it was asked without TLS, which failed: {why}")).unwrap_or_default();
        let verdict = self.of(format!("{server} {what}: {self}{why}"));
        // A password, a privilege, a database or TLS is missing, or an account or a host is blocked: that takes an operator.
        let lasts = [1044, 1045, 1049, 1129, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3159, 4151].contains(&self.code);
        // Which account must have TLS, servers do not always say.
        let may_want_tls = tls_failure.is_some() && [1045, 3159].contains(&self.code);
        if lasts && !may_want_tls { verdict.permanent() } else { verdict }
    }

    /// The verdict on a server that said this to `what`, such as `the query`.
    pub(crate) fn at(&self, what: &str, server: &str) -> Verdict {
        self.of(format!("{what} failed at {server}: {self}"))
    }

    /// The verdict on a server that said this to the question about replication, to which `user` needs a right.
    pub(crate) fn at_replication(&self, server: &str, user: &str) -> Verdict {
        let verdict = self.at("the question about replication", server);
        if self.code != DENIED {
            return verdict;
        }
        let remedy =
            format!("; GRANT REPLICATION CLIENT ON *.* TO {user}, with MariaDB since 10.5 GRANT SLAVE MONITOR");
        Verdict { message: verdict.message + &remedy, ..verdict }.permanent()
    }

    fn of(&self, message: String) -> Verdict {
        Verdict::unhealthy(message).detail("error-code", i64::from(self.code))
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::Status;

    use super::*;

    #[test]
    fn complaints_are_read() {
        let mut complaint = Complaint::parse(b"\xff\x15\x04#28000Access denied\nfor pw").unwrap();
        assert_eq!(complaint.to_string(), "Access denied [1045]");
        assert_eq!(
            Complaint::parse(b"\xff\x10\x04Too many connections").unwrap().to_string(),
            "Too many connections [1040]"
        );
        assert_eq!(Complaint::parse(b"\xff\x10"), None);
        assert_eq!(Complaint::parse(b"\0\0\0"), None);
        complaint.message = "is it pw?".to_owned();
        complaint.hide(&["pw".to_owned()]);
        assert_eq!(complaint.to_string(), "is it ***? [1045]");
    }

    #[test]
    fn a_login_is_judged_by_the_code() {
        for (code, message, permanent) in [
            (1045, "db refused the login: no [1045]", true),
            (1049, "db refused the login: no [1049]", true),
            (1130, "db lets nobody in from here: no [1130]", true),
            (1040, "db has no connection left: no [1040]", false),
            (1053, "db is shutting down: no [1053]", false),
            (1105, "db refused the login: no [1105]", false),
        ] {
            let verdict = Complaint { code, message: "no".to_owned() }.at_login("db", None);
            assert_eq!((verdict.status, verdict.permanent), (Status::Unhealthy, permanent), "{code}");
            assert_eq!(verdict.message, message);
        }
        let insecure = Complaint { code: 1045, message: "no".to_owned() }.at_login("db", Some("no trust"));
        assert!(!insecure.permanent);
        assert_eq!(
            insecure.message,
            "db refused the login: no [1045]; it was asked without TLS, which failed: no trust"
        );
    }

    #[test]
    fn a_missing_right_to_know_lasts_until_it_is_granted() {
        let denied = Complaint { code: 1227, message: "no".to_owned() }.at_replication("db", "probe");
        assert!(denied.permanent);
        let part = "the question about replication failed at db: no [1227]; GRANT REPLICATION CLIENT ON *.* TO probe,";
        assert!(denied.message.starts_with(part), "{}", denied.message);
        assert!(!Complaint { code: 1105, message: "no".to_owned() }.at_replication("db", "probe").permanent);
    }
}
