//! A network of its own for a test: a place for the runner, a router, and a target behind it. It is gone with whoever made it,
//! however he ends.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use nix::sched::{CloneFlags, setns};

use crate::{
    runner::{Ended, run_to_end},
    servers,
};

/// Programs that make it.
const NEEDED: [&str; 5] = ["ip", "nft", "sysctl", "nsenter", "setpriv"];

/// What lies where: the runner at 1, the router at 2, the target at 3 of another subnet. Further subnets are nowhere, and the
/// router knows what to say of each: 2 is unreachable, 3 is prohibited, to 4 there is silence. To 5 and 6 the runner's own
/// machine knows no way.
const LAYOUT: &str = "
    mkdir -p /run/netns
    mount -t tmpfs none /run/netns
    ip link set lo up
    ip netns add router
    ip netns add target
    ip link add near type veth peer name near netns router
    ip -n router link add far type veth peer name far netns target
    ip addr add 10.80.0.1/24 dev near
    ip addr add fd80::1/64 dev near nodad
    ip -n router addr add 10.80.0.2/24 dev near
    ip -n router addr add fd80::2/64 dev near nodad
    ip -n router addr add 10.80.1.2/24 dev far
    ip -n router addr add fd80:1::2/64 dev far nodad
    ip -n target addr add 10.80.1.3/24 dev far
    ip -n target addr add fd80:1::3/64 dev far nodad
    ip link set near up
    ip -n router link set lo up
    ip -n router link set near up
    ip -n router link set far up
    ip -n target link set lo up
    ip -n target link set far up
    ip netns exec router sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip netns exec router sysctl -q -w net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
    ip route add default via 10.80.0.2
    ip route add default via fd80::2
    ip -n target route add default via 10.80.1.2
    ip -n target route add default via fd80:1::2
    ip -n router route add unreachable 10.80.2.0/24
    ip -n router route add unreachable fd80:2::/64
    ip -n router route add prohibit 10.80.3.0/24
    ip -n router route add prohibit fd80:3::/64
    ip -n router route add blackhole 10.80.4.0/24
    ip -n router route add blackhole fd80:4::/64
    ip route add unreachable 10.80.5.0/24
    ip route add unreachable fd80:5::/64
    ip route add blackhole 10.80.6.0/24
    echo ready
    # It ends when nobody holds the other end any more, and everything with it.
    exec cat
";

/// The network.
pub struct Network {
    holder: Child,
}

impl Network {
    /// `None`, said aloud, if this process may make none.
    pub fn new() -> Option<Network> {
        for program in NEEDED {
            servers::find(program)?;
        }
        if !may_unshare("--net")? {
            eprintln!("SKIPPED: this test needs a network of its own, and this process may make none");
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--", "sh", "-e", "-c", LAYOUT]).env("PATH", path());
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the network could not be made");
        Some(Network { holder })
    }

    /// Runs a script where the runner is; `ip -n` and `ip netns exec` lead on to the `router` and the `target`.
    #[track_caller]
    pub fn sh(&self, script: &str) {
        let mut command = self.enter(&["--mount"]);
        command.args(["sh", "-e", "-c", script]);
        let ended = run_to_end(command);
        assert_eq!(ended.code, Some(0), "{script}: {ended:?}");
    }

    /// The same command, run where the runner is, by way of others such as `setpriv`.
    pub fn inside(&self, by_way_of: &[&str], command: Command) -> Command {
        let mut inside = self.enter(&[]);
        inside.args(by_way_of);
        same(&command, inside)
    }

    fn enter(&self, more: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.env("PATH", path()).args(["--target", &self.holder.id().to_string(), "--net"]).args(more).arg("--");
        command
    }

    /// Does something from where the runner is: a thread's sockets are of the network that it is in.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.holder.id())).unwrap();
        let entered = move || {
            setns(network, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(entered).join().unwrap())
    }

    /// Whether the runner may use sockets for echo requests that need no privilege.
    pub fn let_groups_ping(&self, all: bool) {
        let groups = if all { "0 2147483647" } else { "1 0" };
        self.sh(&format!("sysctl -q -w net.ipv4.ping_group_range='{groups}'"));
    }

    /// Runs the program to its end, where the runner is.
    #[track_caller]
    pub fn run(&self, by_way_of: &[&str], command: Command) -> Ended {
        run_to_end(self.inside(by_way_of, command))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Whether this process may have something of its own that others share. `None`, said aloud, if nobody can tell.
pub fn may_unshare(what: &str) -> Option<bool> {
    let mut unshare = Command::new(servers::find("unshare")?);
    let tried = unshare.args([what, "--", "true"]).stderr(Stdio::null()).status();
    Some(tried.is_ok_and(|status| status.success()))
}

/// Where programs lie, those for administrators among them.
fn path() -> String {
    std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin"
}

/// A command that runs another one after it has done its part, in the same folder and environment.
pub fn same(command: &Command, mut before: Command) -> Command {
    before.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        before.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => before.env(name, value),
            None => before.env_remove::<&OsStr>(name),
        };
    }
    before.stdin(Stdio::null());
    before
}
