//! The listener's TLS: its certificate is read again when its files change, and a broken one takes the place of none.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::SingleCertAndKey,
};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::{
    board::Board,
    config::ListenerTls,
    events::{Events, Fact, Reload},
};

/// How often to look whether a file changed. Files that change are judged when they were left alone for as long: a certificate
/// and its key can't be replaced in one step.
const LOOK: Duration = Duration::from_secs(1);
/// What an event calls it.
const WHAT: &str = "http.tls";
/// What is spoken on top.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The listener's TLS.
pub struct Tls {
    files: ListenerTls,
    current: ArcSwap<ServerConfig>,
}

/// All that tells whether a file was written, short of reading it; `None`: it is not there.
type Stamp = Option<(u64, u64, u64, [i64; 4])>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn new(files: ListenerTls) -> Result<Tls, String> {
        let current = ArcSwap::from(configure(&files)?);
        Ok(Tls { files, current })
    }

    /// What the next connection is accepted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Reads the files again whenever they change, and tells what came of it, for ever.
    pub async fn follow(&self, board: &Board, events: &Events) {
        let (mut used, mut seen) = (None, None);
        loop {
            let stamps = self.stamps().await;
            let (first, settled) = (used.is_none(), seen.as_ref() == Some(&stamps));
            if first {
                // What was read at the start.
                used = Some(stamps.clone());
            } else if settled && used.as_ref() != Some(&stamps) {
                used = Some(stamps.clone());
                let error =
                    self.reload().await.err().map(|why| format!("{why}; the last good certificate stays in use"));
                let reload = Reload { what: WHAT.into(), generation: None, error };
                events.tell(board.wall(), Fact::Reload(reload));
            }
            seen = Some(stamps);
            sleep(LOOK).await;
        }
    }

    async fn reload(&self) -> Result<(), String> {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || configure(&files)).await;
        self.current.store(read.map_err(|error| error.to_string())??);
        Ok(())
    }

    async fn stamps(&self) -> Vec<Stamp> {
        let ListenerTls { cert_file, key_file, client_ca_file, .. } = self.files.clone();
        let files = [Some(cert_file), Some(key_file), client_ca_file];
        let read = move || files.into_iter().flatten().map(|file| stamp(&file)).collect();
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }
}

fn stamp(file: &Path) -> Stamp {
    let about = fs::metadata(file).ok()?;
    let times = [about.mtime(), about.mtime_nsec(), about.ctime(), about.ctime_nsec()];
    Some((about.dev(), about.ino(), about.size(), times))
}

/// Makes of the files what the TLS library wants.
fn configure(files: &ListenerTls) -> Result<Arc<ServerConfig>, String> {
    let (own, vouching) = files.load()?;
    let provider = Arc::new(ring::default_provider());
    let clients: Arc<dyn ClientCertVerifier> = match vouching {
        None => Arc::new(NoClientAuth),
        Some(authorities) => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::clone(authorities.store()), Arc::clone(&provider));
            let verifier = if files.clients_may_lack_one { verifier.allow_unauthenticated() } else { verifier };
            verifier.build().map_err(|error| format!("client_ca_file: {error}"))?
        }
    };
    server(provider, clients, SingleCertAndKey::from(Arc::clone(own.certified())))
}

fn server(
    provider: Arc<CryptoProvider>,
    clients: Arc<dyn ClientCertVerifier>,
    own: SingleCertAndKey,
) -> Result<Arc<ServerConfig>, String> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = builder.with_client_cert_verifier(clients).with_cert_resolver(Arc::new(own));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}
