//! What etcd says when it does not do what it was asked for.

use serde::Deserialize;

/// The code of gRPC for what a user may not do.
const PERMISSION_DENIED: u32 = 7;
/// What it says of a token that has expired, or that it forgot when it was started again.
const STALE_TOKEN: &str = "etcdserver: invalid auth token";

/// Such an answer.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Complaint {
    pub(crate) message: String,
    /// A code of gRPC.
    pub(crate) code: u32,
}

impl Complaint {
    /// Reads the body of an answer; `None` if it is none of etcd's.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Whether logging in anew may help.
    pub(crate) fn is_of_stale_token(&self) -> bool {
        self.message == STALE_TOKEN
    }

    /// Whether this is what the user may not do.
    pub(crate) fn is_of_permission(&self) -> bool {
        self.code == PERMISSION_DENIED
    }

    /// What it says of etcd, as the continuation of a sentence about it; and whether it lasts until somebody does something
    /// about it.
    pub(crate) fn meaning(&self) -> (&'static str, bool) {
        let says = |part| self.message.contains(part);
        if says("no leader") {
            ("has no leader", false)
        } else if says("leader changed") {
            ("has just changed its leader", false)
        } else if says("request timed out") {
            ("got no majority to agree in time", false)
        } else if says("database space exceeded") {
            ("has no space left in its database, and takes no writes", false)
        } else if says("corrupt cluster") {
            ("has members whose data differs", false)
        } else if says("too many requests") {
            ("takes no more requests", false)
        } else if says("authentication failed") {
            ("refused the credentials", true)
        } else if says("user name is empty") {
            ("asks for credentials", true)
        } else if says("authentication is not enabled") {
            ("has no users: leave `user` out", true)
        } else if says("invalid auth token") {
            ("does not know the token that it has just given", false)
        } else if self.is_of_permission() {
            ("does not permit this user to do that", true)
        } else {
            ("refused the request", false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_have_a_meaning() {
        for (message, code, part, permanent) in [
            ("etcdserver: no leader", 14, "has no leader", false),
            ("etcdserver: request timed out, possibly due to connection lost", 14, "no majority", false),
            ("etcdserver: mvcc: database space exceeded", 8, "no space left", false),
            ("etcdserver: authentication failed, invalid user ID or password", 3, "refused the credentials", true),
            ("etcdserver: user name is empty", 3, "asks for credentials", true),
            ("etcdserver: authentication is not enabled", 9, "leave `user` out", true),
            ("etcdserver: invalid auth token", 16, "does not know the token", false),
            ("etcdserver: permission denied", 7, "does not permit", true),
            ("etcdserver: requested lease not found", 5, "refused the request", false),
        ] {
            let complaint = Complaint { message: message.to_owned(), code };
            let (text, lasts) = complaint.meaning();
            assert!(text.contains(part) && lasts == permanent, "{message}: {text}");
        }
    }

    #[test]
    fn a_complaint_is_told_from_other_pages() {
        let body = br#"{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}"#;
        assert_eq!(Complaint::read(body).unwrap().message, "etcdserver: no leader");
        for body in [&b"404 page not found"[..], b"{}", b"[]", b"", b"{\"message\":1,\"code\":1}"] {
            assert_eq!(Complaint::read(body), None);
        }
    }
}
