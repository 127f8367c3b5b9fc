//! What can go wrong between a probe and its target, and whose fault it is.

use std::{error, fmt, net::SocketAddr, time::Duration};

use crate::{Problem, Verdict, bindings::probity::probe::types, settings::Span};

/// An exchange with the target that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What was being done, as a participle: `connecting to 127.0.0.1:80`.
    pub doing: String,
    /// Why it failed.
    pub cause: Cause,
}

/// Characters of a text of the runner's that an error repeats.
pub(crate) const QUOTED: usize = 200;

/// Why an exchange with the target failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The sandbox forbids it: the check lacks a grant.
    Denied,
    /// The runner or its system could not do its part; the text says which.
    Runner(String),
    /// The runner does not offer what the text names.
    Unsupported(String),
    /// The runner's system does not let it do that; the text says why, and what to do about it.
    Forbidden(String),
    /// What was asked for went wrong where it is; the text says how.
    Failed(String),
    /// The name does not exist, or has no address.
    Unresolvable,
    /// The resolver did not answer, or not now.
    ResolverFailed,
    /// Nobody listens.
    Refused,
    /// No way leads there.
    Unreachable,
    /// Nothing was heard for this long.
    TimedOut(Duration),
    /// The target closed the connection before it had said what it should.
    Closed,
    /// The target went on after this many bytes, which are more than anybody needs.
    Endless(usize),
    /// The connection broke; the text is the system's.
    Broken(String),
    /// No secure connection was agreed on; the text says why.
    Tls(String),
    /// The same, where it is known with whom.
    Handshake {
        /// The server's name.
        with: String,
        /// What was wrong, in the runner's words.
        why: String,
    },
    /// The server's certificate was refused; the text is a sentence of its own.
    Certificate(String),
    /// The target does not speak HTTP/2, and what it was asked can be asked in no other way.
    NoHttp2,
    /// The target did not keep to its protocol; the text says how.
    Protocol(String),
    /// The target has several addresses, and each failed.
    Each(Vec<(SocketAddr, Cause)>),
}

impl Error {
    /// An error for `doing`, which is a participle: `connecting to 127.0.0.1:80`.
    pub fn new(doing: impl Into<String>, cause: Cause) -> Self {
        Self { doing: doing.into(), cause }
    }
}

impl error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} while {}", self.cause, self.doing)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("access denied"),
            Self::Runner(text) => write!(f, "the runner failed ({text})"),
            Self::Unsupported(what) => write!(f, "the runner does not take {what}"),
            Self::Forbidden(why) | Self::Failed(why) => f.write_str(why),
            Self::Unresolvable => f.write_str("no such name, or no address for it"),
            Self::ResolverFailed => f.write_str("the resolver did not answer"),
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable => f.write_str("host unreachable"),
            Self::TimedOut(waited) => write!(f, "no answer within {}", Span(*waited)),
            Self::Closed => f.write_str("connection closed"),
            Self::Endless(bytes) => write!(f, "no end after {bytes} bytes"),
            Self::Broken(text) => write!(f, "connection broken ({text})"),
            Self::Tls(text) => write!(f, "no secure connection ({text})"),
            Self::Handshake { with, why } => write!(f, "TLS handshake with {with} failed: {why}"),
            Self::Certificate(why) => f.write_str(why),
            Self::NoHttp2 => f.write_str("no HTTP/2 is spoken"),
            Self::Protocol(text) => write!(f, "protocol violated ({text})"),
            Self::Each(failures) => {
                f.write_str("all addresses failed (")?;
                for (index, (address, cause)) in failures.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{address}: {cause}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// Why a check ends without a healthy or degraded verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The target is at fault: the text is the message of the unhealthy verdict.
    Unhealthy(String),
    /// The target is at fault, and there is more to be said of it than a message.
    Verdict(Box<Verdict>),
    /// The probe, its settings or its runner are: nothing is known of the target.
    Problem(Problem),
}

impl Failure {
    /// The same with more in the verdict, if the target is at fault.
    #[must_use]
    pub fn tell(self, more: impl FnOnce(Verdict) -> Verdict) -> Self {
        match self {
            Self::Unhealthy(message) => more(Verdict::unhealthy(message)).into(),
            Self::Verdict(verdict) => more(*verdict).into(),
            problem @ Self::Problem(_) => problem,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.cause {
            Cause::Denied => Self::Problem(Problem::denied(error.doing)),
            Cause::Runner(_) => Self::Problem(Problem::other(error.to_string())),
            Cause::Unsupported(_) => Self::Problem(Problem::unsupported(error.to_string())),
            Cause::Forbidden(why) => Self::Problem(Problem::unsupported(why)),
            _ => Self::Unhealthy(error.to_string()),
        }
    }
}

impl From<Verdict> for Failure {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(Box::new(verdict))
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        match failure {
            types::Failure::Verdict(verdict) => verdict.into(),
            types::Failure::Problem(problem) => problem.into(),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 80);

    #[test]
    fn a_message_says_what_happened_and_when() {
        let silent = Error::new("connecting to 127.0.0.1:80", Cause::TimedOut(Duration::from_millis(4_800)));
        assert_eq!(silent.to_string(), "no answer within 4.8 s while connecting to 127.0.0.1:80");

        let each = Cause::Each(vec![(TARGET, Cause::Refused), (TARGET, Cause::Unreachable)]);
        assert_eq!(
            each.to_string(),
            "all addresses failed (127.0.0.1:80: connection refused; 127.0.0.1:80: host unreachable)"
        );
    }

    #[test]
    fn more_is_told_of_the_target_alone() {
        let tell = |failure: Failure| failure.tell(|verdict| verdict.detail("address", "192.0.2.7:80"));
        let told = Failure::from(Verdict::unhealthy("refused").detail("address", "192.0.2.7:80"));
        assert_eq!(tell(Failure::Unhealthy("refused".to_owned())), told);
        assert_eq!(tell(Verdict::unhealthy("refused").into()), told);
        let problem = Failure::Problem(Problem::denied("sending"));
        assert_eq!(tell(problem.clone()), problem);
    }

    #[test]
    fn what_is_not_the_targets_fault_is_no_verdict() {
        let failure = |cause| Failure::from(Error::new("sending", cause));
        assert_eq!(failure(Cause::Denied), Failure::Problem(Problem::denied("sending")));
        assert!(matches!(failure(Cause::Runner("no memory".to_owned())), Failure::Problem(Problem::Other(_))));
        let unsupported = "the runner does not take a body while sending";
        assert_eq!(
            failure(Cause::Unsupported("a body".to_owned())),
            Failure::Problem(Problem::unsupported(unsupported))
        );
        let what_to_set = "set this".to_owned();
        assert_eq!(failure(Cause::Forbidden(what_to_set.clone())), Failure::Problem(Problem::unsupported(what_to_set)));
        assert!(matches!(failure(Cause::Refused), Failure::Unhealthy(_)));
    }
}
