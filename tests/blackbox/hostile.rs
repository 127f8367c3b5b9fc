//! Hostile components in a running runner, one after another, with honest checks beside them: what comes of each, and what is
//! left of it when it is gone.

use std::{
    fmt,
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use crate::{
    guest,
    runner::{Check, Deadline, Home, Runner, Usage},
    target::Target,
};

/// Compiling anything honest here takes a tenth of this, and nobody waits long for what is not.
const CONFIG: &str = r#"
[limits]
compile_time = "2s"
compile_memory = "512MiB"
component_size = "32MiB"
[defaults]
interval = "1s"
jitter = 0.0
timeout = "5s"
limits.fuel = 50_000_000
"#;
/// For those that nothing but time ends.
const BRIEF: &str = "timeout = \"300ms\"\n";
/// For those that move bytes: less of them, so that a busy machine is done with it in time.
const A_MEGABYTE: &str =
    "allow = [\"tcp:127.0.0.1:*\"]\nlimits.bytes_sent = \"1MiB\"\nlimits.bytes_received = \"1MiB\"\n";
/// How many honest checks there are beside a hostile one.
const HONEST: usize = 4;
/// Threads and files that come and go, whatever runs.
const COMING_AND_GOING: u64 = 6;
/// Memory that allocators keep, in KiB. Most of the components here ask for more.
const KEPT_KIB: u64 = 48 * 1024;

/// A component and what must come of it.
struct Case {
    name: &'static str,
    component: Vec<u8>,
    /// TOML of its check.
    check: &'static str,
    expected: Expected,
}

/// What must come of a component, with a part of what is said of it.
#[derive(Clone, Copy)]
enum Expected {
    Fault(&'static str, &'static str),
    Healthy,
    /// What the guest says of a target that is never dialled: no system takes the address for one.
    Unhealthy,
    Rejected(&'static str),
}

use Expected::{Fault, Healthy, Rejected, Unhealthy};

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault(kind, _) => write!(f, "`{kind}`"),
            Healthy => f.write_str("`healthy`"),
            Unhealthy => f.write_str("`unhealthy`"),
            Rejected(part) => write!(f, "rejected: {part}"),
        }
    }
}

#[test]
fn whatever_a_component_does_only_itself_is_harmed() {
    let sink = Target::tcp(|mut stream| drop(io::copy(&mut stream, &mut io::sink())));
    let source = Target::tcp(|mut stream| while stream.write_all(&[0; 4096]).is_ok() {});
    let page = Target::tcp(|stream| answer(stream, "HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n", 50_000_000));
    let metadata = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n";
    let elsewhere = Target::tcp(move |stream| answer(stream, metadata, 0));
    let door = Target::greeting("hello");
    let mut config = CONFIG.to_owned();
    for (name, probe, settings) in [
        ("page", "http", format!("url = \"http://127.0.0.1:{}/\"", page.port())),
        ("elsewhere", "http", format!("url = \"http://127.0.0.1:{}/\", follow_redirects = 3", elsewhere.port())),
        ("honest-door", "tcp", format!("host = \"127.0.0.1\", port = {}", door.port())),
    ] {
        config += &format!("[[check]]\nname = \"{name}\"\nprobe = \"{probe}\"\nsettings = {{ {settings} }}\n");
        if name == "page" {
            config += "limits.bytes_received = \"256KiB\"\n";
        }
    }
    let home = Home::new(&config);
    for number in 1..HONEST {
        home.drop_in(&format!("honest-{number}"), &guest::saying(&format!("honest {number}")));
    }
    let runner = home.start();
    let honest: Vec<String> =
        (1..HONEST).map(|number| format!("honest-{number}")).chain(["honest-door".to_owned()]).collect();
    for name in &honest {
        runner.wait_for_check(name, "is healthy", |check| check.status() == "healthy");
    }
    let mut rows = Vec::new();
    // What is set up once, and kept for the next time, is there afterwards.
    let warm = cases(&sink, &source);
    warm.iter().take(3).for_each(|case| suffer(&runner, case));
    let begun = (Instant::now(), runs(&runner, &honest));
    let before = runner.usage();
    for case in warm {
        let missed = missed_ticks(&runner);
        suffer(&runner, &case);
        let after = settled(&runner, &before, case.name);
        let missed = missed_ticks(&runner) - missed;
        rows.push(Row { name: case.name, came: case.expected.to_string(), missed, before, after });
    }
    for (name, fault) in [("page", "too-much-received"), ("elsewhere", "denied")] {
        let check = runner.wait_for_check(name, fault, |check| check.fault() == fault);
        assert!(check.message().contains("limits.bytes_received") || check.message().contains("http:169.254.169.254"));
        let after = settled(&runner, &before, name);
        rows.push(Row { name, came: format!("`{fault}`"), missed: 0, before, after });
    }
    damaged(&runner);
    let after = settled(&runner, &before, "damaged files");
    rows.push(Row { name: "damaged", came: "rejected, or as what it is".into(), missed: 0, before, after });

    rows.iter().for_each(|row| println!("{row}"));
    for name in &honest {
        let check = runner.check(name).unwrap();
        assert_eq!((check.status(), check.fault()), ("healthy", ""), "{name}: {}", check.message());
    }
    let (since, ran) = (begun.0.elapsed().as_secs(), runs(&runner, &honest) - begun.1);
    println!("{ran} honest runs in {since} s, {} ticks missed", missed_ticks(&runner));
    // One in a hundred is what a busy machine may cost.
    assert!(missed_ticks(&runner) * 100 <= ran, "{} of {ran} ticks were missed", missed_ticks(&runner));
    assert!(ran * 10 >= since * honest.len() as u64 * 9, "{ran} runs in {since} s");
    let log = runner.log();
    assert!(log.contains("9900 more lines were dropped") && log.contains("raise `limits.log_lines`"));
    assert!(!log.contains("panicked"), "{log}");
    told(&rows);
    runner.stop();
}

