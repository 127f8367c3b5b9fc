//! What is filled into settings: `${env:NAME}`, `${file:PATH}`, and the runner's own address.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

/// Bytes of a filled-in file: a chain of certificates and its key take about a tenth.
const LARGEST_FILE: u64 = 64 * 1024;
/// What begins a placeholder.
const OPEN: &str = "${";

/// What a config depends on besides its text. It is an argument, so that a text has one meaning in a test.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Looks up an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The address that the runner listens on, for checks of the runner itself. `None` as long as it does not: then the
    /// configured one stands in, and a config with port 0 has to be read again when the port is known.
    pub listening: Option<SocketAddr>,
    /// The present: a cron schedule whose last date has passed is an error.
    pub now: Timestamp,
}

impl Surroundings<'static> {
    /// Those of this process.
    #[must_use]
    pub fn of_process(listening: Option<SocketAddr>, now: Timestamp) -> Surroundings<'static> {
        Surroundings { variable: &|name| std::env::var_os(name), listening, now }
    }
}

/// Why a text can't be filled in. It does not quote the text, which may be a password that has a `${` in it.
#[derive(Debug, Error)]
pub(super) enum FillError {
    #[error("a `${{` is never closed; write `$${{` if it is meant as such")]
    Open,
    #[error(
        "a `${{…}}` names nothing that can be filled in; write `${{env:NAME}}`, `${{file:PATH}}`, `${{runner:address}}`, \
         `${{runner:host}}` or `${{runner:port}}`, or `$${{` for a `${{` that is meant as such"
    )]
    Unknown,
    #[error("the environment variable `{0}` is not set")]
    NoVariable(String),
    #[error("the environment variable `{0}` is not UTF-8")]
    Variable(String),
    #[error("the file `{path}` can't be read: {error}")]
    File { path: String, error: io::Error },
}

/// A text with everything filled in.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) text: String,
    /// What was filled in and is nobody's business.
    pub(super) secrets: Vec<String>,
    /// Whether the text is a single `${runner:port}`, which is a number.
    is_port: bool,
}

impl Filled {
    pub(super) fn value(self) -> Value {
        match self.text.parse::<u16>() {
            Ok(port) if self.is_port => port.into(),
            _ => self.text.into(),
        }
    }
}

/// Fills in the placeholders of one file.
#[derive(Clone, Copy)]
pub(super) struct Filler<'a> {
    pub(super) variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The folder that the paths are relative to.
    pub(super) folder: &'a Path,
    pub(super) runner: SocketAddr,
}

impl<'a> Filler<'a> {
    /// What fills in the file at `path` for a runner that listens on `listen`, unless the surroundings know better.
    pub(super) fn new(path: &'a Path, surroundings: Surroundings<'a>, listen: SocketAddr) -> Filler<'a> {
        Filler {
            variable: surroundings.variable,
            folder: path.parent().unwrap_or(Path::new("")),
            runner: surroundings.listening.unwrap_or(listen),
        }
    }

    /// Fills in all placeholders of a text. Everything that was wrong with them is added to `errors`.
    pub(super) fn fill(&self, text: &str, errors: &mut Vec<FillError>) -> Filled {
        let mut filled = Filled { is_port: text == "${runner:port}", ..Filled::default() };
        let mut rest = text;
        while let Some(at) = rest.find(OPEN) {
            let (before, from) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                filled.text += before;
                filled.text += OPEN;
                rest = &from[OPEN.len()..];
                continue;
            }
            filled.text += before;
            let Some((name, after)) = from[OPEN.len()..].split_once('}') else {
                errors.push(FillError::Open);
                return filled;
            };
            match self.find(name) {
                Ok((text, is_secret)) => {
                    filled.text += &text;
                    filled.secrets.extend(is_secret.then_some(text));
                }
                Err(error) => errors.push(error),
            }
            rest = after;
        }
        filled.text += rest;
        filled
    }

    /// What a placeholder stands for, and whether that is a secret.
    fn find(&self, name: &str) -> Result<(String, bool), FillError> {
        let runner = |text: String| Ok((text, false));
        match name.split_once(':') {
            Some(("env", name)) => match (self.variable)(name).map(OsString::into_string) {
                Some(Ok(value)) => Ok((value, true)),
                Some(Err(_)) => Err(FillError::Variable(name.into())),
                None => Err(FillError::NoVariable(name.into())),
            },
            Some(("file", path)) => {
                let path = self.folder.join(path);
                read(&path, LARGEST_FILE)
                    .map(|text| (text, true))
                    .map_err(|error| FillError::File { path: path.display().to_string(), error })
            }
            Some(("runner", "address")) => runner(reachable(self.runner).to_string()),
            Some(("runner", "host")) => runner(reachable(self.runner).ip().to_string()),
            Some(("runner", "port")) => runner(self.runner.port().to_string()),
            _ => Err(FillError::Unknown),
        }
    }
}

