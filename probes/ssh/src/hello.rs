//! What an SSH server says before anybody has logged in: its name, and what it offers (RFC 4253, sections 4.2 and 7.1).

/// The number of the message with what is offered (RFC 4253, section 12).
const KEXINIT: u8 = 20;
/// Bytes of the random number in it.
const COOKIE: usize = 16;
/// Where in it the lists of kinds of host keys is: after that of key exchanges.
const HOST_KEYS: usize = 1;

/// The name that a server gives itself: `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) protocol: String,
    pub(crate) software: String,
}

impl Name {
    /// Reads a line; `None` if it is not the name. A server may say other things before it.
    pub(crate) fn read(line: &[u8]) -> Option<Name> {
        let (protocol, software) = std::str::from_utf8(line.strip_prefix(b"SSH-")?).ok()?.split_once('-')?;
        Some(Name { protocol: protocol.to_owned(), software: software.to_owned() })
    }

    /// Whether it speaks version 2; 1.99 is a server that speaks both (RFC 4253, section 5.1).
    pub(crate) fn is_current(&self) -> bool {
        matches!(self.protocol.as_str(), "2.0" | "1.99")
    }
}

/// What is in a packet of this many bytes before the padding, whose length is its first byte (RFC 4253, section 6).
fn payload(packet: &[u8]) -> Option<&[u8]> {
    let (padding, rest) = packet.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*padding))?)
}

/// The kinds of host keys that a packet without its length offers; `None` if it is none that offers anything.
pub(crate) fn host_keys(packet: &[u8]) -> Option<Vec<String>> {
    let (number, rest) = payload(packet)?.split_first()?;
    let mut rest = rest.get(COOKIE..).filter(|_| *number == KEXINIT)?;
    for _ in 0..HOST_KEYS {
        rest = list(rest)?.1;
    }
    let names = std::str::from_utf8(list(rest)?.0).ok()?;
    Some(names.split(',').map(str::to_owned).collect())
}

/// A list that has its length before it, and what comes after (RFC 4251, section 5).
fn list(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read() {
        let name = Name::read(b"SSH-2.0-OpenSSH_9.2p1 Debian-2").unwrap();
        assert_eq!((name.protocol.as_str(), name.software.as_str()), ("2.0", "OpenSSH_9.2p1 Debian-2"));
        assert!(name.is_current() && Name::read(b"SSH-1.99-x").unwrap().is_current());
        assert!(!Name::read(b"SSH-1.5-old").unwrap().is_current());
        for line in [&b"Welcome"[..], b"SSH-", b"SSH-2.0", b"SSH-2.0\xff-x", b""] {
            assert_eq!(Name::read(line), None, "{line:?}");
        }
    }

    fn packet(number: u8, lists: &[&str]) -> Vec<u8> {
        let mut packet = vec![4, number];
        packet.extend([7; COOKIE]);
        for list in lists {
            packet.extend((list.len() as u32).to_be_bytes());
            packet.extend(list.as_bytes());
        }
        packet.extend([0; 4]);
        packet
    }

    #[test]
    fn what_is_offered_is_read() {
        let offer = packet(KEXINIT, &["curve25519-sha256", "ssh-ed25519,rsa-sha2-512", "aes128-ctr"]);
        assert_eq!(host_keys(&offer), Some(vec!["ssh-ed25519".to_owned(), "rsa-sha2-512".to_owned()]));
        assert_eq!(host_keys(&packet(2, &["a", "b"])), None, "another message");
        assert_eq!(host_keys(&packet(KEXINIT, &["a"])), None);
        for length in 0..40 {
            assert_eq!(host_keys(&offer[..length]), None, "{length} bytes");
        }
        let mut lying = packet(KEXINIT, &["a", "b"]);
        lying[18] = 0xff;
        assert_eq!(host_keys(&lying), None, "a length beyond the end");
        assert_eq!(host_keys(&[255, KEXINIT]), None, "padding beyond the end");
    }
}
