//! Echoes and the machine, played by the same script: every figure is what the fuzzer thinks of.
#![allow(missing_docs, clippy::unused_self, reason = "the contract says what each is")]

use super::next;

/// The next figure; zero once the script is over.
fn number() -> u64 {
    next(8).unwrap_or_default().into_iter().fold(0, |number, byte| number << 8 | u64::from(byte))
}

/// The next text.
fn text() -> String {
    String::from_utf8_lossy(&next(64).unwrap_or_default()).into_owned()
}

pub mod icmp {
    use super::number;
    pub use crate::generated::probity::probe::icmp::{Answer, Complaint, Error, Reply};
    use crate::{
        bindings::{is_over, wasi::clocks::monotonic_clock},
        generated::wasi::sockets::network::IpAddress,
    };

    pub struct Echo;

    impl Echo {
        pub fn open(_: IpAddress) -> Result<Echo, Error> {
            Ok(Echo)
        }

        pub fn send(&self, _: u16, _: u32) -> Result<(), Error> {
            Ok(())
        }

        pub fn receive(&self, _: u64) -> Result<Option<Answer>, Error> {
            if is_over() {
                // The time that was waited for nothing goes by with the looks at the clock.
                monotonic_clock::now();
                return Ok(None);
            }
            let (kind, sequence) = (number(), number() as u16);
            let sender = IpAddress::Ipv4((192, 0, 2, number() as u8));
            let complaint = Complaint { sequence, sender, code: number() as u8 };
            Ok(Some(match kind % 3 {
                0 => Answer::DestinationUnreachable(complaint),
                1 => Answer::TimeExceeded(complaint),
                _ => Answer::Reply(Reply {
                    sequence,
                    round_trip: number(),
                    ttl: number() as u8,
                    payload_size: number() as u32,
                    intact: number() % 2 == 0,
                }),
            }))
        }
    }
}

pub mod system {
    use super::{number, text};
    pub use crate::generated::probity::probe::system::{Cpu, CpuGroup, Disk, Error, Inodes, Load, Memory, MemoryGroup};

    /// Whether there is something that may not be there.
    fn is_there() -> bool {
        number() % 2 == 1
    }

    pub fn read_disk(_: &str, _: u64) -> Result<Disk, Error> {
        if is_there() {
            return Err(Error::Broken(text()));
        }
        Ok(Disk {
            total: number(),
            free: number(),
            available: number(),
            inodes: is_there().then(|| Inodes { total: number(), free: number(), available: number() }),
            kind: text(),
            mount_point: text(),
            read_only: is_there(),
        })
    }

    pub fn read_memory() -> Result<Memory, Error> {
        Ok(Memory {
            total: number(),
            available: number(),
            swap_total: number(),
            swap_free: number(),
            control_group: is_there().then(|| MemoryGroup {
                path: text(),
                limit: number(),
                used: number(),
                reclaimable: number(),
            }),
        })
    }

    pub fn read_cpu() -> Result<Cpu, Error> {
        Ok(Cpu {
            cores: number() as u32,
            busy: number(),
            idle: number(),
            iowait: number(),
            steal: number(),
            load: Load {
                one: f64::from_bits(number()),
                five: f64::from_bits(number()),
                fifteen: f64::from_bits(number()),
            },
            control_group: is_there().then(|| CpuGroup {
                path: text(),
                cores: f64::from_bits(number()),
                periods: number(),
                throttled_periods: number(),
                throttled: number(),
            }),
        })
    }
}
