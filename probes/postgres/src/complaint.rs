//! What a server says when it refuses something: fields, each with a letter (PostgreSQL's documentation, section 55.8).

use std::fmt;

use probity_guest::{
    Verdict,
    text::{blot, first_line},
};

/// Characters of a text of the server's that a verdict shows.
const SHOWN: usize = 200;

/// An `ErrorResponse`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// The SQLSTATE, which is the same in all languages.
    pub(crate) code: String,
    message: String,
    detail: String,
}

impl Complaint {
    /// Reads what is there. Unknown fields are passed over, as the protocol demands.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let mut complaint = Self::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((letter, text)) = field.split_first() else { continue };
            let place = match letter {
                b'C' => &mut complaint.code,
                b'M' => &mut complaint.message,
                b'D' => &mut complaint.detail,
                _ => continue,
            };
            *place = first_line(&String::from_utf8_lossy(text), SHOWN);
        }
        complaint
    }

    /// Blots out what nobody may read: a server can repeat what it was told.
    pub(crate) fn hide(&mut self, secrets: &[String]) {
        for text in [&mut self.message, &mut self.detail] {
            *text = String::from_utf8_lossy(&blot(text.as_bytes(), secrets)).into_owned();
        }
    }

    /// The verdict on a server that said this to somebody who logged in; without TLS since `tls_failure`, if TLS was tried.
    pub(crate) fn at_login(&self, server: &str, tls_failure: Option<&str>) -> Verdict {
        let what = match self.code.as_str() {
            "57P03" => "takes no sessions now",
            "57P01" | "57P02" => "is shutting down",
            "53300" => "has no connection left",
            _ => "refused the login",
        };
        let why = tls_failure.map(|why| format!("; it was asked without TLS, which failed: {why}")).unwrap_or_default();
        let verdict =
            Verdict::unhealthy(format!("{server} {what}: {self}{why}")).detail("sqlstate", self.code.as_str());
        // A password, a rule of pg_hba.conf, a database or a privilege is missing: that takes an operator.
        let lasts = match self.code.as_str() {
            "28P01" | "3D000" | "42501" => true,
            // With TLS there may be a rule.
            "28000" => tls_failure.is_none(),
            _ => false,
        };
        if lasts { verdict.permanent() } else { verdict }
    }

    /// The verdict on a server that said this to a query.
    pub(crate) fn at_query(&self, server: &str, query: &str) -> Verdict {
        let message = format!("{query} failed at {server}: {self}");
        Verdict::unhealthy(message).detail("sqlstate", self.code.as_str())
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        if self.code.is_empty() { Ok(()) } else { write!(f, " [{}]", self.code) }
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::Status;

    use super::*;

    fn complaint(code: &str) -> Complaint {
        Complaint::parse(format!("SFATAL\0VFATAL\0C{code}\0Mno\nmore\0Dwhy\0Fauth.c\0\0").as_bytes())
    }

    #[test]
    fn the_telling_fields_are_read() {
        assert_eq!(complaint("28P01").to_string(), "no (why) [28P01]");
        assert_eq!(Complaint::parse(b"Mno\x1b[31m").to_string(), "no [31m");
        assert_eq!(Complaint::parse(b"\0\0"), Complaint::default());
        let mut echo = Complaint::parse(b"Mis it pw?\0Dpw it is\0");
        echo.hide(&["pw".to_owned()]);
        assert_eq!(echo.to_string(), "is it ***? (*** it is)");
    }

    #[test]
    fn a_login_is_judged_by_the_code() {
        for (code, message, permanent) in [
            ("28P01", "db refused the login: ", true),
            ("28000", "db refused the login: ", true),
            ("3D000", "db refused the login: ", true),
            ("42501", "db refused the login: ", true),
            ("57P03", "db takes no sessions now: ", false),
            ("57P01", "db is shutting down: ", false),
            ("53300", "db has no connection left: ", false),
            ("XX000", "db refused the login: ", false),
        ] {
            let verdict = complaint(code).at_login("db", None);
            assert_eq!((verdict.status, verdict.permanent), (Status::Unhealthy, permanent), "{code}");
            assert!(verdict.message.starts_with(message), "{}", verdict.message);
        }
        let insecure = complaint("28000").at_login("db", Some("no trust"));
        assert!(!insecure.permanent);
        assert!(
            insecure.message.ends_with("[28000]; it was asked without TLS, which failed: no trust"),
            "{insecure:?}"
        );
        assert!(complaint("28P01").at_login("db", Some("no trust")).permanent);
        assert!(!complaint("42P01").at_query("db", "the query").permanent);
    }
}
