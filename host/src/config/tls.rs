//! How a check's probe speaks TLS, as configured: the files that a config names are read with it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::pki_types::ServerName;

use super::{
    fill,
    kind::At,
    layout,
    report::{Report, Source},
};
use crate::identity::{Authorities, ClientCertificate, Identity, IdentityError};

/// Bytes of a file of certificates or of a key. All that a system trusts are about a quarter of it.
const LARGEST_FILE: u64 = 1024 * 1024;

/// What one section says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Options {
    authorities: Option<Arc<Authorities>>,
    client: Option<Arc<ClientCertificate>>,
    server_name: Option<ServerName<'static>>,
    alpn: Option<Vec<String>>,
    insecure_skip_verify: Option<bool>,
}

impl Options {
    /// Reads a section and the files that it names, and reports those that are of no use.
    pub(super) fn read(
        section: &layout::Tls,
        files: &Files<'_>,
        source: &Source<'_>,
        problems: &mut Report,
    ) -> Options {
        let mut report =
            |at: usize, key: &str, flaw: String| problems.push(source.origin(at), format!("{key}: {flaw}"));
        let authorities = section.ca_file.as_ref().and_then(|file| match files.authorities(&file.value) {
            Ok(authorities) => Some(authorities),
            Err(flaw) => {
                report(file.at, "ca_file", flaw);
                None
            }
        });
        // One without the other was reported as a broken rule.
        let pair = section.cert_file.as_ref().zip(section.key_file.as_ref());
        let client = pair.and_then(|(chain, key)| match files.client(&chain.value, &key.value) {
            Ok(client) => Some(client),
            Err(unfit) => {
                let (at, name) = if unfit.is_of_key() { (key.at, "key_file") } else { (chain.at, "cert_file") };
                report(at, name, unfit.why().to_owned());
                None
            }
        });
        Options {
            authorities,
            client,
            server_name: section.server_name.as_ref().map(|name| name.value.clone()),
            alpn: section.alpn.as_ref().map(|alpn| alpn.value.clone()),
            insecure_skip_verify: At::value(section.insecure_skip_verify),
        }
    }

    /// What is said here, and for the rest what is said there. A certificate and its key are one.
    pub(super) fn or(self, other: &Options) -> Options {
        Options {
            authorities: self.authorities.or_else(|| other.authorities.clone()),
            client: self.client.or_else(|| other.client.clone()),
            server_name: self.server_name.or_else(|| other.server_name.clone()),
            alpn: self.alpn.or_else(|| other.alpn.clone()),
            insecure_skip_verify: self.insecure_skip_verify.or(other.insecure_skip_verify),
        }
    }

    /// What comes of it.
    pub(super) fn resolve(&self) -> Identity {
        Identity {
            authorities: self.authorities.clone(),
            client: self.client.clone(),
            server_name: self.server_name.clone(),
            alpn: self.alpn.clone(),
            insecure_skip_verify: self.insecure_skip_verify.unwrap_or(false),
        }
    }
}

/// What is wrong with a certificate and its key, and with which of them.
#[derive(Clone)]
pub(super) enum Unfit {
    Chain(String),
    Key(String),
}

impl Unfit {
    /// Whether it is the key that is wrong.
    pub(super) fn is_of_key(&self) -> bool {
        matches!(self, Unfit::Key(_))
    }

    /// What is wrong with it.
    pub(super) fn why(&self) -> &str {
        let (Unfit::Chain(why) | Unfit::Key(why)) = self;
        why
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.is_of_key() { "key_file" } else { "cert_file" };
        write!(f, "{key}: {}", self.why())
    }
}

/// What came of the files that were read, by their paths.
type Known<P, T, E> = RefCell<BTreeMap<P, Result<Arc<T>, E>>>;

/// The files that one config names. Each is read once, and what comes of it is shared by all checks that name it.
pub(super) struct Files<'a> {
    /// The folder that the paths are relative to.
    folder: &'a Path,
    authorities: Known<PathBuf, Authorities, String>,
    clients: Known<(PathBuf, PathBuf), ClientCertificate, Unfit>,
}

impl<'a> Files<'a> {
    pub(super) fn of_config(folder: &'a Path) -> Files<'a> {
        Files { folder, authorities: RefCell::default(), clients: RefCell::default() }
    }

    pub(super) fn authorities(&self, file: &Path) -> Result<Arc<Authorities>, String> {
        let path = self.folder.join(file);
        let mut known = self.authorities.borrow_mut();
        let read = |path: &PathBuf| {
            let pem = read(path).map_err(|why| named(path, &why))?;
            Authorities::read(&pem).map(Arc::new).map_err(|error| named(path, &error.to_string()))
        };
        known.entry(path).or_insert_with_key(read).clone()
    }

    pub(super) fn client(&self, chain: &Path, key: &Path) -> Result<Arc<ClientCertificate>, Unfit> {
        let paths = (self.folder.join(chain), self.folder.join(key));
        let mut known = self.clients.borrow_mut();
        let read = |(chain, key): &(PathBuf, PathBuf)| {
            let unfit = |why: String| Unfit::Chain(named(chain, &why));
            let pem = read(chain).map_err(unfit)?;
            let chain = ClientCertificate::read_chain(&pem).map_err(|error| unfit(error.to_string()))?;
            // Where a key lies is nobody's business: problems are shown over HTTP. The line that names it is told.
            let pem = read(key).map_err(|why| Unfit::Key(format!("the file {why}")))?;
            ClientCertificate::read_key(chain, &pem).map(Arc::new).map_err(|error| match error {
                IdentityError::Certificate { .. } => unfit(error.to_string()),
                error => Unfit::Key(error.to_string()),
            })
        };
        known.entry(paths).or_insert_with_key(read).clone()
    }
}

fn named(path: &Path, why: &str) -> String {
    format!("`{}`: {why}", path.display())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fill::read(path, LARGEST_FILE)
        .map(String::into_bytes)
        .map_err(|error| format!("can't be read: {error}; give the path of a PEM file, relative to this one"))
}
