//! Durations in words.

use std::time::Duration;

/// A duration as Go writes it, in whole seconds.
pub(super) fn in_words(duration: Duration) -> String {
    let (hours, minutes, seconds) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60, duration.as_secs() % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_words_as_go_writes_them() {
        let table = [(0, "0s"), (59, "59s"), (60, "1m0s"), (3600, "1h0m0s"), (86_400, "24h0m0s"), (90_061, "25h1m1s")];
        for (seconds, words) in table {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