/// Every component but those that are broken as files.
fn cases(sink: &Target, source: &Target) -> Vec<Case> {
    let case = |name, component, check, expected| Case { name, component, check, expected };
    let guest = |name, expected| case(name, guest::fixture(name), "", expected);
    let program = |name, expected| case(name, guest::program(name), "", expected);
    let hostile = |name, expected| case(name, guest::hostile(name, &[]), "allow = [\"tcp:*:*\"]\n", expected);
    let at = |name, target: &Target, expected| {
        let component = guest::hostile(name, &[("PORT", &target.port().to_string())]);
        case(name, component, A_MEGABYTE, expected)
    };
    let denied = Fault("denied", "add to the check: allow");
    let mut cases = vec![
        guest("loops", Fault("out-of-fuel", "raise `limits.fuel`")),
        guest("eats-memory", Fault("out-of-memory", "raise `limits.memory`")),
        hostile("floods-sockets", Fault("too-many-sockets", "raise `limits.sockets`")),
        guest("loops-at-start", Rejected("fails as soon as it is started")),
        case("calls-without-end", guest::fixture("calls-without-end"), BRIEF, Fault("timeout", "still computing")),
        case("sleeps", guest::fixture("sleeps"), BRIEF, Fault("timeout", "still waiting")),
        guest("recurses", Fault("out-of-stack", "262144 bytes of stack")),
        guest("shouts", Fault("output-too-large", "more than 1048576 bytes")),
        guest("shouts-too-loud", Fault("trap", "out of bounds")),
        guest("crashes-at-leave", Healthy),
        guest("sleeps-at-leave", Healthy),
        hostile("grows-tables", Fault("tables-too-large", "raise `limits.table_elements`")),
        hostile("tells-too-much", Fault("output-too-large", "more than 1048576 bytes")),
        hostile("garbles", Fault("trap", "utf-8")),
        hostile("measures-nothing", Healthy),
        hostile("floods-names", Fault("too-many-lookups", "raise `limits.lookups`")),
        hostile("floods-log", Healthy),
        hostile("hoards-pollables", Fault("too-many-handles", "raise `limits.handles`")),
        hostile("leaves-open", Healthy),
        at("pours", sink, Fault("too-much-sent", "raise `limits.bytes_sent`")),
        at("swallows", source, Fault("too-much-received", "raise `limits.bytes_received`")),
        program("floods-output", Fault("output-too-large", "raise `limits.output`")),
        program("floods-errors", Healthy),
        program("never-ends", Fault("out-of-fuel", "raise `limits.fuel`")),
        case("huge-function", huge_function(), "", Rejected("compiling this component takes more than")),
        case("many-functions", many_functions(), "", Rejected("compiling this component takes more than")),
        case("nested-types", nested_types(), "", Rejected("damaged or incomplete")),
        case("nested-blocks", nested_blocks(), "", Rejected("compiling this component takes more than")),
        case("gigabyte", declaring(16_384, ""), "", Fault("out-of-memory", "wanted 1073741824 bytes")),
        case("four-gigabytes", declaring(65_536, ""), "", Rejected("fails as soon as it is started")),
        case("spread-data", declaring(1_000, &spread_data()), "", Healthy),
    ];
    for (name, family, address, expected) in [
        ("metadata", 0, "0 80 169 254 169 254 0 0 0 0 0 0", denied),
        ("metadata-mapped", 1, "1 80 0 0 0 0 0 0 65535 43518 43518 0", Unhealthy),
        ("metadata-of-ipv6", 1, "1 80 0 64768 3778 0 0 0 0 0 596 0", denied),
        ("unspecified", 0, "0 80 0 0 0 0 0 0 0 0 0 0", Unhealthy),
        ("unspecified-of-ipv6", 1, "1 80 0 0 0 0 0 0 0 0 0 0", Unhealthy),
        ("broadcast", 0, "0 80 255 255 255 255 0 0 0 0 0 0", Unhealthy),
        ("link-local-of-ipv6", 1, "1 80 0 65152 0 0 0 0 0 0 1 2", denied),
    ] {
        let address: String = address.split(' ').map(|number| format!("(i32.const {number})")).collect();
        let component = guest::hostile("dials-an-address", &[("FAMILY", &family.to_string()), ("ADDRESS", &address)]);
        cases.push(case(name, component, "allow = [\"tcp:*:*\"]\n", expected));
    }
    for (name, spelling, allow) in [
        ("decimal", "2852039166", "allow = [\"tcp:*:*\"]\n"),
        ("hexadecimal", "0xa9fea9fe", "allow = [\"tcp:*:*\"]\n"),
        ("octal", "0251.0376.0251.0376", "allow = [\"tcp:*:*\"]\n"),
        ("short", "169.254.43518", "allow = [\"tcp:*:*\"]\n"),
        ("by-name", "localhost", "allow = [\"tcp:*.example.com:80\"]\n"),
        ("loopback-decimal", "2130706433", "allow = [\"tcp:10.0.0.0/8:80\"]\n"),
    ] {
        let written = [("NAME", spelling), ("LENGTH", &*spelling.len().to_string())];
        let component = guest::hostile("dials-a-name", &written);
        cases.push(case(name, component, allow, denied));
    }
    cases
}

