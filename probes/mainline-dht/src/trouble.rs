//! What a node can be found wanting in.

use std::{fmt, net::SocketAddr, time::Duration};

use probity_guest::{Cause, Error, Failure, settings::Span};

use crate::message::Refusal;

/// Nodes that a message tells of, one by one.
const TOLD: usize = 4;

/// Why a node did not give what it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// It was not heard of for so long.
    Silent(Duration),
    /// So many datagrams came from there, and were no answer.
    Garbled(u32),
    /// It refused.
    Refused(Refusal),
    /// It could not be asked.
    Unsent(Cause),
}

/// Nodes, and what each was found wanting in.
pub(crate) type Troubles = Vec<(SocketAddr, Trouble)>;

impl Trouble {
    /// Whether the check is not granted the node.
    pub(crate) fn is_denial(&self) -> bool {
        *self == Self::Unsent(Cause::Denied)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(waited) => write!(f, "no answer within {}", Span(*waited)),
            Self::Garbled(datagrams) => write!(f, "none of {datagrams} datagrams that came was an answer"),
            Self::Refused(refusal) => write!(f, "refused with {refusal}"),
            Self::Unsent(cause) => cause.fmt(f),
        }
    }
}

/// What is said when no node does what it should; `what` says that. If one was denied that is why, whatever the others said: it
/// might have done it.
pub(crate) fn nobody(what: &str, troubles: &[(SocketAddr, Trouble)]) -> Failure {
    if let Some((address, _)) = troubles.iter().find(|(_, trouble)| trouble.is_denial()) {
        return Error::new(format!("sending to {address}"), Cause::Denied).into();
    }
    let each: Vec<String> =
        troubles.iter().take(TOLD).map(|(address, trouble)| format!("{address}: {trouble}")).collect();
    let more = match troubles.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let separator = if each.is_empty() { "" } else { ": " };
    Failure::Unhealthy(format!("{what}{separator}{}{more}", each.join("; ")))
}

#[cfg(test)]
mod tests {
    use probity_guest::Problem;

    use super::*;

    fn troubles(troubles: &[Trouble]) -> Troubles {
        let address = |number: usize| SocketAddr::from(([10, 0, 0, 7], number as u16 + 1));
        troubles.iter().cloned().enumerate().map(|(number, trouble)| (address(number), trouble)).collect()
    }

    #[test]
    fn each_nodes_trouble_is_told() {
        let refusal = Refusal { code: 203, text: "bad token".to_owned() };
        let all = [Trouble::Silent(Duration::from_secs(1)), Trouble::Garbled(7), Trouble::Refused(refusal)];
        let told = nobody("no node answered", &troubles(&all));
        let expected = "no node answered: 10.0.0.7:1: no answer within 1.0 s; 10.0.0.7:2: none of 7 datagrams that came was an \
                        answer; 10.0.0.7:3: refused with 203 protocol error, \"bad token\"";
        assert_eq!(told, Failure::Unhealthy(expected.to_owned()));
        assert_eq!(nobody("no node answered", &[]), Failure::Unhealthy("no node answered".to_owned()));
    }

    #[test]
    fn many_are_counted() {
        let Failure::Unhealthy(told) = nobody("none", &troubles(&[const { Trouble::Unsent(Cause::Unreachable) }; 9]))
        else {
            panic!("no verdict");
        };
        assert!(told.ends_with("10.0.0.7:4: host unreachable; and 5 more"), "{told}");
    }

    #[test]
    fn a_denial_outweighs_other_troubles() {
        let told = nobody("none", &troubles(&[Trouble::Garbled(1), Trouble::Unsent(Cause::Denied)]));
        assert_eq!(told, Failure::Problem(Problem::denied("sending to 10.0.0.7:2")));
    }
}
