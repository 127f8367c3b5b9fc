//! What nobody is told, even if a server repeats it in words of its own.

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};

use crate::{
    runner::{BRISK, Home},
    target::Target,
};

const SECRET: &str = "p4ss/\"w0rd\"+7";

/// The secret as a server might repeat it, by a name.
fn spelled() -> [(&'static str, String); 8] {
    let hexadecimal = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    [
        ("plain", SECRET.to_owned()),
        ("small", SECRET.to_ascii_uppercase()),
        ("url", "p4ss%2F%22w0rd%22%2b7".to_owned()),
        ("json", r#"{"auth": "p4ss\/\"w0rd\u0022+7"}"#.to_owned()),
        ("hexadecimal", hexadecimal),
        ("basic", BASE64_STANDARD.encode(format!("user:{SECRET}"))),
        ("sasl", BASE64_STANDARD.encode(format!("\0user\0{SECRET}"))),
        ("token", BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"k\":\"{SECRET}\"}}"))),
    ]
}

#[test]
fn a_secret_that_a_server_repeats_is_told_in_no_form() {
    let server = Target::http(|request| {
        assert!(request.contains(SECRET), "{request}");
        let asked = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        let (_, repeated) = spelled().into_iter().find(|(name, _)| *name == asked).unwrap();
        let body = format!("no entry with <{repeated}>");
        format!("HTTP/1.1 500 Oh\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    });
    let check = |(name, _): &(&str, String)| {
        format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"http\"\nsettings = {{ url = \"http://127.0.0.1:{}/{name}\", headers = \
             {{ authorization = '${{env:SECRET}}' }} }}\n",
            server.port()
        )
    };
    let home = Home::new(&format!("{BRISK}{}", spelled().iter().map(check).collect::<String>()));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("SECRET", SECRET);
    let runner = home.start_by(command);
    let mut told = String::new();
    for (name, _) in spelled() {
        let check = runner.wait_for_verdict(name, "unhealthy", "answered 500");
        let shown = check.0.to_string();
        assert!(shown.contains("no entry with <") && shown.contains("***"), "{name}: {shown}");
        told += &shown;
        told += &runner.get(&format!("/health/checks/{name}/history")).text();
    }
    told += &runner.get("/health").text();
    told += &runner.stop_and_tell_all();
    assert!(!told.to_ascii_lowercase().contains("w0rd"), "{told}");
    for (name, repeated) in spelled().into_iter().skip(4) {
        // Base64 shows what is beside the secret; of the secret itself there is nothing.
        let part = &repeated[16..repeated.len() - 3];
        assert!(!told.contains(part), "{name}: {part} in {told}");
    }
}