/// Drops a component in, waits for what must come of it, has it run some more, and takes it away.
fn suffer(runner: &Runner, case: &Case) {
    let Case { name, component, check, expected } = case;
    let sidecar = format!("probes.d/{name}.toml");
    runner.home.put(&sidecar, format!("[[check]]\n{check}").as_bytes());
    runner.home.drop_in(name, component);
    let again = |is_so: &dyn Fn(&Check) -> bool| {
        for _ in 0..3 {
            let check = runner.run(name);
            assert!(is_so(&check), "{name}: {} {}: {}", check.status(), check.fault(), check.message());
        }
    };
    match expected {
        Fault(kind, part) => {
            let is_so = |check: &Check| check.fault() == *kind && check.message().contains(part);
            runner.wait_for_check(name, kind, is_so);
            again(&is_so);
            let counted = format!("probity_check_faults_total{{check=\"{name}\",kind=\"{kind}\"}} ");
            let metrics = runner.get("/metrics").text();
            let count = metrics.lines().find_map(|line| line.strip_prefix(&counted)).unwrap();
            assert!(count.parse::<u64>().unwrap() >= 4, "{name}: {count}");
        }
        Healthy | Unhealthy => {
            let status = if matches!(expected, Healthy) { "healthy" } else { "unhealthy" };
            let is_so = |check: &Check| check.status() == status;
            runner.wait_for_check(name, status, is_so);
            again(&is_so);
        }
        Rejected(part) => {
            let reason = runner.wait_for_rejection(name);
            assert!(reason.contains(part), "{name}: {reason}");
        }
    }
    runner.home.remove(&sidecar);
    runner.home.remove(&format!("probes.d/{name}.wasm"));
    runner.wait_until_gone(name);
}

/// Files that were cut short, or of which some bits are others.
fn damaged(runner: &Runner) {
    let good = guest::fixture("dials");
    let mut files = Vec::new();
    for part in 1..8 {
        files.push((format!("cut-{part}"), good[..good.len() * part / 8].to_vec()));
    }
    // Any that are spread over the whole, and the same each time.
    for flip in 0..24_usize {
        let mut flipped = good.clone();
        let at = flip * 7919 % flipped.len();
        flipped[at] ^= 1 << (flip % 8);
        files.push((format!("flipped-{flip}"), flipped));
    }
    for (name, bytes) in &files {
        runner.home.drop_in(name, bytes);
    }
    for (name, _) in &files {
        runner.wait_for_probe(name, "is judged", |probe| probe["state"] == "rejected" || probe["state"] == "loaded");
        if name.starts_with("cut") {
            assert!(runner.wait_for_rejection(name).contains("damaged or incomplete"));
        }
        runner.home.remove(&format!("probes.d/{name}.wasm"));
    }
    runner.wait_for("the damaged files to be gone", || {
        let probes = runner.json("/probes").to_string();
        if probes.contains("flipped-") || probes.contains("cut-") { Err(probes) } else { Ok(()) }
    });
}

