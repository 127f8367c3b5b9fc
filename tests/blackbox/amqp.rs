//! The probe `amqp`, against RabbitMQ and against some that only look like a broker.

mod impostors;

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    authority::Authority,
    runner::{BRISK, EAGER, Home, PATIENCE, Runner},
    servers::{self, Ready, Server},
    target::nobody,
};

/// The password of the users.
const PASSWORD: &str = "correct-horse";
/// How often it is seen whether the broker is up.
const POLL: Duration = Duration::from_millis(200);

/// Users, a virtual host that is not everybody's, and a queue that never has more than three messages: it gets a copy of
/// whatever is sent through `copies`.
const DEFINITIONS: &str = r#"{
  "users": [
    { "name": "probe", "password": "correct-horse", "tags": [] },
    { "name": "limited", "password": "correct-horse", "tags": [] }
  ],
  "vhosts": [{ "name": "/" }, { "name": "theirs" }],
  "permissions": [
    { "user": "probe", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" },
    { "user": "limited", "vhost": "/", "configure": "^foo", "write": "^foo|^amq.default$", "read": "^foo" }
  ],
  "queues": [
    { "name": "orders", "vhost": "/", "durable": true, "auto_delete": false, "arguments": { "x-max-length": 3 } },
    { "name": "idle", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {} }
  ],
  "exchanges": [
    { "name": "copies", "vhost": "/", "type": "fanout", "durable": true, "auto_delete": false, "internal": false,
      "arguments": {} }
  ],
  "bindings": [
    { "source": "copies", "vhost": "/", "destination": "orders", "destination_type": "queue", "routing_key": "",
      "arguments": {} }
  ]
}"#;

/// RabbitMQ with a port for TLS, and the name server of Erlang that it needs: started by itself it would outlive the test.
struct Rabbit {
    server: Server,
    secure_port: u16,
    control: Control,
    _names: Server,
}

/// How to run RabbitMQ's programs.
struct Control {
    setpriv: PathBuf,
    names_port: u16,
    node: String,
    transport_port: u16,
}

