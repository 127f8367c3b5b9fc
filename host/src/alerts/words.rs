//! An event in words, for those who are told of it.

use probity_core::event::Event;

/// What happened, in one line.
pub(super) fn of(event: &Event) -> String {
    match event {
        Event::StateChange(change) => {
            format!("{} -> {} ({})", change.from.as_str(), change.to.as_str(), change.cause.as_str())
        }
        Event::Connected { lost_for: Some(lost_for) } => format!("connected again after {lost_for:.1?}"),
        Event::Connected { lost_for: None } => "connected".into(),
        Event::Disconnected { cause } => format!("disconnected ({})", cause.as_str()),
        Event::Reconnecting { attempt, delay } => format!("attempt {attempt} to reconnect in {delay:.1?}"),
        Event::MaxReconnectAttemptsReached { attempts } => format!("gave up after {attempts} attempts"),
        Event::HealthChange { from, to, message } => format!("{} -> {}: {message}", from.as_str(), to.as_str()),
        Event::Error { message } => message.to_string(),
        Event::Fault(fault) => format!("{}: {}", fault.kind.as_str(), fault.message),
        Event::CircuitChange { of, change } => format!(
            "the circuit of the {} went from {} to {} ({})",
            of.as_str(),
            change.from.as_str(),
            change.to.as_str(),
            change.cause.as_str()
        ),
        Event::FlappingStart { share } => format!("{:.0} % of the latest results are changes", share * 100.0),
        Event::FlappingEnd { health, .. } => format!("it keeps to its mind again: {}", health.as_str()),
        Event::ModeChange { from, to } => format!("mode {} -> {}", from.as_str(), to.as_str()),
    }
}