/// The first known placeholder in a text.
pub(super) fn placeholder(text: &str) -> Option<&str> {
    let starts = text.match_indices(OPEN).map(|(at, _)| &text[at..]);
    let known = |text: &&str| {
        let name = &text[OPEN.len()..];
        ["env:", "file:", "runner:"].iter().any(|prefix| name.starts_with(prefix))
    };
    starts.filter(known).find_map(|text| text.find('}').map(|end| &text[..=end]))
}

/// An address at which this machine reaches what listens on the given one.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// The text of a file of so many bytes at most, without the line break that editors put at its end.
pub(super) fn read(path: &Path, largest: u64) -> io::Result<String> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    // To open a pipe is to wait for whoever writes to it.
    if !path.metadata()?.is_file() {
        return Err(invalid("it is not a regular file".into()));
    }
    let mut text = String::new();
    File::open(path)?.take(largest + 1).read_to_string(&mut text)?;
    if text.len() as u64 > largest {
        return Err(invalid(format!("it is larger than {} KiB", largest / 1024)));
    }
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::ffi::OsStringExt;

    use serde_json::json;

    use super::*;

    fn variable(name: &str) -> Option<OsString> {
        match name {
            "PASSWORD" => Some("hunter2".into()),
            "NESTED" => Some("${env:PASSWORD}".into()),
            "EMPTY" => Some("".into()),
            "BYTES" => Some(OsString::from_vec(vec![0xff])),
            _ => None,
        }
    }

    fn fill(text: &str, folder: &Path) -> (Filled, Vec<String>) {
        let mut errors = Vec::new();
        let filler = Filler { variable: &variable, folder, runner: "0.0.0.0:8081".parse().unwrap() };
        let filled = filler.fill(text, &mut errors);
        (filled, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn placeholders_are_filled_in() {
        for (text, expected) in [
            ("", json!("")),
            ("a $ {b} $$ c}", json!("a $ {b} $$ c}")),
            ("${env:PASSWORD}", json!("hunter2")),
            ("u:${env:PASSWORD}@${env:PASSWORD}!", json!("u:hunter2@hunter2!")),
            ("<${env:EMPTY}>", json!("<>")),
            ("${env:NESTED}", json!("${env:PASSWORD}")),
            ("$${env:PASSWORD}", json!("${env:PASSWORD}")),
            ("$${${env:PASSWORD}}", json!("${hunter2}")),
            ("${runner:address}", json!("127.0.0.1:8081")),
            ("http://${runner:host}:${runner:port}/", json!("http://127.0.0.1:8081/")),
            ("${runner:port}", json!(8081)),
        ] {
            let (filled, errors) = fill(text, Path::new(""));
            assert_eq!((filled.value(), errors), (expected, vec![]), "{text}");
        }
        let (filled, _) = fill("${env:PASSWORD} ${runner:port} ${env:EMPTY}", Path::new(""));
        assert_eq!(filled.secrets, ["hunter2", ""]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let (_, errors) = fill("${env:A} ${env:BYTES} ${vault:x} ${file:gone} ${env:B", Path::new("/nowhere"));
        assert_eq!(
            errors,
            [
                "the environment variable `A` is not set",
                "the environment variable `BYTES` is not UTF-8",
                "a `${…}` names nothing that can be filled in; write `${env:NAME}`, `${file:PATH}`, `${runner:address}`, \
                 `${runner:host}` or `${runner:port}`, or `$${` for a `${` that is meant as such",
                "the file `/nowhere/gone` can't be read: No such file or directory (os error 2)",
                "a `${` is never closed; write `$${` if it is meant as such",
            ]
        );
    }

    #[test]
    fn files_are_relative_to_the_config_and_limited() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("unix", b"a\nb\n");
        write("dos", b"a\r\n");
        write("blank", b"a\n\n");
        write("large", &[b'a'; 64 * 1024 + 1]);
        write("bytes", &[0xff]);
        for (name, text) in [("unix", "a\nb"), ("dos", "a"), ("blank", "a\n")] {
            let (filled, errors) = fill(&format!("${{file:{name}}}"), folder.path());
            assert_eq!((filled.text.as_str(), errors), (text, vec![]), "{name}");
            assert_eq!(filled.secrets, [text]);
        }
        for (name, part) in [("large", "larger than 64 KiB"), ("bytes", "UTF-8"), (".", "not a regular file")] {
            let (_, errors) = fill(&format!("${{file:{name}}}"), folder.path());
            assert!(errors.concat().contains(part), "{errors:?}");
        }
        let absolute = folder.path().join("unix").display().to_string();
        assert_eq!(fill(&format!("${{file:{absolute}}}"), Path::new("/nowhere")).0.text, "a\nb");
    }

    #[test]
    fn an_unspecified_address_is_reached_by_the_loopback_of_its_family() {
        for (listening, expected) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.1:80", "10.0.0.1:80")]
        {
            assert_eq!(reachable(listening.parse().unwrap()).to_string(), expected);
        }
    }
}
