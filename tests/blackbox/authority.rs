//! An authority of our own, which certifies servers that are not ours.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::runner::{Home, Runner};

/// An authority that nobody trusts unless told to.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Puts `server.crt` for these names, and `server.key`, into a folder.
    pub fn certify(&self, names: &[&str], folder: &Path) {
        self.sign(params(names), folder, "server");
    }

    /// The same with a certificate whose time was over an hour ago.
    pub fn certify_late(&self, names: &[&str], folder: &Path) {
        let mut params = params(names);
        params.not_after = (SystemTime::now() - Duration::from_secs(3_600)).into();
        self.sign(params, folder, "server");
    }

    /// Puts `stem.crt` for this name, which ends so many days from now, and `stem.key`, into a folder.
    pub fn certify_for_days(&self, name: &str, days: i64, folder: &Path, stem: &str) {
        let mut params = params(&[name]);
        let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
        let span = day * u32::try_from(days.abs()).unwrap();
        // An hour more than whole days, so that none is lost while the test runs.
        params.not_after = (if days < 0 { now - span } else { now + span + Duration::from_secs(3_600) }).into();
        params.not_before = (now - 400 * day).into();
        self.sign(params, folder, stem);
    }

    fn sign(&self, params: CertificateParams, folder: &Path, stem: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(folder.join(format!("{stem}.crt")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{stem}.key")), key.serialize_pem()).unwrap();
    }

    /// Starts a runner whose system trusts this authority alone.
    pub fn trusting_runner(&self, config: &str) -> Runner {
        self.trusted_at(Home::new(config))
    }

    /// The same, of what lies in a home.
    pub fn trusted_at(&self, home: Home) -> Runner {
        fs::write(home.path("authorities.pem"), &self.pem).unwrap();
        let mut command: Command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
        command.env("SSL_CERT_FILE", home.path("authorities.pem")).env_remove("SSL_CERT_DIR");
        home.start_by(command)
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

/// What makes a server of TLS one of those that are certified in a folder.
pub fn server_of(folder: &Path) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
    Arc::new(ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}