impl Control {
    /// One of its programs, as the user that it runs as.
    fn command(&self, folder: &Path, program: &str) -> Command {
        let mut command = Command::new(&self.setpriv);
        command.args(["--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"]);
        command.arg(Path::new("/usr/lib/rabbitmq/bin").join(program));
        let within = |name: &str| folder.join(name);
        command
            .current_dir(folder)
            .env("HOME", folder)
            .env("RABBITMQ_NODENAME", &self.node)
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.names_port.to_string())
            .env("RABBITMQ_DIST_PORT", self.transport_port.to_string())
            .env("RABBITMQ_CONFIG_FILE", within("rabbitmq"))
            .env("RABBITMQ_MNESIA_BASE", within("mnesia"))
            .env("RABBITMQ_LOG_BASE", within("logs"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", within("plugins"))
            .env("RABBITMQ_PID_FILE", within("pid"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
        command
    }
}

impl Rabbit {
    fn start(authority: &Authority) -> Option<Rabbit> {
        servers::find("rabbitmq-server")?;
        let (epmd, setpriv, chown) = (servers::find("epmd")?, servers::find("setpriv")?, servers::find("chown")?);
        let names_port = servers::free_port();
        let names = Server::start(servers::folder(), names_port, move |_| {
            let mut command = Command::new(&epmd);
            command.args(["-address", "127.0.0.1", "-port", &names_port.to_string()]);
            command
        });
        let (port, secure_port, transport_port) = (servers::free_port(), servers::free_port(), servers::free_port());
        let folder = servers::folder();
        authority.certify(&["127.0.0.1"], folder.path());
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("definitions.json", DEFINITIONS);
        put("plugins", "[].\n");
        put(
            "rabbitmq.conf",
            &format!(
                "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{secure_port}\n\
                 ssl_options.certfile = {0}/server.crt\nssl_options.keyfile = {0}/server.key\n\
                 load_definitions = {0}/definitions.json\n",
                folder.path().display()
            ),
        );
        let key = folder.path().join("server.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Command::new(chown).args(["-R", "rabbitmq"]).arg(folder.path()).status().unwrap().success());

        let control = Control { setpriv, names_port, node: format!("probity{port}@localhost"), transport_port };
        let start = Control { setpriv: control.setpriv.clone(), node: control.node.clone(), ..control };
        let server =
            Server::start_until(Ready::Unseen, folder, port, move |folder| start.command(folder, "rabbitmq-server"));
        let rabbit = Rabbit { server, secure_port, control, _names: names };
        rabbit.wait_until_it_listens();
        Some(rabbit)
    }

    fn port(&self) -> u16 {
        self.server.port()
    }

    /// It takes half a minute on an idle machine, which is more than servers are given elsewhere.
    fn wait_until_it_listens(&self) {
        let end = Instant::now() + 6 * PATIENCE;
        while [self.port(), self.secure_port].iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            let log = || fs::read_to_string(self.server.folder().join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "RabbitMQ does not listen; it said:\n{}", log());
            thread::sleep(POLL);
        }
    }

    /// What RabbitMQ's own program tells.
    #[track_caller]
    fn ask(&self, arguments: &[&str]) -> String {
        let mut command = self.control.command(self.server.folder(), "rabbitmqctl");
        let told = command.arg("--silent").args(arguments).output().unwrap();
        assert!(told.status.success(), "{told:?}");
        String::from_utf8(told.stdout).unwrap()
    }

    /// The names of all queues.
    fn queues(&self) -> Vec<String> {
        let mut names: Vec<String> = self.ask(&["list_queues", "name"]).lines().map(str::to_owned).collect();
        names.sort();
        names
    }
}

fn check(name: &str, port: u16, settings: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"amqp\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}{settings} }}\n{EAGER}"
    )
}

/// The settings of a check that logs in.
fn logged_in(user: &str, more: &str) -> String {
    format!(r#", user = "{user}", password = "${{env:AMQP_PASSWORD}}"{more}"#)
}

fn with_password(mut command: Command) -> Command {
    command.env("AMQP_PASSWORD", PASSWORD);
    command
}

/// Starts a runner that knows the password.
fn runner(config: &str) -> Runner {
    let home = Home::new(&format!("{BRISK}{config}"));
    let command = with_password(home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]));
    home.start_by(command)
}

// One test, since it takes the broker half a minute to start.
#[test]
fn a_broker_is_watched_through_freeze_crash_and_return() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let Some(mut rabbit) = Rabbit::start(&authority) else { return };
    let port = rabbit.port();
    let probe = |more: &str| logged_in("probe", more);
    let queue = |more: &str| probe(&format!(r#", queues = [{{ name = "orders"{more} }}]"#));
    let (lasting, passing, well, unhealthy) = (true, false, "delivered a message", "unhealthy");
    let cases = [
        ("good", probe(""), "healthy", well, passing),
        ("limited", logged_in("limited", r#", queue_prefix = "foo""#), "healthy", well, passing),
        // To ask for a queue takes no permission.
        (
            "limited-queue",
            logged_in(
                "limited",
                r#", queue_prefix = "foo", queues = [{ name = "idle", degraded_messages_above = 0 }]"#,
            ),
            "healthy",
            well,
            passing,
        ),
        ("topic", probe(r#", exchange = "amq.topic""#), "healthy", well, passing),
        ("copies", probe(r#", exchange = "copies""#), "healthy", well, passing),
        ("shared", probe(r#", exchange = "amq.topic", channel = "shared""#), "healthy", well, passing),
        ("shared-too", probe(r#", exchange = "amq.topic", channel = "shared""#), "healthy", well, passing),
        ("many", probe(", messages = 30, payload_bytes = 60000"), "healthy", "delivered 30 messages", passing),
        ("large", probe(", payload_bytes = 65536"), "healthy", well, passing),
        ("slow", probe(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", passing),
        ("queue", queue(", unhealthy_messages_above = 3"), "healthy", well, passing),
        ("full", queue(", degraded_messages_above = 2"), "degraded", "orders has 3 messages, more than 2", passing),
        ("overfull", queue(", unhealthy_messages_above = 2"), unhealthy, "orders has 3 messages, more than 2", passing),
        (
            "lonely",
            queue(", unhealthy_consumers_below = 1"),
            unhealthy,
            "queue orders has 0 consumers, fewer than 1",
            passing,
        ),
        (
            "no-queue",
            probe(r#", queues = [{ name = "none" }, { name = "idle", degraded_consumers_below = 1 }]"#),
            unhealthy,
            "queue none: NOT_FOUND - no queue 'none' in vhost '/' (404); queue idle has 0 consumers, fewer than 1",
            lasting,
        ),
        ("no-exchange", probe(r#", exchange = "none""#), unhealthy, "refused Queue.Bind (404): it said", lasting),
        ("no-vhost", probe(r#", vhost = "none""#), unhealthy, "refused the virtual host none (530): it said", lasting),
        ("their-vhost", probe(r#", vhost = "theirs""#), unhealthy, "refused the virtual host theirs (530)", lasting),
        (
            "wrong-password",
            r#", user = "probe", password = "wrong-horse""#.to_owned(),
            unhealthy,
            "refused the credentials (403): it said \"ACCESS_REFUSED - ",
            lasting,
        ),
        ("no-user", String::new(), unhealthy, "refused the credentials (403)", lasting),
        ("forbidden", logged_in("limited", ""), unhealthy, "refused Queue.Declare (403): it said", lasting),
        ("no-tls", probe(", tls = true"), unhealthy, "the answer is not TLS", passing),
    ];
    let mut config: String = cases.iter().map(|(name, settings, ..)| check(name, port, settings)).collect();
    config += &check("wrong-port", nobody().port(), "");
    let runner = runner(&config);
    let all_are_judged = || {
        for (name, _, status, part, _) in &cases {
            runner.wait_for_verdict(name, status, part);
        }
    };
    all_are_judged();
    let refused = runner.check("wrong-password").unwrap().0;
    assert!(refused["details"]["address"].is_string(), "{refused}");
    runner.wait_for_check("wrong-port", "is refused", |check| check.message().starts_with("connection refused"));
    for (name, .., lasting) in &cases {
        runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
            if runner.was_permanent(name) == *lasting { Ok(()) } else { Err(runner.log()) }
        });
    }
    let queue = runner.check("queue").unwrap().0;
    assert_eq!(queue["details"]["product"], "RabbitMQ", "{queue}");
    assert!(queue["details"]["version"].as_str().is_some_and(|version| version.contains('.')), "{queue}");
    for measured in ["resolve", "connect", "auth", "channel", "subscribe", "round-trip", "queues", "total"] {
        assert!(queue["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {queue}");
    }
    let figure = |name: &str| {
        let measured = queue["measurements"].as_array().unwrap().iter().find(|one| one["name"] == name);
        measured.unwrap()["value"].as_f64().unwrap()
    };
    assert_eq!((figure("queue-messages-orders"), figure("queue-consumers-orders")), (3.0, 0.0));

    a_secure_broker_must_be_who_it_says(&rabbit, &authority, &stranger);

    // One that is short of memory lets everybody in, and takes no messages.
    rabbit.ask(&["set_vm_memory_high_watermark", "0.00001"]);
    let short = "takes no messages for now: it said \"low on memory\"";
    runner.wait_for_check("good", short, |check| check.message().ends_with(short) && check.status() == unhealthy);
    rabbit.ask(&["set_vm_memory_high_watermark", "0.4"]);
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    // A frozen broker accepts connections and says nothing: that is a verdict, and no fault of the probe's.
    rabbit.server.freeze();
    runner.wait_for_verdict("good", "unhealthy", "while waiting for the answer of 127.0.0.1:");
    rabbit.server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    rabbit.server.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    rabbit.server.restart();
    rabbit.wait_until_it_listens();
    all_are_judged();

    let told = runner.stop_and_tell_all();
    assert!(told.contains("refused the credentials") && !told.contains(PASSWORD), "{told}");
    // Nothing is left behind. The broker removes what was a connection's own soon after its end.
    let end = Instant::now() + PATIENCE;
    loop {
        let queues = rabbit.queues();
        if queues == ["idle", "orders"] {
            break;
        }
        assert!(Instant::now() < end, "{queues:?}");
    }
}

fn a_secure_broker_must_be_who_it_says(rabbit: &Rabbit, authority: &Authority, stranger: &Authority) {
    let late = servers::folder();
    authority.certify_late(&["127.0.0.1"], late.path());
    let Some(openssl) = servers::find("openssl") else { return };
    let expired_port = servers::free_port();
    let expired = Server::start(late, expired_port, move |folder| {
        let mut command = Command::new(&openssl);
        command.current_dir(folder).args(["s_server", "-quiet", "-cert", "server.crt", "-key", "server.key"]);
        command.args(["-accept", &format!("127.0.0.1:{expired_port}")]);
        command
    });
    let secure = |name: &str, port: u16, more: &str| {
        check(name, port, &format!(r#", user = "probe", password = "{PASSWORD}", tls = true{more}"#))
    };
    let config = format!(
        "{BRISK}{}{}{}{}",
        secure("good", rabbit.secure_port, ""),
        secure("other-name", rabbit.secure_port, "").replace("127.0.0.1", "localhost"),
        secure("expired", expired.port(), ""),
        check("in-the-clear", rabbit.secure_port, "")
    );
    let runner = authority.trusting_runner(&config);
    let other = stranger.trusting_runner(&format!("{BRISK}{}", secure("good", rabbit.secure_port, "")));
    let good = runner.wait_for_check("good", "is well", |check| check.status() == "healthy");
    assert!(good.0["measurements"].to_string().contains("\"tls\""), "{good:?}");
    for (runner, name, part) in [
        (&runner, "other-name", "TLS handshake with localhost failed: the certificate is not for "),
        (&runner, "expired", "TLS handshake with 127.0.0.1 failed: the certificate of 127.0.0.1 expired on "),
        (&runner, "in-the-clear", "the protocol header"),
        (&other, "good", "is not trusted by this system"),
    ] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    runner.stop();
    other.stop();
}
