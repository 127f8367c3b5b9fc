//! The routes, held to their description by schemathesis: what it describes is taken, what it does not describe is refused, every
//! answer is as it says, and nothing is a server's error.

use std::{fs, process::Command};

use crate::{
    runner::{BRISK, Home, TOKEN},
    servers,
};

/// How many requests of each kind it thinks up for a route, beside those that lie on the edge of what is described. They are the
/// same ones each time.
const EXAMPLES: u32 = 15;

/// What is not to be found in a description, or is a test's to look at: streams without an end, a connection that can't be had,
/// and which of a strategy's numbers go with which others.
const CONFIG: &str = r#"
seed = 1
[[operations]]
include-path-regex = "^/events"
enabled = false
[[operations]]
include-path = "/connections/{check}/acquire"
checks.not_a_server_error.enabled = false
[[operations]]
include-path = "/connections/{check}/circuit/expiry"
checks.positive_data_acceptance.enabled = false
[[operations]]
include-path-regex = "/report"
parameters = { name = "job" }
checks.positive_data_acceptance.enabled = false
[[operations]]
include-path-regex = "^/health/checks/\\{name\\}(/run)?$"
parameters = { name = "door" }
[[operations]]
include-path-regex = "^/connections"
parameters = { check = "door" }
"#;

#[test]
fn the_routes_are_what_their_description_says() {
    let (Some(python), Some(package)) = (servers::find("python3"), servers::python_package("schemathesis")) else {
        return;
    };
    let home = Home::new(&format!(
        "http.auth.token = \"{TOKEN}\"\nhttp.limits.requests_per_second = \"unlimited\"\n{BRISK}\
         [[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = 1 }}\n\
         [[check]]\nname = \"job\"\nprobe = \"heartbeat\"\nsettings = {{ every = \"1h\" }}\n"
    ));
    fs::write(home.path("schemathesis.toml"), CONFIG).unwrap();
    let runner = home.start();
    runner.wait_for_check("job", "takes reports", |check| check.0["reports"].is_object());
    let mut command = Command::new(python);
    command.current_dir(runner.home.path(".")).env("PYTHONPATH", package).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"]);
    command.args([&runner.url("/openapi.json"), "--phases", "examples,coverage,fuzzing", "--continue-on-failure"]);
    command.args([
        "--max-examples",
        &EXAMPLES.to_string(),
        "--no-shrink",
        "--header",
        &format!("Authorization: Bearer {TOKEN}"),
    ]);
    command.args(["--request-timeout", "10"]);
    // It keeps time by itself, and on a busy machine takes a while to begin.
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("Tested: 51"), "{said}");
    assert!(runner.get("/health/live").status == 200 && !runner.log().contains("panicked"), "{}", runner.log());
    runner.stop();
}
