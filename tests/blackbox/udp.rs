//! The probe `udp` against servers that do as a test says.

use crate::{
    probes::try_out,
    target::{Target, nobody},
};

#[test]
fn udp() {
    let echo = Target::udp(|datagram| vec![datagram.to_vec()]);
    let chatty = Target::udp(|_| vec![b"busy".to_vec(), b"later".to_vec(), b"pong 7".to_vec()]);
    let wrong = Target::udp(|_| vec![b"busy".to_vec(), vec![0xff, 0x00]]);
    let silent = Target::udp(|_| vec![]);
    let endless = Target::udp(|_| vec![vec![b'x'; 9_000]; 200]);
    let at = |port: u16, more: &str| {
        format!("timeout = \"1s\"\nsettings = {{ host = \"127.0.0.1\", port = {port}, {more} }}")
    };
    try_out(
        "udp",
        &[
            ("echo", at(echo.port(), r#"send = "ping""#), "healthy", "answered as expected"),
            ("by-name", at(echo.port(), r#"send = "ping""#).replace("127.0.0.1", "localhost"), "healthy", "127.0.0.1:"),
            ("bytes", at(echo.port(), r#"send_hex = "ff 00 54", expect_hex = "0054""#), "healthy", "as expected"),
            ("patient", at(chatty.port(), r#"send = "ping", expect = "pong""#), "healthy", "as expected"),
            ("slow", at(echo.port(), r#"send = "ping", degraded_after = "0ms""#), "degraded", "more than 0.0 ms"),
            (
                "wrong",
                at(wrong.port(), r#"send = "ping", expect = "pong""#),
                "unhealthy",
                r#"did not answer "pong" but "\xff"#,
            ),
            ("silent", at(silent.port(), r#"send = "ping""#), "unhealthy", "no answer within"),
            (
                "endless",
                at(endless.port(), r#"send = "ping", expect = "pong""#),
                "unhealthy",
                r#"did not answer "pong" but "xxx"#,
            ),
            ("nobody", at(nobody().port(), r#"send = "ping""#), "unhealthy", "connection refused"),
            ("no-name", at(1, r#"send = "x""#).replace("127.0.0.1", "absent.invalid"), "unhealthy", "absent.invalid"),
            ("nothing", at(1, r#"expect = "x""#), "invalid-settings", "say what to send"),
            ("no-hex", at(1, r#"send_hex = "0x""#), "invalid-settings", "not hexadecimal"),
        ],
    );
}
