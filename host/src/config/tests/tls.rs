//! What `[check.tls]` and `[defaults.tls]` say, and the files they name.

use std::fs;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use tempfile::TempDir;

use super::*;
use crate::identity::Identity;

/// A folder with the authority `internal-ca.pem`, the certificate `client.pem` and its key `client.key`, and what is none of them.
pub(super) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let other = KeyPair::generate().unwrap().serialize_pem();
    for (name, text) in [
        ("internal-ca.pem", cert.pem()),
        ("client.pem", cert.pem()),
        ("client.key", signing_key.serialize_pem()),
        ("server.pem", cert.pem()),
        ("server.key", signing_key.serialize_pem()),
        ("clients-ca.pem", cert.pem()),
        ("other.key", other),
        ("hello.txt", "hello\n".to_owned()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

pub(super) fn read(folder: &TempDir, text: &str) -> Result<Config, Report> {
    let path = folder.path().join("probity.toml");
    let overrides = Overrides { data_dir: Some("/".into()), ..Overrides::default() };
    Config::parse(&path, text, &overrides, surroundings())
}

#[test]
fn a_check_says_how_its_probe_speaks_tls() {
    let folder = folder();
    let text = r#"
[defaults.tls]
ca_file = "internal-ca.pem"
alpn = ["imap"]
[[check]]
name = "plain"
[[check]]
name = "own"
[check.tls]
cert_file = "client.pem"
key_file = "client.key"
server_name = "db.internal"
alpn = []
insecure_skip_verify = true
[[check]]
name = "alike"
tls = { ca_file = "./internal-ca.pem" }
"#;
    let config = read(&folder, text).unwrap();
    let [plain, own, alike] = config.checks.as_slice() else { panic!("{:?}", config.checks) };
    assert!(plain.tls.authorities.is_some() && plain.tls.client.is_none() && !plain.tls.insecure_skip_verify);
    assert_eq!(plain.tls.alpn, Some(vec!["imap".to_owned()]));
    assert_eq!(plain.tls, alike.tls, "the same authorities are the same, however they are named");
    assert_eq!(own.tls.authorities, plain.tls.authorities);
    assert!(own.tls.client.is_some() && own.tls.insecure_skip_verify);
    assert_eq!(own.tls.server_name, Some(ServerName::try_from("db.internal").unwrap()));
    assert_eq!(own.tls.alpn, Some(Vec::new()));
    assert_eq!(*read(&folder, "[[check]]\nname = \"a\"").unwrap().checks[0].tls, Identity::default());
    let dropped = Check::of_component("a", Origin::of_file(Path::new("a.wasm")), &config.defaults);
    assert_eq!(dropped.tls, plain.tls);
}

#[test]
fn a_renewed_certificate_is_a_change_of_the_check() {
    let folder = folder();
    let check = || {
        let text = "[[check]]\nname = \"a\"\ntls = { cert_file = \"client.pem\", key_file = \"client.key\" }";
        read(&folder, text).unwrap().checks.remove(0)
    };
    let before = check();
    assert!(before.says_the_same_as(&check()));
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    fs::write(folder.path().join("client.pem"), cert.pem()).unwrap();
    fs::write(folder.path().join("client.key"), signing_key.serialize_pem()).unwrap();
    assert!(!before.says_the_same_as(&check()));
}

#[test]
fn a_file_of_no_use_is_reported_where_it_is_named() {
    let folder = folder();
    let place = folder.path().display();
    let key = "there is no private key in it; it must have a `-----BEGIN PRIVATE KEY-----`";
    let gone =
        "can't be read: No such file or directory (os error 2); give the path of a PEM file, relative to this one";
    for (lines, expected) in [
        ("ca_file = \"gone.pem\"", format!("2: ca_file: `{place}/gone.pem`: {gone}")),
        (
            "ca_file = \"hello.txt\"",
            format!(
                "2: ca_file: `{place}/hello.txt`: there is no certificate in it; it must have a `-----BEGIN CERTIFICATE-----`"
            ),
        ),
        (
            "cert_file = \"client.pem\"",
            "2: `cert_file` has no meaning without `key_file`, for example key_file = \"client.key\"".to_owned(),
        ),
        (
            "key_file = \"client.key\"",
            "2: `key_file` has no meaning without `cert_file`, for example cert_file = \"client.pem\"".to_owned(),
        ),
        ("cert_file = \"client.pem\"\nkey_file = \"gone.key\"", format!("3: key_file: the file {gone}")),
        ("cert_file = \"client.pem\"\nkey_file = \"hello.txt\"", format!("3: key_file: {key}")),
        (
            "cert_file = \"client.pem\"\nkey_file = \"other.key\"",
            "3: key_file: the key does not fit the certificate in `cert_file`; give the one that the certificate was made for"
                .to_owned(),
        ),
        (
            "server_name = \"a.test:443\"",
            "2: server_name = \"a.test:443\": must be the name of a host or an IP address, without a port, for example \
             server_name = \"db.internal\""
                .to_owned(),
        ),
        (
            "alpn = [\"\"]",
            "2: alpn = \"\": must be names of protocols as they are registered for ALPN, of 1 to 255 visible letters, for \
             example alpn = [\"http/1.1\"]"
                .to_owned(),
        ),
    ] {
        let told = problems(read(&folder, &format!("[defaults.tls]\n{lines}")));
        assert_eq!(told, [expected], "{lines}");
    }
    let told = problems(read(&folder, "[[check]]\nname = \"a\"\n[check.tls]\nca_file = \"gone.pem\""));
    assert!(told[0].starts_with("4: ca_file: "), "{told:?}");
}