/// Waits until threads, files and memory are what they were, but for what comes and goes.
fn settled(runner: &Runner, before: &Usage, name: &str) -> Usage {
    let patient = Deadline::new();
    loop {
        let now = runner.usage();
        let is_little = now.threads <= before.threads + COMING_AND_GOING
            && now.files <= before.files + COMING_AND_GOING
            && now.resident_kib <= before.resident_kib + KEPT_KIB;
        if is_little {
            return now;
        }
        patient.pause(|| format!("{name} to leave nothing behind: {now:?} after {before:?}"));
    }
}

/// Ticks that passed while a run was going, of the honest checks.
fn missed_ticks(runner: &Runner) -> u64 {
    let metrics = runner.get("/metrics").text();
    let of_honest = metrics.lines().filter(|line| line.starts_with("probity_check_missed_ticks_total{check=\"honest-"));
    of_honest.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

fn runs(runner: &Runner, checks: &[String]) -> u64 {
    checks.iter().map(|name| runner.check(name).unwrap().runs()).sum()
}

/// Answers one request with a head and so many bytes.
fn answer(mut stream: std::net::TcpStream, head: &str, bytes: usize) {
    let mut request = [0; 4096];
    // Whoever leaves early is of no interest.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.read(&mut request);
    let _ = stream.write_all(head.as_bytes());
    for _ in 0..bytes / 4096 {
        if stream.write_all(&request).is_err() {
            return;
        }
    }
}

/// A row of the table.
struct Row {
    name: &'static str,
    came: String,
    missed: u64,
    before: Usage,
    after: Usage,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = |now: u64, then: u64| i128::from(now) - i128::from(then);
        write!(
            f,
            "| {} | {} | {} | {:+.1} MiB | {:+} | {:+} |",
            self.name,
            self.came,
            self.missed,
            more(self.after.resident_kib, self.before.resident_kib) as f64 / 1024.0,
            more(self.after.threads, self.before.threads),
            more(self.after.files, self.before.files),
        )
    }
}

/// The page on security tells of each what came of it.
fn told(rows: &[Row]) {
    let page = std::fs::read_to_string(guest::repository().join("host/SECURITY.md")).unwrap();
    for Row { name, came, .. } in rows {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("host/SECURITY.md does not tell of `{name}`"));
        assert!(row.ends_with(&format!("| {came} |")), "host/SECURITY.md says `{row}`, and it is {came}");
    }
}

/// A component whose `check` does this and is well then.
fn doing(before: &str, body: &str) -> Vec<u8> {
    let wat = format!(
        r#"(module
            (memory (export "memory") 1)
            {before}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
            (func (export "probity:probe/checker@0.1.0#check")
                (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) {body} i32.const 0))"#
    );
    guest::component(&wat, "bare-checker-probe")
}

/// One function of many megabytes.
fn huge_function() -> Vec<u8> {
    doing("", &"local.get 0 i32.load local.get 0 i32.add local.set 0 ".repeat(500_000))
}

/// Fifty thousand functions, none of which is called.
fn many_functions() -> Vec<u8> {
    let functions: String = (0..50_000)
        .map(|number| {
            let body = "local.get 0 i32.const 7 i32.mul local.get 0 i32.xor local.set 0 ".repeat(8);
            format!("(func (param i32) (result i32) {body} local.get 0 i32.const {number} i32.add)")
        })
        .collect();
    doing(&functions, "")
}

/// Lists of lists of lists.
fn nested_types() -> Vec<u8> {
    let types: String = (1..5_000).map(|depth| format!("(type $t{depth} (list $t{}))", depth - 1)).collect();
    wat::parse_str(format!(
        r#"(component (type $t0 (list u8)) {types} (instance $i) (export "probity:probe/checker@0.1.0" (instance $i)))"#
    ))
    .unwrap()
}

/// Blocks in blocks in blocks.
fn nested_blocks() -> Vec<u8> {
    const DEPTH: usize = 200_000;
    doing("", &format!("{} {}", "block ".repeat(DEPTH), "end ".repeat(DEPTH)))
}

/// A component that declares so many pages of memory.
fn declaring(pages: u32, data: &str) -> Vec<u8> {
    let wat = format!(
        r#"(module
            (memory (export "memory") {pages})
            {data}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
            (func (export "probity:probe/checker@0.1.0#check")
                (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) i32.const 0))"#
    );
    guest::component(&wat, "bare-checker-probe")
}

/// A few bytes in each of many pages: a small file that is a large image.
fn spread_data() -> String {
    (1..1_000_u32).map(|page| format!("(data (i32.const {}) \"x\")", page * 65_536)).collect()
}
